#include "softmax_f32.h"

namespace sinter {

Status softmax_f32_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const SoftmaxF32Params& p = *static_cast<const SoftmaxF32Params*>(params);
  if (p.outer < 1 || p.depth < 1 || p.inner < 1 || !in_range(p.log, 0, 1)) return kBadParams;
  const Count size = Count(p.outer) * Count(p.depth) * Count(p.inner);
  if (size.value > INT32_MAX) return kBadParams;
  if (count != 2 || operands[1].writable == 0) return kBadOperands;
  return holds<float>(operands[0], size) && holds<float>(operands[1], size) ? kOk : kBadOperands;
}

int32_t softmax_f32_tiles(const Kernel&, const void* params) {
  const SoftmaxF32Params& p = *static_cast<const SoftmaxF32Params*>(params);
  return p.outer * div_up(p.inner, kSoftmaxColumns);
}

size_t softmax_f32_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
