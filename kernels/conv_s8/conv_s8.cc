#include "conv_s8.h"

namespace sinter {

Status conv_s8_check(const Kernel& kernel, const void* params, const Extent* operands, size_t count) {
  const ConvS8Params& p = *static_cast<const ConvS8Params*>(params);
  if (!spatial_valid(p) || p.groups < 1 || p.in_channels % p.groups != 0 || p.out_channels % p.groups != 0) return kBadParams;
  if (!in_range(p.in_zero, -128, 127) || !in_range(p.out_zero, -128, 127)) return kBadParams;
  if (!in_range(p.out_min, -128, p.out_max) || p.out_max > 127) return kBadParams;
  Count columns = Count(conv_panels(p, kernel.nr)) * Count(kernel.nr) * Count(p.groups);
  Count depth(round_up(static_cast<uint64_t>(conv_depth(p)), static_cast<uint64_t>(kernel.kr)));
  if (columns.value > INT32_MAX || (columns * depth).value > INT32_MAX) return kBadParams;
  if ((Count(div_up(output_pixels(p), kernel.mr)) * Count(p.groups) * Count(conv_panels(p, kernel.nr))).value > INT32_MAX)
    return kBadParams;
  if (count != 6 || operands[5].writable == 0) return kBadOperands;
  if (!holds<int8_t>(operands[0], input_count(p)) || !holds<int8_t>(operands[1], columns * depth)) return kBadOperands;
  for (int i = 2; i < 5; ++i) {
    if (!holds<int32_t>(operands[i], columns)) return kBadOperands;
  }
  return holds<int8_t>(operands[5], output_count(p)) ? kOk : kBadOperands;
}

int32_t conv_s8_tiles(const Kernel& kernel, const void* params) {
  const ConvS8Params& p = *static_cast<const ConvS8Params*>(params);
  return div_up(output_pixels(p), kernel.mr) * p.groups * conv_splits(p, kernel.mr, kernel.nr);
}

size_t conv_s8_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
