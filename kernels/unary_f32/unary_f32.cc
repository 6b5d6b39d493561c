#include "unary_f32.h"

namespace sinter {

Status unary_f32_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const UnaryF32Params& p = *static_cast<const UnaryF32Params*>(params);
  if (!in_range(p.count, 0, INT32_MAX - kBlock) || !in_range(p.function, 0, kUnaryFunctions - 1)) return kBadParams;
  if (count != 2 || operands[1].writable == 0) return kBadOperands;
  return holds<float>(operands[0], p.count) && holds<float>(operands[1], p.count) ? kOk : kBadOperands;
}

int32_t unary_f32_tiles(const Kernel&, const void* params) {
  return div_up(static_cast<const UnaryF32Params*>(params)->count, kBlock);
}

size_t unary_f32_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
