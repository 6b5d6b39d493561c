// float32 convolution with groups, strides and dilations; also matrix products, as 1x1 with one pixel a row.
//
//   output[o] = clamp(bias[o] + sum over taps t and channels c of input[t, c] * weight[o, t, c], low, high)
//
// A tap outside the input reads 0; weights are finite. The sum runs over K in order, in float, so that the error is at most
// (K + 1) * eps * sum of |terms|; kernels with fused multiply-add round less often. A NaN sum stays NaN.
//
// Operands: input float [batch, d, h, w, in_channels]; weights float, packed; bias float, one per packed column; output float
// [batch, d, h, w, out_channels]. Packing and tiles: conv_tile.h.
#pragma once

#include "../conv_tile.h"

namespace sinter {

#define CONV_F32_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)        \
  F(int32_t, groups)          \
  F(float, low)               \
  F(float, high)

SINTER_PARAMS(ConvF32Params, CONV_F32_PARAMS);

}  // namespace sinter
