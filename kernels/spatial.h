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

// Sizes that keep every index and coordinate inside int32.
template <class Params>
constexpr bool spatial_valid(const Params& p) {
  Count in = Count(p.batch) * Count(p.in_channels), out = Count(p.batch) * Count(p.out_channels), taps(int32_t{1});
  if (p.batch < 1 || p.in_channels < 1 || p.out_channels < 1) return false;
  for (int i = 0; i < 3; ++i) {
    if (!in_range(p.in[i], 1, 1 << 24) || !in_range(p.out[i], 1, 1 << 24) || !in_range(p.kernel[i], 1, 1 << 16)) return false;
    if (!in_range(p.stride[i], 1, 1 << 16) || !in_range(p.dilation[i], 1, 1 << 16) || !in_range(p.pad[i], 0, 1 << 24)) return false;
    int64_t last = int64_t{p.out[i] - 1} * p.stride[i] + int64_t{p.kernel[i] - 1} * p.dilation[i];
    if (last > INT32_MAX - (1 << 24)) return false;
    in = in * Count(p.in[i]);
    out = out * Count(p.out[i]);
    taps = taps * Count(p.kernel[i]);
  }
  Count depth = taps * Count(p.in_channels);
  return in.value <= INT32_MAX && out.value <= INT32_MAX && depth.value <= INT32_MAX;
}

template <class Params>
constexpr Count input_count(const Params& p) {
  return Count(p.batch) * Count(p.in[0]) * Count(p.in[1]) * Count(p.in[2]) * Count(p.in_channels);
}

template <class Params>
constexpr int32_t output_pixels(const Params& p) {
  return p.batch * p.out[0] * p.out[1] * p.out[2];
}

template <class Params>
constexpr Count output_count(const Params& p) {
  return Count(output_pixels(p)) * Count(p.out_channels);
}

// One output pixel: its batch, and the input coordinate of its first tap, which may lie outside.
struct Pixel {
  int32_t batch;
  int32_t origin[3];
};

template <class Params>
inline Pixel locate(const Params& p, int32_t index) {
  Pixel pixel;
  for (int i = 2; i >= 0; --i) {
    pixel.origin[i] = index % p.out[i] * p.stride[i] - p.pad[i];
    index /= p.out[i];
  }
  pixel.batch = index;
  return pixel;
}

}  // namespace sinter
