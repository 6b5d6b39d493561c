// int8 convolution with per-channel weights, groups, strides and dilations; also fully connected layers, as 1x1 with one pixel a
// row.
//
//   acc[o]    = bias[o] + sum over taps t and channels c of input[t, c] * weight[o, t, c]      (int32, wrapping)
//   output[o] = requantize(acc[o], multiplier[o], shift[o], out_zero, out_min, out_max)        (requantize.h)
//
// A tap outside the input reads in_zero. The toolchain has folded the input's zero point into the bias:
// bias[o] = source bias - in_zero * sum(weight[o]).
//
// Operands: input int8 [batch, d, h, w, in_channels]; weights int8, packed; bias, multiplier, shift: int32, one per packed column;
// output int8 [batch, d, h, w, out_channels]. Packing and tiles: conv_tile.h.
//
// Kernels with mr > 1 widen mr pixels to int16 in scratch, at most kWidenedDepth of K at once.
#pragma once

#include "../conv_tile.h"

namespace sinter {

#define CONV_S8_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)       \
  F(int32_t, groups)         \
  F(int32_t, in_zero)        \
  F(int32_t, out_zero)       \
  F(int32_t, out_min)        \
  F(int32_t, out_max)

SINTER_PARAMS(ConvS8Params, CONV_S8_PARAMS);

constexpr int32_t kWidenedDepth = 976, kWidenedSlack = 16;

// The part of K, in whole groups of kr, that scratch holds at once.
static inline int32_t widened_depth(const ConvS8Params& p, int32_t kr) {
  const int32_t depth = div_up(conv_depth(p), kr) * kr;
  return depth < kWidenedDepth ? depth : kWidenedDepth;
}

}  // namespace sinter
