#include "conv_b32.h"

namespace sinter {
namespace {

bool reaches_outside(const ConvB32Params& p) {
  for (int i = 0; i < 3; ++i) {
    const int64_t last = int64_t{p.out[i] - 1} * p.stride[i] + int64_t{p.kernel[i] - 1} * p.dilation[i] - p.pad[i];
    if (p.pad[i] > 0 || last >= p.in[i]) return true;
  }
  return false;
}

template <int kBits>
Status check(const Kernel& kernel, const ConvB32Params& p, const Extent* operands, size_t count) {
  if (!conv_valid(kernel, p) || !(p.low <= p.high)) return kBadParams;
  const Count columns = conv_columns(kernel, p), scales = columns * Count(taps(p)) * Count(tap_blocks(p));
  const Count pixels = Count(p.batch) * Count(p.in[0]) * Count(p.in[1]) * Count(p.in[2]) * Count(p.groups);
  const Count blocks = (pixels + Count(reaches_outside(p) ? 1 : 0)) * Count(tap_blocks(p));
  if (scales.value > INT32_MAX / kBlockDepth || blocks.value > INT32_MAX) return kBadParams;
  if (count != 5 || operands[4].writable == 0) return kBadOperands;
  const bool fits = holds<Block32>(operands[0], blocks) && holds<uint8_t>(operands[1], scales * Count(block_bytes(kBits))) &&
                    holds<uint16_t>(operands[2], scales) && holds<float>(operands[3], columns);
  return fits && holds<float>(operands[4], output_count(p)) ? kOk : kBadOperands;
}

int32_t tiles(const Kernel& kernel, const void* params) {
  return conv_tiles(*static_cast<const ConvB32Params*>(params), kernel.mr, kernel.nr);
}

size_t scratch(const Kernel& kernel, const void* params) {
  if (kernel.mr == 1) return 0;
  return static_cast<size_t>(located_taps(*static_cast<const ConvB32Params*>(params)) * kernel.mr) * sizeof(void*);
}

}  // namespace

#define SINTER_CONV_B32(family, bits)                                                                     \
  Status family##_check(const Kernel& kernel, const void* params, const Extent* operands, size_t count) { \
    return check<bits>(kernel, *static_cast<const ConvB32Params*>(params), operands, count);              \
  }                                                                                                       \
  int32_t family##_tiles(const Kernel& kernel, const void* params) { return tiles(kernel, params); }      \
  size_t family##_scratch(const Kernel& kernel, const void* params) { return scratch(kernel, params); }

SINTER_CONV_B32(conv_q4b32, 4)
SINTER_CONV_B32(conv_q8b32, 8)

}  // namespace sinter
