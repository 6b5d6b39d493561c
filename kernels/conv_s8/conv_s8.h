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
// output int8 [batch, d, h, w, out_channels]. Where uniform is 1, all outputs have the multiplier and the shift of the first, as
// those of weights with one scale do, and kernels may read no others. Packing and tiles: conv_tile.h. Packing n16k2s holds no
// weight of -128: then int16 holds the sum of two products.
//
// Packing n16k4u is n16k4 but for two things. K is padded line by line of the window (kernel[2] taps by the group's channels) to
// whole groups of 4, so that a line is read where it lies; and activations enter as unsigned, input + 128, which the toolchain has
// taken out of the bias: bias[o] = source bias - (in_zero + 128) * sum(weight[o]), wrapping.
//
// Kernels of kLargeTile rows keep activations in scratch that are widened to int16 (widened_band.h); those of n16k4u where the
// lines of kLinePixels pixels lie, and copies of some, and decline layers for which that takes more than kLineScratch bytes; those
// of kBandPixels rows keep rows of the input (bands.h); those of kVectorRows read pixels that follow each other as the rows of a
// matrix, and decline other layers; those of Arm keep int8 rows (conv_rows.h).
#pragma once

#include "../conv_tile.h"

namespace sinter {

#define CONV_S8_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)       \
  F(int32_t, groups)         \
  F(int32_t, in_zero)        \
  F(int32_t, out_zero)       \
  F(int32_t, out_min)        \
  F(int32_t, out_max)        \
  F(int32_t, uniform)

SINTER_PARAMS(ConvS8Params, CONV_S8_PARAMS);

// Whether the pixels of the output are those of the input.
static constexpr bool keeps_pixels(const ConvS8Params& p) {
  bool same = taps(p) == 1;
  for (int i = 0; i < 3; ++i) same = same && p.stride[i] == 1 && p.pad[i] == 0 && p.in[i] == p.out[i];
  return same;
}

// Whether the pixels, in one group, are the rows of a matrix that is multiplied.
static constexpr bool is_matrix(const ConvS8Params& p) { return p.groups == 1 && keeps_pixels(p); }

static inline bool conv_s8_valid(const Kernel& kernel, const ConvS8Params& p) {
  if (!conv_valid(kernel, p) || !in_range(p.in_zero, -128, 127) || !in_range(p.out_zero, -128, 127)) return false;
  return in_range(p.out_min, -128, p.out_max) && p.out_max <= 127 && in_range(p.uniform, 0, 1);
}

// Whether the layer is the product of one row, the channels of the first input pixel.
static constexpr bool has_one_row(const ConvS8Params& p) {
  return output_pixels(p) == 1 && taps(p) == 1 && p.groups == 1 && p.pad[0] == 0 && p.pad[1] == 0 && p.pad[2] == 0;
}

constexpr int32_t kVectorRows = 2;

// Whether a kernel's packing is that of lines and unsigned activations: n16k4u.
static constexpr bool packs_lines(const Kernel& kernel) {
  const char* end = kernel.packing;
  while (*end != 0) ++end;
  return end[-1] == 'u';
}

constexpr int32_t kLinePixels = 24, kLineScratch = 1 << 18;

// Bytes of one line of a window in packing n16k4u.
static constexpr int32_t line_bytes(const ConvS8Params& p) { return div_up(p.kernel[2] * (p.in_channels / p.groups), 4) * 4; }

// Scratch of a kernel that reads lines: their addresses, one line outside the input, and copies of lines.
struct LineSizes {
  int64_t table, outside, copies;
  int32_t line;
};

static constexpr LineSizes line_sizes(const ConvS8Params& p) {
  const int64_t line = line_bytes(p), lines = int64_t{p.kernel[0]} * p.kernel[1];
  const bool in_place = p.in_channels / p.groups % 4 == 0;
  const int64_t runs = in_place ? lines * p.kernel[2] : lines;
  return {runs * kLinePixels * 8, (line + 63) / 64 * 64, in_place ? 0 : lines * kLinePixels * line + 64,
          static_cast<int32_t>(line)};
}

// Layers of one tap, inside the input, of few channels: kernels of kLinePixels rows have another way for them. How many are few
// depends on the columns: kPointHalves of them make a panel and a half there, and at most half a panel is better off elsewhere.
constexpr int32_t kPointHalves = 24;

static constexpr int32_t most_point_channels(int32_t out_channels) {
  return out_channels == kPointHalves ? 192 : out_channels <= 8 ? 32 : 96;
}

static constexpr bool is_pointwise(const ConvS8Params& p) {
  if (taps(p) != 1 || p.groups != 1 || p.in_channels > most_point_channels(p.out_channels)) return false;
  for (int i = 0; i < 3; ++i) {
    if (p.pad[i] != 0 || (p.out[i] - 1) * p.stride[i] >= p.in[i]) return false;
  }
  return true;
}

// The packed depth of one column, padding included.
static constexpr Count packed_depth(const Kernel& kernel, const ConvS8Params& p) {
  if (packs_lines(kernel)) return Count(p.kernel[0]) * Count(p.kernel[1]) * Count(line_bytes(p));
  return Count(round_up(static_cast<uint64_t>(conv_depth(p)), static_cast<uint64_t>(kernel.kr)));
}

}  // namespace sinter
