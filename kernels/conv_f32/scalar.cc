#include "../clamp.h"
#include "conv_f32.h"

namespace sinter {
namespace {

template <int kNr>
Status conv(const ConvF32Params& p, void* const* operands, int32_t begin, int32_t end) {
  const float* input = static_cast<const float*>(operands[0]);
  const float* weights = static_cast<const float*>(operands[1]);
  const float* bias = static_cast<const float*>(operands[2]);
  float* output = static_cast<float*>(operands[3]);
  const int32_t group_in = p.in_channels / p.groups, group_out = p.out_channels / p.groups;
  const int32_t panels = conv_panels(p, kNr), depth = conv_depth(p);

  for (int32_t index = begin; index < end; ++index) {
    const ConvTile tile = conv_tile(p, 1, kNr, index);
    const Pixel pixel = locate(p, tile.pixel);
    for (int32_t panel = tile.panel; panel < tile.panel + tile.panels; ++panel) {
      const ptrdiff_t column = (ptrdiff_t{tile.group} * panels + panel) * kNr;
      const float* panel_weights = weights + column * depth;
      float acc[kNr];
      for (int n = 0; n < kNr; ++n) acc[n] = bias[column + n];
      visit_taps(p, pixel, [&](int32_t tap, int32_t position) {
        if (position < 0) return;
        const float* x = input + ptrdiff_t{position} * p.in_channels + tile.group * group_in;
        const float* w = panel_weights + ptrdiff_t{tap} * group_in * kNr;
        for (int32_t c = 0; c < group_in; ++c, w += kNr) {
          for (int n = 0; n < kNr; ++n) acc[n] += x[c] * w[n];
        }
      });
      const int32_t first = panel * kNr, columns = group_out - first < kNr ? group_out - first : kNr;
      float* y = output + ptrdiff_t{tile.pixel} * p.out_channels + tile.group * group_out + first;
      for (int32_t n = 0; n < columns; ++n) y[n] = clamp(acc[n], p.low, p.high);
    }
  }
  return kOk;
}

}  // namespace

#define SINTER_CONV(name, nr)                                                                                      \
  extern "C" Status name##__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) { \
    return conv<nr>(*static_cast<const ConvF32Params*>(params), operands, begin, end);                             \
  }

SINTER_CONV(conv_f32_1x16, 16)
SINTER_CONV(conv_f32_1x1, 1)

}  // namespace sinter
