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
// Packing n16k2s holds no weight of -128: then int16 holds the sum of two products.
//
// Packing quads: four taps of a channel, `high` rows by `wide` columns of the window, lie side by side:
// weight[rows / high][columns / wide][channels, rounded up to nr][high][wide], padded with zeros. The rows are those of all depths.
// Inputs are read as input + 128, and the bias is lower by 128 * sum(weight[o]).
//
// Tiles: one row of output pixels.
//
// Kernels of packing quads with mr = 2 keep lines in scratch (lines.h): up to 256 KB, which only processors with caches run. Those
// with mr = 3 slide windows of 3 by 3 taps over the input where it lies, and decline others; those with mr = 4 read columns from
// the input (columns.h), for windows of three rows at most, of one axis or five by five; those with mr = 5 slide windows of one
// axis.
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

// The shape of a quad, and how many of them cover the window: the shape that needs fewest, the highest of those.
struct Quads {
  int32_t high, wide, down, across;
};

static inline Quads tap_quads(const DepthwiseS8Params& p) {
  const int32_t rows = p.kernel[0] * p.kernel[1];
  Quads best = {4, 1, div_up(rows, 4), p.kernel[2]};
  for (int32_t wide = 2; wide <= 4; wide *= 2) {
    const Quads quads = {4 / wide, wide, div_up(rows, 4 / wide), div_up(p.kernel[2], wide)};
    if (int64_t{quads.down} * quads.across < int64_t{best.down} * best.across) best = quads;
  }
  return best;
}

}  // namespace sinter
