// float32 transposed convolution with groups, strides and dilations.
//
//   output[o] = clamp(bias[o] + sum over taps t and channels c of input[t, c] * weight[o, t, c], low, high)
//
// The sum runs over the taps that reach the output pixel (conv_transpose.h), in order, in float, so that the error is at most
// (K + 1) * eps * sum of |terms|. A NaN sum stays NaN.
//
// Operands: input float [batch, d, h, w, in_channels]; weights float, packed; bias float, one per packed column; output float
// [batch, d, h, w, out_channels]. Packing and tiles: conv_tile.h, with mr = 1.
#pragma once

#include "../conv_transpose.h"

namespace sinter {

#define CONV_TRANSPOSE_F32_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)                  \
  F(int32_t, groups)                    \
  F(float, low)                         \
  F(float, high)

SINTER_PARAMS(ConvTransposeF32Params, CONV_TRANSPOSE_F32_PARAMS);

}  // namespace sinter
