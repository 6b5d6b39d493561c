// Geometry shared by convolution and pooling: up to three spatial axes (depth, height, width), channels last.
// A network with fewer axes sets the leading extents, kernel sizes, strides and dilations to 1 and the pads to 0.
#pragma once

#include "check.h"

namespace sinter {

// pad counts the elements before the first input; what lies behind the last one follows from the other fields.
#define SINTER_SPATIAL(F, A) \
  F(int32_t, batch)          \
  A(int32_t, in, 3)          \
  A(int32_t, out, 3)         \
  A(int32_t, kernel, 3)      \
  A(int32_t, stride, 3)      \
  A(int32_t, dilation, 3)    \
  A(int32_t, pad, 3)         \
  F(int32_t, in_channels)    \
  F(int32_t, out_channels)

// Sizes that keep every index and coordinate inside int32, and every distance in bytes inside int64.
template <class Params>
static constexpr bool spatial_valid(const Params& p) {
  Count in = Count(p.batch) * Count(p.in_channels), out = Count(p.batch) * Count(p.out_channels), taps(int32_t{1});
  if (p.batch < 1 || p.in_channels < 1 || p.out_channels < 1) return false;
  for (int i = 0; i < 3; ++i) {
    if (!in_range(p.in[i], 1, 1 << 24) || !in_range(p.out[i], 1, 1 << 24) || !in_range(p.kernel[i], 1, 1 << 16)) return false;
    if (!in_range(p.stride[i], 1, 1 << 16) || !in_range(p.dilation[i], 1, 1 << 16) || !in_range(p.pad[i], 0, 1 << 24)) return false;
    int64_t last = int64_t{p.out[i] - 1} * p.stride[i] + int64_t{p.kernel[i] - 1} * p.dilation[i];
    if (last > 1 << 28) return false;
    in = in * Count(p.in[i]);
    out = out * Count(p.out[i]);
    taps = taps * Count(p.kernel[i]);
  }
  Count depth = taps * Count(p.in_channels);
  return in.value <= INT32_MAX && out.value <= INT32_MAX && depth.value <= INT32_MAX;
}

template <class Params>
static constexpr int32_t input_count(const Params& p) {
  return p.batch * p.in[0] * p.in[1] * p.in[2] * p.in_channels;
}

template <class Params>
static constexpr int32_t taps(const Params& p) {
  return p.kernel[0] * p.kernel[1] * p.kernel[2];
}

template <class Params>
static constexpr int32_t output_pixels(const Params& p) {
  return p.batch * p.out[0] * p.out[1] * p.out[2];
}

template <class Params>
static constexpr int32_t output_count(const Params& p) {
  return output_pixels(p) * p.out_channels;
}

// One output pixel: its batch, and the input coordinate of its first tap, which may lie outside.
struct Pixel {
  int32_t batch;
  int32_t origin[3];
};

template <class Params>
static inline Pixel locate(const Params& p, int32_t index) {
  Pixel pixel;
  for (int i = 2; i >= 0; --i) {
    pixel.origin[i] = index % p.out[i] * p.stride[i] - p.pad[i];
    index /= p.out[i];
  }
  pixel.batch = index;
  return pixel;
}

// Output pixels in order, located by division only where a row starts.
struct PixelWalk {
  Pixel pixel;
  int32_t index, left;  // left: of this row
};

template <class Params>
static inline PixelWalk walk_from(const Params& p, int32_t index) {
  return {locate(p, index), index, p.out[2] - index % p.out[2]};
}

template <class Params>
static inline void next(const Params& p, PixelWalk& walk) {
  ++walk.index;
  walk.pixel.origin[2] += p.stride[2];
  if (--walk.left == 0) walk = walk_from(p, walk.index);
}

// The pixel `count` behind, at most where the next row starts.
template <class Params>
static inline void skip(const Params& p, PixelWalk& walk, int32_t count) {
  walk.index += count;
  walk.left -= count;
  walk.pixel.origin[2] += count * p.stride[2];
  if (walk.left == 0) walk = walk_from(p, walk.index);
}

// Whether all taps of a pixel's window lie inside the input.
template <class Params>
static inline bool window_inside(const Params& p, const Pixel& pixel) {
  for (int i = 0; i < 3; ++i) {
    if (pixel.origin[i] < 0 || pixel.origin[i] + (p.kernel[i] - 1) * p.dilation[i] >= p.in[i]) return false;
  }
  return true;
}

// The input pixel at these coordinates, or -1 outside the input.
template <class Params>
static inline int32_t input_pixel(const Params& p, int32_t batch, int32_t d, int32_t h, int32_t w) {
  if (d < 0 || d >= p.in[0] || h < 0 || h >= p.in[1] || w < 0 || w >= p.in[2]) return -1;
  return ((batch * p.in[0] + d) * p.in[1] + h) * p.in[2] + w;
}

// Calls visit(tap, input pixel or -1) for every tap of a window, in the order of the packed weights.
template <class Params, class Visit>
static inline void visit_taps(const Params& p, const Pixel& pixel, Visit visit) {
  int32_t tap = 0;
  for (int32_t kd = 0; kd < p.kernel[0]; ++kd) {
    const int32_t d = pixel.origin[0] + kd * p.dilation[0];
    for (int32_t kh = 0; kh < p.kernel[1]; ++kh) {
      const int32_t h = pixel.origin[1] + kh * p.dilation[1];
      for (int32_t kw = 0; kw < p.kernel[2]; ++kw, ++tap) {
        visit(tap, input_pixel(p, pixel.batch, d, h, pixel.origin[2] + kw * p.dilation[2]));
      }
    }
  }
}

// The taps [first, last) of one axis that lie inside the input.
struct TapRange {
  int32_t first, last;
};

template <class Params>
static inline TapRange inside_taps(const Params& p, const Pixel& pixel, int axis) {
  const int32_t dilation = p.dilation[axis], before = -pixel.origin[axis], room = p.in[axis] + before;
  TapRange range;
  range.first = before <= 0 ? 0 : (dilation == 1 ? before : div_up(before, dilation));
  range.last = room <= 0 ? 0 : (dilation == 1 ? room : div_up(room, dilation));
  if (range.last > p.kernel[axis]) range.last = p.kernel[axis];
  if (range.first > range.last) range.first = range.last;
  return range;
}

// The part of a pixel's window that lies inside the input: taps[i] taps on each axis, step[i] elements apart.
template <class T>
struct Window {
  const T* first;
  int32_t taps[3];
  ptrdiff_t step[3];
  int32_t count;  // of all taps
};

// Calls visit(address) for every tap in order.
template <class T, class Visit>
static inline void visit_window(const Window<T>& window, Visit visit) {
  for (int32_t d = 0; d < window.taps[0]; ++d) {
    for (int32_t h = 0; h < window.taps[1]; ++h) {
      const T* x = window.first + d * window.step[0] + h * window.step[1];
      for (int32_t w = 0; w < window.taps[2]; ++w, x += window.step[2]) visit(x);
    }
  }
}

template <class T, class Params>
static inline Window<T> window_inside_input(const Params& p, const Pixel& pixel, const T* input) {
  Window<T> window;
  int32_t at[3];
  for (int i = 0; i < 3; ++i) {
    const TapRange range = inside_taps(p, pixel, i);
    window.taps[i] = range.last - range.first;
    at[i] = pixel.origin[i] + range.first * p.dilation[i];
  }
  window.count = window.taps[0] * window.taps[1] * window.taps[2];
  const int32_t position = window.count == 0 ? 0 : input_pixel(p, pixel.batch, at[0], at[1], at[2]);
  window.first = input + ptrdiff_t{position} * p.in_channels;
  window.step[2] = ptrdiff_t{p.dilation[2]} * p.in_channels;
  window.step[1] = ptrdiff_t{p.dilation[1]} * p.in[2] * p.in_channels;
  window.step[0] = ptrdiff_t{p.dilation[0]} * p.in[1] * p.in[2] * p.in_channels;
  return window;
}

// Depthwise convolution and pooling work in tiles of one output row: out[2] pixels of all channels.
template <class Params>
static constexpr int32_t output_rows(const Params& p) {
  return p.batch * p.out[0] * p.out[1];
}

// Packed depthwise weights: channels padded to blocks of nr, taps to groups of kr.
template <class Params>
static constexpr Count depthwise_channels(const Kernel& kernel, const Params& p) {
  return Count(div_up(p.out_channels, kernel.nr)) * Count(kernel.nr);
}

template <class Params>
static constexpr Count depthwise_weights(const Kernel& kernel, const Params& p) {
  return depthwise_channels(kernel, p) * Count(div_up(taps(p), kernel.kr)) * Count(kernel.kr);
}

template <class Params>
static constexpr bool depthwise_valid(const Kernel& kernel, const Params& p) {
  return spatial_valid(p) && p.out_channels % p.in_channels == 0 && depthwise_weights(kernel, p) <= Count(INT32_MAX);
}

}  // namespace sinter
