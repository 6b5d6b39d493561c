#include "depthwise_f32.h"

namespace sinter {

Status depthwise_f32_check(const Kernel& kernel, const void* params, const Extent* operands, size_t count) {
  const DepthwiseF32Params& p = *static_cast<const DepthwiseF32Params*>(params);
  if (!depthwise_valid(kernel, p) || !(p.low <= p.high)) return kBadParams;
  if (count != 4 || operands[3].writable == 0) return kBadOperands;
  if (!holds<float>(operands[0], input_count(p)) || !holds<float>(operands[1], depthwise_weights(kernel, p))) return kBadOperands;
  if (!holds<float>(operands[2], depthwise_channels(kernel, p)) || !holds<float>(operands[3], output_count(p))) return kBadOperands;
  return kernel.mr > 1 && p.out_channels != p.in_channels ? kUnsupported : kOk;
}

int32_t depthwise_f32_tiles(const Kernel&, const void* params) {
  return output_rows(*static_cast<const DepthwiseF32Params*>(params));
}

size_t depthwise_f32_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
