// What kernels keep in scratch that convolve bands: rows of the output, with the rows of the input that they see. Their tiles are
// rows of the output. They read packing n16k4u.
//
// The rows of the input lie side by side as unsigned, input + 128, with what lies outside filled in: every group of 4 of every
// window is four bytes in a row, at a distance from the window's first byte that is the same for all windows.
//
// Lines that end in one or two bytes more than whole groups: up to `together` of them share a group, so that a window has fewer.
// Images of shared groups follow that of the input, laid out as it is; the weights are copied to match.
#pragma once

#include "conv_s8.h"

namespace sinter {

constexpr int32_t kBandPixels = 8;
constexpr int64_t kBandBytes = 1 << 14;
constexpr int64_t kBandSlack = 128;  // what is read or written behind the last row

struct Bands {
  int32_t own, rest;                          // of a line: groups of its own, bytes that share one
  int32_t together, shared;                   // lines that share a group, such groups
  int32_t quads;                              // groups of a window
  int32_t reach;                              // rows of the input that a row of the output sees
  int32_t rows;                               // of the output, in one band
  int64_t step;                               // bytes from window to window
  int64_t row, image;                         // bytes of a row of the input, and of all rows that a band sees
  int64_t offsets, brackets, weights, input;  // bytes of scratch
};

static constexpr Bands bands(const ConvS8Params& p) {
  Bands b = {};
  const int32_t line = p.kernel[2] * (p.in_channels / p.groups), lines = p.kernel[1];
  b.step = int64_t{p.stride[2]} * p.in_channels;
  b.rest = line % 4;
  b.together = b.rest == 1 ? 4 : b.rest == 2 ? 2 : 1;
  if (b.together > lines) b.together = lines;
  if (b.together == 1 || b.step < b.rest * b.together || b.step > 64) b.together = 1, b.rest = 0;
  b.own = b.rest == 0 ? div_up(line, 4) : line / 4;
  b.shared = b.rest == 0 ? 0 : div_up(lines, b.together);
  b.quads = lines * b.own + b.shared;
  b.reach = (lines - 1) * p.dilation[1] + 1;
  b.row = ((p.out[2] - 1) * b.step + line_bytes(p) + 63) / 64 * 64;
  const int64_t spare = kBandBytes / (b.row * (1 + b.shared)) - b.reach, rows = spare < 0 ? 1 : spare / p.stride[1] + 1;
  b.rows = static_cast<int32_t>(rows < p.out[1] ? rows : p.out[1]);
  b.image = b.row * (int64_t{b.rows - 1} * p.stride[1] + b.reach);
  const int64_t columns = int64_t{conv_panels(p, 16)} * 16;
  b.offsets = (int64_t{b.quads} * 4 + 63) / 64 * 64;
  b.brackets = columns * 12;
  b.weights = b.rest == 0 ? 0 : columns * b.quads * 4;
  b.input = b.image * (1 + b.shared) + kBandSlack;
  return b;
}

static constexpr int64_t bands_bytes(const Bands& b) { return b.offsets + b.brackets + b.weights + b.input; }

// At most kLaneColumns channels may be computed with kLanePixels pixels of a row in a vector instead of channels.
constexpr int32_t kLanePixels = 16, kLaneColumns = 8;

// Whether rows waste few lanes, and two vectors hold the bytes of all lanes.
static constexpr bool fits_lanes(const ConvS8Params& p) {
  return div_up(p.out[2], kLanePixels) * kLanePixels * 4 <= int64_t{p.out[2]} * 5 && int64_t{p.stride[2]} * p.in_channels <= 8;
}

// Bytes of weights that stay in the caches while all of a band's blocks pass over them.
constexpr int64_t kBandWeights = 128 << 10;

// Whether the window is a plane whose lines are consecutive bytes; layers that are faster otherwise are left to that.
static constexpr bool fits_bands(const ConvS8Params& p) {
  if (is_pointwise(p) || int64_t{p.out_channels} * p.kernel[1] * line_bytes(p) > kBandWeights) return false;
  if (p.groups != 1 || p.in[0] != 1 || p.out[0] != 1 || p.kernel[0] != 1 || p.pad[0] != 0) return false;
  // Longer rows would not fit scratch, nor their sizes 64 bits.
  return (p.out[2] - 1) * int64_t{p.stride[2]} * p.in_channels <= kLineScratch && (p.kernel[2] == 1 || p.dilation[2] == 1);
}

}  // namespace sinter
