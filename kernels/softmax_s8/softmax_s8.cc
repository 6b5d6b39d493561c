#include "softmax_s8.h"

namespace sinter {

Status softmax_s8_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const SoftmaxS8Params& p = *static_cast<const SoftmaxS8Params*>(params);
  if (p.outer < 1 || p.inner < 1 || !in_range(p.depth, 1, kSoftmaxMaxDepth)) return kBadParams;
  const Count size = Count(p.outer) * Count(p.depth) * Count(p.inner);
  if (size.value > INT32_MAX) return kBadParams;
  if (count != 3 || operands[2].writable == 0) return kBadOperands;
  const bool fits =
      holds<int8_t>(operands[0], size) && holds<int32_t>(operands[1], int32_t{256}) && holds<int8_t>(operands[2], size);
  return fits ? kOk : kBadOperands;
}

int32_t softmax_s8_tiles(const Kernel&, const void* params) {
  const SoftmaxS8Params& p = *static_cast<const SoftmaxS8Params*>(params);
  return p.outer * p.inner;
}

size_t softmax_s8_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
