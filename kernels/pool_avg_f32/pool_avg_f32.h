// float32 average pooling.
//
//   output[c] = clamp((sum over the taps t inside the input of input[t, c]) / count, low, high)
//
// count is the number of taps inside the input or, with count_include_pad, inside the padded input, which ends pad_after elements
// behind the input: windows that reach further (ONNX's ceil_mode) count only their part. The average of no taps is 0. The sum runs
// over the taps in order, in float: its error is at most taps * eps * sum of |terms|. A NaN stays NaN.
//
// Operands: input float [batch, d, h, w, in_channels]; output float [batch, d, h, w, out_channels], out_channels = in_channels.
//
// Tiles: one row of output pixels.
#pragma once

#include "../spatial.h"

namespace sinter {

#define POOL_AVG_F32_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)            \
  A(int32_t, pad_after, 3)        \
  F(int32_t, count_include_pad)   \
  F(float, low)                   \
  F(float, high)

SINTER_PARAMS(PoolAvgF32Params, POOL_AVG_F32_PARAMS);

// What a pixel's sum, of `inside` taps inside the input, is divided by; 1 for a sum of none.
static inline float pool_divisor(const PoolAvgF32Params& p, const Pixel& pixel, int32_t inside) {
  if (p.count_include_pad == 0) return static_cast<float>(inside == 0 ? 1 : inside);
  int32_t count = 1;
  for (int i = 0; i < 3; ++i) {
    const int32_t room = p.in[i] + p.pad_after[i] - pixel.origin[i];
    const int32_t taps = room <= 0 ? 0 : div_up(room, p.dilation[i]);
    count *= taps < p.kernel[i] ? taps : p.kernel[i];
  }
  return static_cast<float>(count == 0 ? 1 : count);
}

}  // namespace sinter
