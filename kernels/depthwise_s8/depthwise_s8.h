// int8 depthwise convolution: output channel o reads input channel o / (out_channels / in_channels) alone.
//
//   acc[o]    = bias[o] + sum over taps t of input[t, o * in_channels / out_channels] * weight[t, o]      (int32, wrapping)
//   output[o] = requantize(acc[o], multiplier[o], shift[o], out_zero, out_min, out_max)                   (requantize.h)
//
// A tap outside the input reads in_zero. The toolchain has folded the input's zero point into the bias:
// bias[o] = source bias - in_zero * sum(weight[o]).
//
// Operands: input int8 [batch, d, h, w, in_channels]; weights int8, packed; bias, multiplier, shift: int32, one per packed channel;
// output int8 [batch, d, h, w, out_channels].
//
// Packing n<nr>k<kr>: output channels in blocks of nr, taps in groups of kr: weight[block][tap / kr][nr][kr], padded with zeros to
// full blocks and groups; n<nr> stands for kr = 1. The vectors of one element a channel are padded to full blocks.
//
// Tiles: one row of output pixels.
//
// Kernels with mr > 1 keep a table in scratch, and take only what fits it (tap_table.h).
#pragma once

#include "../spatial.h"

namespace sinter {

#define DEPTHWISE_S8_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)            \
  F(int32_t, in_zero)             \
  F(int32_t, out_zero)            \
  F(int32_t, out_min)             \
  F(int32_t, out_max)

SINTER_PARAMS(DepthwiseS8Params, DEPTHWISE_S8_PARAMS);

}  // namespace sinter
