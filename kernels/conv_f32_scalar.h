// What the scalar kernels of convolution and transposed convolution in float32 share: all but the taps that an output pixel sees.
#pragma once

#include "clamp.h"
#include "conv_tile.h"

namespace sinter {

// Tiles [begin, end) of a family with operands input, weights, bias, output. visit(pixel index, body) calls body(tap, input
// position) for each tap that counts; a negative position lies outside the input and adds nothing.
template <int kNr, class Params, class Visit>
static inline Status conv_f32_scalar(const Params& p, void* const* operands, int32_t begin, int32_t end, Visit visit) {
  const float* input = static_cast<const float*>(operands[0]);
  const float* weights = static_cast<const float*>(operands[1]);
  const float* bias = static_cast<const float*>(operands[2]);
  float* output = static_cast<float*>(operands[3]);
  const int32_t group_in = p.in_channels / p.groups, group_out = p.out_channels / p.groups;
  const int32_t panels = conv_panels(p, kNr), depth = conv_depth(p);

  for (int32_t index = begin; index < end; ++index) {
    const ConvTile tile = conv_tile(p, 1, kNr, index);
    for (int32_t panel = tile.panel; panel < tile.panel + tile.panels; ++panel) {
      const ptrdiff_t column = (ptrdiff_t{tile.group} * panels + panel) * kNr;
      const float* panel_weights = weights + column * depth;
      float acc[kNr];
      for (int n = 0; n < kNr; ++n) acc[n] = bias[column + n];
      visit(tile.pixel, [&](int32_t tap, int32_t position) {
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

}  // namespace sinter
