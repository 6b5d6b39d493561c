#include "depthwise_s8.h"

namespace sinter {

Status depthwise_s8_check(const Kernel& kernel, const void* params, const Extent* operands, size_t count) {
  const DepthwiseS8Params& p = *static_cast<const DepthwiseS8Params*>(params);
  if (!depthwise_valid(kernel, p) || !in_range(p.in_zero, -128, 127) || !in_range(p.out_zero, -128, 127)) return kBadParams;
  if (!in_range(p.out_min, -128, p.out_max) || p.out_max > 127) return kBadParams;
  if (count != 6 || operands[5].writable == 0) return kBadOperands;
  if (!holds<int8_t>(operands[0], input_count(p)) || !holds<int8_t>(operands[1], depthwise_weights(kernel, p))) return kBadOperands;
  for (int i = 2; i < 5; ++i) {
    if (!holds<int32_t>(operands[i], depthwise_channels(kernel, p))) return kBadOperands;
  }
  if (!holds<int8_t>(operands[5], output_count(p))) return kBadOperands;
  return kernel.mr > 1 && (p.out_channels != p.in_channels || taps(p) > kTableTaps) ? kUnsupported : kOk;
}

int32_t depthwise_s8_tiles(const Kernel&, const void* params) {
  return output_rows(*static_cast<const DepthwiseS8Params*>(params));
}

size_t depthwise_s8_scratch(const Kernel& kernel, const void* params) {
  const DepthwiseS8Params& p = *static_cast<const DepthwiseS8Params*>(params);
  if (kernel.mr == 1) return 0;
  const int32_t depth = div_up(taps(p), kernel.kr) * kernel.kr;
  const int32_t channels = p.in_channels < kZeroChannels ? div_up(p.in_channels, kernel.nr) * kernel.nr : kZeroChannels;
  return static_cast<size_t>(depth * kernel.mr) * sizeof(void*) + static_cast<size_t>(channels);
}

}  // namespace sinter
