#include "prelu_s8.h"

namespace sinter {

Status prelu_s8_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const PreluS8Params& p = *static_cast<const PreluS8Params*>(params);
  if (!broadcast_valid(p) || !in_range(p.a_zero, -128, 127) || !in_range(p.b_zero, -128, 127)) return kBadParams;
  if (!in_range(p.out_zero, -128, 127)) return kBadParams;
  return count == 3 && broadcast_holds<int8_t, int8_t, int8_t>(p, operands) ? kOk : kBadOperands;
}

int32_t prelu_s8_tiles(const Kernel&, const void* params) { return broadcast_tiles(*static_cast<const PreluS8Params*>(params)); }

size_t prelu_s8_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
