// int8 transposed convolution with per-channel weights, groups, strides and dilations (TFLite's TRANSPOSE_CONV).
//
//   acc[o]    = bias[o] + sum over taps t and channels c of (input[t, c] - in_zero) * weight[o, t, c]      (int32, wrapping)
//   output[o] = requantize(acc[o], multiplier[o], shift[o], out_zero, out_min, out_max)                    (requantize.h)
//
// The sum runs over the taps that reach the output pixel (conv_transpose.h). Their number differs from pixel to pixel, so the
// input's zero point stays out of the bias.
//
// Operands: input int8 [batch, d, h, w, in_channels]; weights int8, packed; bias, multiplier, shift: int32, one per packed column;
// output int8 [batch, d, h, w, out_channels]. Packing and tiles: conv_tile.h, with mr = 1.
#pragma once

#include "../conv_transpose.h"

namespace sinter {

#define CONV_TRANSPOSE_S8_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)                 \
  F(int32_t, groups)                   \
  F(int32_t, in_zero)                  \
  F(int32_t, out_zero)                 \
  F(int32_t, out_min)                  \
  F(int32_t, out_max)

SINTER_PARAMS(ConvTransposeS8Params, CONV_TRANSPOSE_S8_PARAMS);

}  // namespace sinter
