// What kernels keep in scratch whose vectors are kLanePixels pixels of one row of the output, all of one channel. Their tiles are
// rows of the output. They read packing n16k4u.
//
// Rows of the input that a row of the output sees, slot by slot, one more for rows outside: groups of 4 bytes of a line, for all
// pixels, [group][vector][pixel][4]. Lines that end in one or two bytes more: up to `together` of them share a group, so that a
// window has fewer; the weights are copied to match.
#pragma once

#include "conv_s8.h"

namespace sinter {

constexpr int32_t kLanePixels = 16;

struct PixelLanes {
  int32_t vectors;                              // of kLanePixels pixels, a row of the output
  int32_t slots;                                // rows of the input
  int32_t own, rest;                            // of a line: groups of its own, bytes that share one
  int32_t together, shared;                     // lines that share a group, such groups
  int32_t quads;                                // groups of a window
  int64_t row, table, held, brackets, weights;  // bytes of scratch
};

static constexpr PixelLanes pixel_lanes(const ConvS8Params& p) {
  const int32_t line = p.kernel[2] * (p.in_channels / p.groups), lines = p.kernel[1];
  PixelLanes l = {};
  l.vectors = div_up(p.out[2], kLanePixels);
  l.slots = (lines - 1) * p.dilation[1] + 1;
  l.together = line % 4 == 1 ? 4 : line % 4 == 2 ? 2 : 1;
  if (lines == 1) l.together = 1;
  l.own = l.together == 1 ? div_up(line, 4) : line / 4;
  l.rest = l.together == 1 ? 0 : line % 4;
  l.shared = l.rest == 0 ? 0 : div_up(lines, l.together);
  l.quads = lines * l.own + l.shared;
  const int64_t columns = int64_t{div_up(p.out_channels, 16)} * 16;
  l.row = (int64_t{l.own} + (l.rest != 0)) * l.vectors * 64;
  l.table = (int64_t{l.quads} + lines) * 8;
  l.held = int64_t{l.slots} * 4;
  l.brackets = columns * 12;
  l.weights = l.rest == 0 ? 0 : columns * l.quads * 4;
  return l;
}

static constexpr int64_t pixel_lanes_bytes(const PixelLanes& l) {
  return l.row * (l.slots + 1) + int64_t{l.shared} * l.vectors * 64 + (l.table + l.held + 127) / 64 * 64 + l.brackets + l.weights;
}

// Whether two vectors hold the windows of kLanePixels pixels, line by line; layers that are faster otherwise are left to that.
static constexpr bool fits_pixel_lanes(const ConvS8Params& p) {
  if (is_pointwise(p)) return false;
  if (p.groups != 1 || p.in[0] != 1 || p.out[0] != 1 || p.kernel[0] != 1 || p.pad[0] != 0) return false;
  if (p.kernel[2] != 1 && p.dilation[2] != 1) return false;
  return (kLanePixels - 1) * int64_t{p.stride[2]} * p.in_channels + int64_t{p.kernel[2]} * p.in_channels <= 128;
}

}  // namespace sinter
