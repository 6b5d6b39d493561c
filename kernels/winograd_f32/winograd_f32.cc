#include "winograd_f32.h"

namespace sinter {

size_t winograd_f32_scratch(const Kernel& kernel, const void* params);

Status winograd_f32_check(const Kernel& kernel, const void* params, const Extent* operands, size_t count) {
  const WinogradF32Params& p = *static_cast<const WinogradF32Params*>(params);
  if (!conv_valid(kernel, p) || !(p.low <= p.high)) return kBadParams;
  if (count != 4 || operands[3].writable == 0) return kBadOperands;
  const int32_t taps[3] = {1, 3, 3};
  for (int i = 0; i < 3; ++i) {
    if (p.kernel[i] != taps[i] || p.stride[i] != 1 || p.dilation[i] != 1) return kUnsupported;
  }
  if (p.groups != 1 || p.in[0] != 1 || p.out[0] != 1 || p.pad[0] != 0) return kUnsupported;
  const Count weights = conv_columns(kernel, p) * Count(p.in_channels) * Count(kFrequencies);
  if (!(weights <= Count(INT32_MAX))) return kBadParams;
  if (!holds<float>(operands[0], input_count(p)) || !holds<float>(operands[1], weights)) return kBadOperands;
  if (!holds<float>(operands[2], conv_columns(kernel, p)) || !holds<float>(operands[3], output_count(p))) return kBadOperands;
  // Few channels are transformed for too few products; many do not fit.
  if (kernel.mr > 1 && (p.in_channels < 8 || p.in_channels > 1024 || p.out_channels < 8)) return kUnsupported;
  return winograd_f32_scratch(kernel, params) <= kWinogradScratch ? kOk : kUnsupported;
}

int32_t winograd_f32_tiles(const Kernel& kernel, const void* params) {
  const WinogradF32Params& p = *static_cast<const WinogradF32Params*>(params);
  return div_up(winograd_tiles(p), kernel.mr) * winograd_splits(p, kernel.mr, kernel.nr);
}

size_t winograd_f32_scratch(const Kernel& kernel, const void* params) {
  if (kernel.mr == 1) return 0;
  const WinogradF32Params& p = *static_cast<const WinogradF32Params*>(params);
  const int32_t zeros = div_up(p.in_channels, 16) * 16;
  const int32_t floats = zeros + kFrequencies * (winograd_input_step(p, kernel.mr) + winograd_product_step(kernel.mr));
  return static_cast<size_t>(floats) * sizeof(float);
}

}  // namespace sinter
