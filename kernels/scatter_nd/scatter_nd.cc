#include "scatter_nd.h"

namespace sinter {

Status scatter_nd_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const ScatterNdParams& p = *static_cast<const ScatterNdParams*>(params);
  if (p.rows < 1 || p.inner < 1 || !index_size_valid(p.index_size) || !reduction_valid(p.dtype, p.reduction)) return kBadParams;
  const Count slices = indexed_slices(p.extent, p.depth), elements = slices * Count(p.inner);
  if (slices.value == 0 || elements.value > INT32_MAX) return kBadParams;
  if (count != 4 || operands[3].writable == 0) return kBadOperands;
  const int32_t size = dtype_size(p.dtype);
  if (!holds_elements(operands[0], size, elements)) return kBadOperands;
  if (!holds_elements(operands[1], p.index_size, Count(p.rows) * Count(p.depth))) return kBadOperands;
  if (!holds_elements(operands[2], size, Count(p.rows) * Count(p.inner))) return kBadOperands;
  return holds_elements(operands[3], size, elements) ? kOk : kBadOperands;
}

int32_t scatter_nd_tiles(const Kernel&, const void*) { return 1; }

size_t scatter_nd_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
