#include "conv_f32.h"

namespace sinter {

Status conv_f32_check(const Kernel& kernel, const void* params, const Extent* operands, size_t count) {
  const ConvF32Params& p = *static_cast<const ConvF32Params*>(params);
  if (!conv_valid(kernel, p) || !(p.low <= p.high)) return kBadParams;
  if (count != 4 || operands[3].writable == 0) return kBadOperands;
  if (!holds<float>(operands[0], input_count(p)) || !holds<float>(operands[1], conv_weights(kernel, p))) return kBadOperands;
  return holds<float>(operands[2], conv_columns(kernel, p)) && holds<float>(operands[3], output_count(p)) ? kOk : kBadOperands;
}

int32_t conv_f32_tiles(const Kernel& kernel, const void* params) {
  return conv_tiles(*static_cast<const ConvF32Params*>(params), kernel.mr, kernel.nr);
}

size_t conv_f32_scratch(const Kernel& kernel, const void* params) {
  if (kernel.mr == 1) return 0;
  const ConvF32Params& p = *static_cast<const ConvF32Params*>(params);
  const bool wide = kernel.mr >= kLinesMr;
  const ConvSegments plan = wide ? conv_segments(p, conv_lines(p, kernel.mr)) : conv_segments(p, true);
  const int32_t floats = plan.gathered ? kernel.mr * plan.floats : plan.floats;
  return conv_table(kernel.mr, wide ? conv_entries(plan) : plan.block) + static_cast<size_t>(floats) * sizeof(float);
}

}  // namespace sinter
