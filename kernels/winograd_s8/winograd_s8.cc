#include "winograd_s8.h"

namespace sinter {
namespace {

// Whether direct convolution, with an eighth of the weights' bytes, takes longer: enough of the Winograd tiles is output, and there
// are enough of them for each load of the weights.
bool worthwhile(const ConvS8Params& p, const Kernel& kernel, Count weights) {
  const WinogradGrid grid = winograd_grid(p, kernel.mr);
  const uint64_t tiles = static_cast<uint64_t>(grid.count < 8 ? grid.count : 8);
  return Count(grid.count) * Count(int32_t{6}) <= Count(output_pixels(p)) && weights * Count(int32_t{2}) <= Count(tiles << 20);
}

}  // namespace

Status winograd_s8_check(const Kernel& kernel, const void* params, const Extent* operands, size_t count) {
  const ConvS8Params& p = *static_cast<const ConvS8Params*>(params);
  if (!conv_s8_valid(kernel, p)) return kBadParams;
  for (int i = 0; i < 3; ++i) {
    if (p.kernel[i] != (i == 0 ? 1 : 3) || p.stride[i] != 1 || p.dilation[i] != 1) return kUnsupported;
  }
  if (p.groups != 1 || p.pad[0] != 0 || p.in[0] != p.out[0]) return kUnsupported;
  const Count columns = conv_columns(kernel, p), channels(round_up(static_cast<uint64_t>(p.in_channels), 2));
  const Count weights = columns * channels * Count(kWinogradPositions);
  if (!(weights <= Count(INT32_MAX)) || (kernel.mr > 1 && !worthwhile(p, kernel, weights))) return kUnsupported;
  if (count != 6 || operands[5].writable == 0) return kBadOperands;
  if (!holds<int8_t>(operands[0], input_count(p)) || !holds<int16_t>(operands[1], weights)) return kBadOperands;
  for (int i = 2; i < 5; ++i) {
    if (!holds<int32_t>(operands[i], columns)) return kBadOperands;
  }
  return holds<int8_t>(operands[5], output_count(p)) ? kOk : kBadOperands;
}

int32_t winograd_s8_tiles(const Kernel& kernel, const void* params) {
  const WinogradGrid grid = winograd_grid(*static_cast<const ConvS8Params*>(params), kernel.mr);
  return grid.blocks * grid.splits;
}

size_t winograd_s8_scratch(const Kernel& kernel, const void* params) {
  return winograd_scratch(winograd_grid(*static_cast<const ConvS8Params*>(params), kernel.mr), kernel.mr).bytes;
}

}  // namespace sinter
