// What kernels keep in scratch that convolve bands: rows of the output, with the rows of the input that they see. Their tiles are
// rows of the output. They read packing n16k4u.
//
// The rows of the input lie side by side as unsigned, input + 128, with what lies outside filled in: every group of 4 of every
// window is four bytes in a row, at a distance from the window's first byte that is the same for all windows.
#pragma once

#include "conv_s8.h"

namespace sinter {

constexpr int32_t kBandPixels = 8;
constexpr int64_t kBandBytes = 1 << 14;

struct Bands {
  int32_t line;                      // bytes of a line of the window, in whole groups of 4
  int32_t quads;                     // groups of a window
  int32_t reach;                     // rows of the input that a row of the output sees
  int64_t row;                       // bytes of a row of the input
  int32_t rows;                      // of the output, in one band
  int64_t offsets, brackets, input;  // bytes of scratch
};

static constexpr Bands bands(const ConvS8Params& p) {
  Bands b = {};
  b.line = line_bytes(p);
  b.quads = p.kernel[1] * (b.line / 4);
  b.reach = (p.kernel[1] - 1) * p.dilation[1] + 1;
  b.row = int64_t{p.out[2] - 1} * p.stride[2] * p.in_channels + b.line;
  const int64_t spare = kBandBytes / b.row - b.reach, rows = spare < 0 ? 1 : spare / p.stride[1] + 1;
  b.rows = static_cast<int32_t>(rows < p.out[1] ? rows : p.out[1]);
  b.offsets = (int64_t{b.quads} * 4 + 63) / 64 * 64;
  b.brackets = int64_t{conv_panels(p, 16)} * 16 * 12;
  b.input = b.row * (int64_t{b.rows - 1} * p.stride[1] + b.reach) + 64;
  return b;
}

static constexpr int64_t bands_bytes(const Bands& b) { return b.offsets + b.brackets + b.input; }

// Whether the window is a plane whose lines are consecutive bytes.
static constexpr bool fits_bands(const ConvS8Params& p) {
  if (p.groups != 1 || p.in[0] != 1 || p.out[0] != 1 || p.kernel[0] != 1 || p.pad[0] != 0) return false;
  return p.kernel[2] == 1 || p.dilation[2] == 1;
}

}  // namespace sinter
