#include "where.h"

namespace sinter {

Status where_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const WhereParams& p = *static_cast<const WhereParams*>(params);
  if (!shape_valid(p.shape) || !element_size_valid(p.size)) return kBadParams;
  if (count != 4 || operands[3].writable == 0) return kBadOperands;
  if (!reaches_inside(operands[0], 1, p.shape, p.condition_stride, 0)) return kBadOperands;
  if (!reaches_inside(operands[1], p.size, p.shape, p.a_stride, 0)) return kBadOperands;
  if (!reaches_inside(operands[2], p.size, p.shape, p.b_stride, 0)) return kBadOperands;
  return holds_elements(operands[3], p.size, Count(index_count(p.shape))) ? kOk : kBadOperands;
}

int32_t where_tiles(const Kernel&, const void* params) {
  return div_up(index_count(static_cast<const WhereParams*>(params)->shape), kBlock);
}

size_t where_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
