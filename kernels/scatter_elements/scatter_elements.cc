#include "scatter_elements.h"

namespace sinter {

Status scatter_elements_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const ScatterElementsParams& p = *static_cast<const ScatterElementsParams*>(params);
  if (!shape_valid(p.shape) || p.elements < 1 || !index_size_valid(p.index_size)) return kBadParams;
  if (!reduction_valid(p.dtype, p.reduction)) return kBadParams;
  if (count != 4 || operands[3].writable == 0) return kBadOperands;
  const int32_t size = dtype_size(p.dtype);
  const Count elements(p.elements), updates(index_count(p.shape));
  const Extent written{static_cast<uint64_t>(p.elements) * static_cast<uint64_t>(size), static_cast<uint32_t>(size), 1};
  if (!indexed_inside(written, size, p.shape, p.data_stride, p.axis_stride, p.extent)) return kBadParams;
  if (!holds_elements(operands[0], size, elements) || !holds_elements(operands[1], p.index_size, updates)) return kBadOperands;
  return holds_elements(operands[2], size, updates) && holds_elements(operands[3], size, elements) ? kOk : kBadOperands;
}

int32_t scatter_elements_tiles(const Kernel&, const void*) { return 1; }

size_t scatter_elements_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
