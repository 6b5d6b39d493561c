#include "conv_s8.h"

namespace sinter {

Status conv_s8_check(const Kernel& kernel, const void* params, const Extent* operands, size_t count) {
  const ConvS8Params& p = *static_cast<const ConvS8Params*>(params);
  if (!conv_valid(kernel, p) || !in_range(p.in_zero, -128, 127) || !in_range(p.out_zero, -128, 127)) return kBadParams;
  if (!in_range(p.out_min, -128, p.out_max) || p.out_max > 127) return kBadParams;
  if (count != 6 || operands[5].writable == 0) return kBadOperands;
  if (!holds<int8_t>(operands[0], input_count(p)) || !holds<int8_t>(operands[1], conv_weights(kernel, p))) return kBadOperands;
  for (int i = 2; i < 5; ++i) {
    if (!holds<int32_t>(operands[i], conv_columns(kernel, p))) return kBadOperands;
  }
  return holds<int8_t>(operands[5], output_count(p)) ? kOk : kBadOperands;
}

int32_t conv_s8_tiles(const Kernel& kernel, const void* params) {
  return conv_tiles(*static_cast<const ConvS8Params*>(params), kernel.mr, kernel.nr);
}

size_t conv_s8_scratch(const Kernel& kernel, const void* params) {
  if (kernel.mr == 1) return 0;
  const int32_t depth = widened_depth(*static_cast<const ConvS8Params*>(params), kernel.kr);
  return static_cast<size_t>(kernel.mr * depth + kWidenedSlack) * sizeof(int16_t);
}

}  // namespace sinter
