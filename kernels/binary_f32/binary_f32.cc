#include "binary_f32.h"

namespace sinter {

Status binary_f32_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const BinaryF32Params& p = *static_cast<const BinaryF32Params*>(params);
  if (!broadcast_valid(p) || !in_range(p.function, 0, kBinaryFunctions - 1)) return kBadParams;
  return count == 3 && broadcast_holds<float, float, float>(p, operands) ? kOk : kBadOperands;
}

int32_t binary_f32_tiles(const Kernel&, const void* params) {
  return broadcast_tiles(*static_cast<const BinaryF32Params*>(params));
}

size_t binary_f32_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
