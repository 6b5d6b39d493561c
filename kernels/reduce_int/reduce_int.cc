#include "reduce_int.h"

#include "../dtype.h"

namespace sinter {

Status reduce_int_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const ReduceIntParams& p = *static_cast<const ReduceIntParams*>(params);
  if (!reduction_valid(p) || !in_range(p.kind, kReduceIntSum, kReduceIntMinimum)) return kBadParams;
  if (!with_integer(p.dtype, [](auto) {})) return kBadParams;
  const int32_t size = dtype_size(p.dtype);
  if (count != 2 || operands[1].writable == 0 || !holds_elements(operands[1], size, reduction_outputs(p))) return kBadOperands;
  return reduction_inside(p, operands[0], size) ? kOk : kBadOperands;
}

int32_t reduce_int_tiles(const Kernel&, const void* params) {
  return reduction_tiles(*static_cast<const ReduceIntParams*>(params));
}

size_t reduce_int_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
