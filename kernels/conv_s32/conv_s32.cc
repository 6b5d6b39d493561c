#include "conv_s32.h"

namespace sinter {

Status conv_s32_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const ConvS32Params& p = *static_cast<const ConvS32Params*>(params);
  if (!spatial_valid(p) || p.groups < 1 || p.in_channels % p.groups != 0 || p.out_channels % p.groups != 0) return kBadParams;
  if (!in_range(p.input_unsigned, 0, 1) || !in_range(p.weight_unsigned, 0, 1)) return kBadParams;
  const Count tiles = Count(output_pixels(p)) * Count(conv_s32_blocks(p));
  const Count weights = Count(p.out_channels) * Count(taps(p)) * Count(p.in_channels / p.groups);
  if (tiles.value > INT32_MAX) return kBadParams;
  if (count != 5 || operands[4].writable == 0) return kBadOperands;
  if (!holds<uint8_t>(operands[0], input_count(p)) || !holds<uint8_t>(operands[1], weights)) return kBadOperands;
  if (!holds<uint8_t>(operands[2], int32_t{1}) || !holds<uint8_t>(operands[3], p.out_channels)) return kBadOperands;
  return holds<int32_t>(operands[4], output_count(p)) ? kOk : kBadOperands;
}

int32_t conv_s32_tiles(const Kernel&, const void* params) {
  const ConvS32Params& p = *static_cast<const ConvS32Params*>(params);
  return output_pixels(p) * conv_s32_blocks(p);
}

size_t conv_s32_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
