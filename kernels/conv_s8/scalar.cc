#include "../requantize.h"
#include "conv_s8.h"

namespace sinter {
namespace {

// kLines: packing n16k4u.
template <int kNr, int kKr, bool kLines = false>
Status conv(const ConvS8Params& p, void* const* operands, int32_t begin, int32_t end) {
  const int8_t* input = static_cast<const int8_t*>(operands[0]);
  const int8_t* weights = static_cast<const int8_t*>(operands[1]);
  const int32_t* bias = static_cast<const int32_t*>(operands[2]);
  const int32_t* multiplier = static_cast<const int32_t*>(operands[3]);
  const int32_t* shift = static_cast<const int32_t*>(operands[4]);
  int8_t* output = static_cast<int8_t*>(operands[5]);
  const int32_t group_in = p.in_channels / p.groups, group_out = p.out_channels / p.groups;
  const int32_t panels = conv_panels(p, kNr);
  const int32_t depth = kLines ? p.kernel[0] * p.kernel[1] * line_bytes(p) : div_up(conv_depth(p), kKr) * kKr;
  constexpr int32_t kOffset = kLines ? 128 : 0;

  for (int32_t index = begin; index < end; ++index) {
    const ConvTile tile = conv_tile(p, 1, kNr, index);
    const Pixel pixel = locate(p, tile.pixel);
    for (int32_t panel = tile.panel; panel < tile.panel + tile.panels; ++panel) {
      const ptrdiff_t column = (ptrdiff_t{tile.group} * panels + panel) * kNr;
      const int8_t* panel_weights = weights + column * depth;
      uint32_t acc[kNr];
      for (int n = 0; n < kNr; ++n) acc[n] = static_cast<uint32_t>(bias[column + n]);
      int32_t k = 0;
      visit_taps(p, pixel, [&](int32_t tap, int32_t position) {
        if (kLines && tap % p.kernel[2] == 0) k = div_up(k, kKr) * kKr;
        const int8_t* x = position < 0 ? nullptr : input + ptrdiff_t{position} * p.in_channels + tile.group * group_in;
        for (int32_t c = 0; c < group_in; ++c, ++k) {
          const int32_t value = (x != nullptr ? x[c] : p.in_zero) + kOffset;
          const int8_t* w = panel_weights + ptrdiff_t{k / kKr} * kNr * kKr + k % kKr;
          for (int n = 0; n < kNr; ++n) acc[n] += static_cast<uint32_t>(value * w[n * kKr]);
        }
      });
      const int32_t first = panel * kNr, columns = group_out - first < kNr ? group_out - first : kNr;
      int8_t* y = output + ptrdiff_t{tile.pixel} * p.out_channels + tile.group * group_out + first;
      for (int32_t n = 0; n < columns; ++n) {
        const ptrdiff_t o = column + n;
        y[n] = requantize(static_cast<int32_t>(acc[n]), multiplier[o], shift[o], p.out_zero, p.out_min, p.out_max);
      }
    }
  }
  return kOk;
}

}  // namespace

#define SINTER_CONV(name, ...)                                                                                     \
  extern "C" Status name##__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) { \
    return conv<__VA_ARGS__>(*static_cast<const ConvS8Params*>(params), operands, begin, end);                     \
  }

SINTER_CONV(conv_s8_1x16k2, 16, 2)
SINTER_CONV(conv_s8_1x16k4u, 16, 4, true)
SINTER_CONV(conv_s8_1x16k2s, 16, 2)
SINTER_CONV(conv_s8_1x8k4, 8, 4)
SINTER_CONV(conv_s8_1x32k4, 32, 4)
SINTER_CONV(conv_s8_1x8k8, 8, 8)
SINTER_CONV(conv_s8_1x1, 1, 1)

}  // namespace sinter
