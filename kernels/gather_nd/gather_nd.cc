#include "gather_nd.h"

namespace sinter {

Status gather_nd_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const GatherNdParams& p = *static_cast<const GatherNdParams*>(params);
  if (p.batch < 1 || p.rows < 1 || p.inner < 1 || !index_size_valid(p.index_size)) return kBadParams;
  const Count rows = Count(p.batch) * Count(p.rows), slices = indexed_slices(p.extent, p.depth);
  if (slices.value == 0 || slices.value > INT32_MAX || rows.value > INT32_MAX) return kBadParams;
  if (count != 3 || operands[2].writable == 0) return kBadOperands;
  if (!holds<uint8_t>(operands[0], Count(p.batch) * slices * Count(p.inner))) return kBadOperands;
  if (!holds_elements(operands[1], p.index_size, rows * Count(p.depth))) return kBadOperands;
  return holds<uint8_t>(operands[2], rows * Count(p.inner)) ? kOk : kBadOperands;
}

int32_t gather_nd_tiles(const Kernel&, const void* params) {
  const GatherNdParams& p = *static_cast<const GatherNdParams*>(params);
  return p.batch * p.rows;
}

size_t gather_nd_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
