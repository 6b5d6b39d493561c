#include "move.h"

namespace sinter {

Status move_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const MoveParams& p = *static_cast<const MoveParams*>(params);
  if (!shape_valid(p.shape) || !element_size_valid(p.size)) return kBadParams;
  if (count != 2 || operands[1].writable == 0) return kBadOperands;
  if (!reaches_inside(operands[0], p.size, p.shape, p.in_stride, p.in_offset)) return kBadOperands;
  return reaches_inside(operands[1], p.size, p.shape, p.out_stride, p.out_offset) ? kOk : kBadOperands;
}

int32_t move_tiles(const Kernel&, const void* params) {
  const MoveParams& p = *static_cast<const MoveParams*>(params);
  return index_count(p.shape) / (p.shape[6] * p.shape[7]) * div_up(p.shape[6], kMoveRows);
}

size_t move_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
