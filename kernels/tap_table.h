// Where the taps of neighbouring output pixels are, for depthwise kernels that compute several pixels of a row at once.
#pragma once

#include "spatial.h"

namespace sinter {

// Layers with more taps, or with more than one output channel for each input channel, are left to other kernels.
constexpr int32_t kTableTaps = 128;

// Channels of the pixel that stands for what lies outside the input: layers of more go in parts.
constexpr int32_t kOutsideChannels = 1024;

// Fills table[tap][width] with the addresses of channel `first` under each tap of `pixels` neighbouring pixels, `outside` for taps
// outside the input. Gives the greatest of the addresses inside.
template <int kWidth, class T, class Params>
static inline const T* fill_tap_table(const Params& p, const T* input, const T* outside, const Pixel& pixel, int32_t pixels,
                                      int32_t first, const T** table) {
  const ptrdiff_t step = ptrdiff_t{p.stride[2]} * p.in_channels;
  Pixel pixel_last = pixel;
  pixel_last.origin[2] += (pixels - 1) * p.stride[2];
  if (window_inside(p, pixel) && window_inside(p, pixel_last)) {
    const int32_t position = input_pixel(p, pixel.batch, pixel.origin[0], pixel.origin[1], pixel.origin[2]);
    const T* base = input + ptrdiff_t{position} * p.in_channels + first;
    const ptrdiff_t tap_step = ptrdiff_t{p.dilation[2]} * p.in_channels, line = ptrdiff_t{p.in[2]} * p.in_channels;
    for (int32_t kd = 0; kd < p.kernel[0]; ++kd) {
      for (int32_t kh = 0; kh < p.kernel[1]; ++kh) {
        const T* x = base + (ptrdiff_t{kd} * p.dilation[0] * p.in[1] + kh * p.dilation[1]) * line;
        for (int32_t kw = 0; kw < p.kernel[2]; ++kw, x += tap_step, table += kWidth) {
          for (int i = 0; i < kWidth; ++i) table[i] = x + i * step;
        }
      }
    }
    return table[pixels - 1 - kWidth];
  }
  const T* last = input;
  for (int32_t kd = 0; kd < p.kernel[0]; ++kd) {
    const int32_t d = pixel.origin[0] + kd * p.dilation[0];
    for (int32_t kh = 0; kh < p.kernel[1]; ++kh) {
      const int32_t h = pixel.origin[1] + kh * p.dilation[1];
      const bool inside = d >= 0 && d < p.in[0] && h >= 0 && h < p.in[1];
      const ptrdiff_t line = ((ptrdiff_t{pixel.batch} * p.in[0] + d) * p.in[1] + h) * p.in[2];
      for (int32_t kw = 0; kw < p.kernel[2]; ++kw, table += kWidth) {
        const int32_t w = pixel.origin[2] + kw * p.dilation[2];
        if (inside && w >= 0 && w + (pixels - 1) * p.stride[2] < p.in[2]) {
          const T* x = input + (line + w) * p.in_channels + first;
          for (int i = 0; i < kWidth; ++i) table[i] = x + i * step;
          last = table[pixels - 1] > last ? table[pixels - 1] : last;
          continue;
        }
        for (int32_t i = 0; i < pixels; ++i) {
          const int32_t at = w + i * p.stride[2];
          const bool seen = inside && at >= 0 && at < p.in[2];
          table[i] = seen ? input + (line + at) * p.in_channels + first : outside;
          last = seen && table[i] > last ? table[i] : last;
        }
      }
    }
  }
  return last;
}

// Bytes of a table, taps rounded up to groups of kr, and of the pixel outside, channels rounded up to blocks of nr.
template <class T, class Params>
static inline size_t tap_table_bytes(const Kernel& kernel, const Params& p) {
  const int32_t depth = div_up(taps(p), kernel.kr) * kernel.kr;
  const int32_t channels = p.in_channels < kOutsideChannels ? div_up(p.in_channels, kernel.nr) * kernel.nr : kOutsideChannels;
  return static_cast<size_t>(depth * kernel.mr) * sizeof(void*) + static_cast<size_t>(channels) * sizeof(T);
}

template <class Params>
static inline bool tap_table_fits(const Params& p) {
  return p.out_channels == p.in_channels && taps(p) <= kTableTaps;
}

}  // namespace sinter
