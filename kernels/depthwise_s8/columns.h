// How kernels of packing quads work without scratch: a column is the word that one quad of taps reads at one place of a line, for
// sixteen elements. Quads one tap wide reach over the rows of the window, and a column serves all the pixels whose windows cover
// it; quads of four taps of one row overlap, and a column serves as many pixels as there are quads.
//
// A vector is sixteen channels of a pixel, the last one overlapping the one before, or of stride 1 several pixels of few channels.
#pragma once

#include "depthwise_s8.h"

namespace sinter {

constexpr int32_t kColumnLanes = 16, kBlockChannels = 64;

// Bytes of input rows that stay in the first-level cache from one block of channels to the next, which shares their lines of 64
// bytes.
constexpr int32_t kBandBytes = 28 << 10, kBandChannels = 128;

// The same layer with an image one pixel wide turned into one a pixel high, which lies in memory alike, weights included.
static inline DepthwiseS8Params lay_down(DepthwiseS8Params p) {
  if (p.in[2] != 1 || p.out[2] != 1 || p.kernel[2] != 1 || p.kernel[0] != 1) return p;
  int32_t* const all[] = {p.in, p.out, p.kernel, p.stride, p.dilation, p.pad};
  for (int32_t* axes : all) {
    const int32_t h = axes[1];
    axes[1] = axes[2];
    axes[2] = h;
  }
  return p;
}

// The pixels that quads of rows share a vector between.
static inline int32_t column_pixels(const DepthwiseS8Params& p) {
  return p.stride[2] == 1 && p.in_channels < kColumnLanes ? kColumnLanes / p.in_channels : 1;
}

// Output rows that are computed at once, for one block of channels after the other.
static inline int32_t band_rows(const DepthwiseS8Params& p, bool pairs) {
  const int64_t line = int64_t{p.in[2]} * (p.in_channels < kBandChannels ? p.in_channels : kBandChannels);
  const int32_t rows = static_cast<int32_t>((kBandBytes / line - p.kernel[1]) / p.stride[1]) + 1;
  return pairs ? (rows < 2 ? 2 : rows / 2 * 2) : (rows < 1 ? 1 : rows);
}

// Whether all taps of a layer that is laid down lie side by side on one line, and windows move by one.
static inline bool is_run(const DepthwiseS8Params& p, const Quads& q) {
  return q.wide == 4 && q.down == 1 && p.stride[2] == 1 && p.dilation[2] == 1;
}

// The most taps of windows that slide along a line.
constexpr int32_t kLongest = 32;

static inline bool can_slide_along(const DepthwiseS8Params& p) {
  for (int i = 0; i < 2; ++i) {
    if (p.kernel[i] != 1 || p.stride[i] != 1 || p.pad[i] != 0 || p.in[i] != p.out[i]) return false;
  }
  return p.in_channels == p.out_channels && p.in_channels >= 8 && p.kernel[2] <= kLongest && is_run(p, tap_quads(p));
}

// Whether windows are five by five, one or two pixels apart, of as many channels as go at a time.
static inline bool is_square5(const DepthwiseS8Params& p) {
  const bool near = p.dilation[1] == 1 && p.dilation[2] == 1 && p.stride[1] == p.stride[2] && p.stride[1] <= 2;
  return near && p.in[0] == p.out[0] && p.kernel[1] == 5 && p.kernel[2] == 5 && p.in_channels >= kBlockChannels;
}

// Whether columns serve a layer that is laid down.
static inline bool has_columns(const DepthwiseS8Params& p) {
  const bool flat = p.kernel[0] == 1 && p.pad[0] == 0 && int64_t{p.out[0] - 1} * p.stride[0] < p.in[0];
  if (!flat || p.in_channels != p.out_channels) return false;
  if (is_square5(p)) return true;
  const Quads q = tap_quads(p);
  if (q.wide == 1) return p.kernel[1] <= 3 && p.kernel[2] <= 3;
  return q.across <= 4 && is_run(p, q);
}

}  // namespace sinter
