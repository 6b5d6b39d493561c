#include "sum_s8.h"

namespace sinter {

Status sum_s8_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const SumS8Params& p = *static_cast<const SumS8Params*>(params);
  if (!reduction_valid(p) || !in_range(p.in_zero, -128, 127) || !in_range(p.out_zero, -128, 127)) return kBadParams;
  if (count != 2 || operands[1].writable == 0 || !holds<int8_t>(operands[1], reduction_outputs(p))) return kBadOperands;
  return reduction_inside(p, operands[0], 1) ? kOk : kBadOperands;
}

int32_t sum_s8_tiles(const Kernel&, const void* params) { return reduction_tiles(*static_cast<const SumS8Params*>(params)); }

size_t sum_s8_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
