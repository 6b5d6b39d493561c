// int8 convolution with per-channel weights, groups, strides and dilations; also fully connected layers, as 1x1 with one pixel a
// row.
//
//   acc[o]    = bias[o] + sum over taps t and channels c of input[t, c] * weight[o, t, c]      (int32, wrapping)
//   output[o] = clamp(multiply_by_quantized_multiplier(acc[o], multiplier[o], shift[o]) + out_zero, out_min, out_max)
//
// A tap outside the input reads in_zero. The toolchain has folded the input's zero point into the bias:
// bias[o] = source bias - in_zero * sum(weight[o]).
//
// Operands: input int8 [batch, d, h, w, in_channels]; weights int8, packed; bias, multiplier, shift: int32, one per packed column;
// output int8 [batch, d, h, w, out_channels].
//
// Packing n<nr>k<kr>: per group, columns (output channels) in panels of nr, the depth K = taps * in_channels / groups (tap-major)
// in groups of kr: weight[panel][K / kr][nr][kr]. Columns and depth are padded with zeros to full panels and groups; the per-column
// vectors are padded likewise.
//
// Tiles: mr output pixels by all columns of one group; where there are few pixels, by one panel.
#pragma once

#include "../spatial.h"

namespace sinter {

#define CONV_S8_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)       \
  F(int32_t, groups)         \
  F(int32_t, in_zero)        \
  F(int32_t, out_zero)       \
  F(int32_t, out_min)        \
  F(int32_t, out_max)

SINTER_PARAMS(ConvS8Params, CONV_S8_PARAMS);

// The pixels, group and panels of one tile.
struct ConvTile {
  int32_t pixel, pixels;
  int32_t group;
  int32_t panel, panels;
};

template <class Params>
inline int32_t conv_panels(const Params& p, int32_t nr) {
  return div_up(p.out_channels / p.groups, nr);
}

// The depth of one group: K.
template <class Params>
inline int32_t conv_depth(const Params& p) {
  return p.kernel[0] * p.kernel[1] * p.kernel[2] * (p.in_channels / p.groups);
}

// Into how many tiles the panels of one pixel block are split.
template <class Params>
inline int32_t conv_splits(const Params& p, int32_t mr, int32_t nr) {
  int32_t blocks = div_up(output_pixels(p), mr);
  return blocks * p.groups >= 16 ? 1 : conv_panels(p, nr);
}

template <class Params>
inline ConvTile conv_tile(const Params& p, int32_t mr, int32_t nr, int32_t index) {
  int32_t splits = conv_splits(p, mr, nr), panels = conv_panels(p, nr), pixels = output_pixels(p);
  int32_t split = index % splits, rest = index / splits;
  ConvTile tile;
  tile.group = rest % p.groups;
  tile.pixel = rest / p.groups * mr;
  tile.pixels = pixels - tile.pixel < mr ? pixels - tile.pixel : mr;
  tile.panel = splits == 1 ? 0 : split;
  tile.panels = splits == 1 ? panels : 1;
  return tile;
}

}  // namespace sinter
