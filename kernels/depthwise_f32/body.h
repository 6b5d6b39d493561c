// What the vector kernels share, in vectors V of floats_<isa>.h: along a row of pixels the taps inside the input stay the same, but
// for the windows that hang over its left or right edge.
#pragma once

#include "../unroll.h"
#include "depthwise_f32.h"

namespace sinter {
namespace {

constexpr int32_t kNr = 16;

// Pixels of `rows` neighbouring rows, `count` of each, that have the same taps inside the input.
struct Run {
  const float* x;  // the first one's first tap inside
  float* y;
  int32_t rows, count;
  int32_t tap;                     // the first one inside, of all taps
  int32_t planes, lines, columns;  // of taps inside
};

// Rows go together as long as what they read stays in the first cache for all channels.
constexpr int64_t kTogether = 16 << 10;

struct Layer {
  const DepthwiseF32Params& p;
  const float *weights, *bias;
  int32_t taps;
  ptrdiff_t plane_step, line_step, column_step, pixel_step, row_step;  // of the input
};

template <class V, bool kWhole>
inline typename V::Type load(const float* x, typename V::Mask mask) {
  return kWhole ? V::load(x) : V::load_masked(x, mask);
}

template <class V, bool kWhole>
inline void store(float* y, typename V::Type x, int32_t channels) {
  if (kWhole) {
    V::store(y, x);
  } else {
    V::store_first(y, x, channels);
  }
}

// The channels of one vector, `channels` of them unless kWhole, for kLines x kColumns taps of a window of kernel[2] columns.
template <int kLines, int kColumns>
struct Small {
  template <class V, bool kWhole>
  static void vector(const Layer& layer, const Run& run, int32_t c, const float* w, int32_t channels) {
    const typename V::Mask mask = V::lanes(0, channels);
    typename V::Type weight[kLines][kColumns];
    SINTER_UNROLL
    for (int line = 0; line < kLines; ++line) {
      SINTER_UNROLL
      for (int column = 0; column < kColumns; ++column)
        weight[line][column] = V::load(w + (line * layer.p.kernel[2] + column) * kNr);
    }
    // Copies: a store of vectors might change anything in memory.
    const ptrdiff_t line_step = layer.line_step, column_step = layer.column_step, x_step = layer.pixel_step;
    const ptrdiff_t y_step = layer.p.out_channels;
    const typename V::Type bias = V::load(layer.bias + c), low = V::all(layer.p.low), high = V::all(layer.p.high);
    const ptrdiff_t x_back = layer.row_step - run.count * x_step, y_back = (layer.p.out[2] - run.count) * y_step;
    const int32_t count = run.count;
    const float* x = run.x + c;
    float* y = run.y + c;
    int32_t left = count;
    for (int32_t all = run.rows * count; all != 0; --all) {
      // A sum for each line, so that the additions of one do not wait for each other.
      typename V::Type sum[kLines];
      SINTER_UNROLL
      for (int line = 0; line < kLines; ++line) {
        const float* at = x + line * line_step;
        sum[line] = line == 0 ? bias : V::multiply(load<V, kWhole>(at, mask), weight[line][0]);
        SINTER_UNROLL
        for (int column = line == 0 ? 0 : 1; column < kColumns; ++column) {
          sum[line] = V::multiply_add(load<V, kWhole>(at + column * column_step, mask), weight[line][column], sum[line]);
        }
      }
      SINTER_UNROLL
      for (int line = 1; line < kLines; ++line) sum[0] = V::add(sum[0], sum[line]);
      store<V, kWhole>(y, V::clamp(sum[0], low, high), channels);
      x += x_step;
      y += y_step;
      if (--left == 0) {
        left = count;
        x += x_back;
        y += y_back;
      }
    }
  }
};

// The same for windows of any size.
struct Any {
  template <class V, bool kWhole>
  static void vector(const Layer& layer, const Run& run, int32_t c, const float* w, int32_t channels) {
    for (int32_t row = 0; row < run.rows; ++row) {
      const float* x = run.x + c + row * layer.row_step;
      float* y = run.y + c + ptrdiff_t{row} * layer.p.out[2] * layer.p.out_channels;
      int32_t i = 0;
      for (; i + 6 <= run.count; i += 6, x += 6 * layer.pixel_step, y += 6 * layer.p.out_channels) {
        pixels<V, kWhole, 6>(layer, run, c, x, y, w, channels);
      }
      for (; i < run.count; ++i, x += layer.pixel_step, y += layer.p.out_channels) {
        pixels<V, kWhole, 1>(layer, run, c, x, y, w, channels);
      }
    }
  }

  template <class V, bool kWhole, int kPixels>
  static void pixels(const Layer& layer, const Run& run, int32_t c, const float* x, float* y, const float* w, int32_t channels) {
    const typename V::Mask mask = V::lanes(0, channels);
    const typename V::Type bias = V::load(layer.bias + c), low = V::all(layer.p.low), high = V::all(layer.p.high);
    typename V::Type sum[kPixels];
    SINTER_UNROLL
    for (int i = 0; i < kPixels; ++i) sum[i] = bias;
    for (int32_t plane = 0; plane < run.planes; ++plane) {
      for (int32_t line = 0; line < run.lines; ++line) {
        const float* at = x + plane * layer.plane_step + line * layer.line_step;
        const float* weight = w + (plane * layer.p.kernel[1] + line) * layer.p.kernel[2] * kNr;
        for (int32_t column = 0; column < run.columns; ++column, at += layer.column_step, weight += kNr) {
          const typename V::Type factor = V::load(weight);
          SINTER_UNROLL
          for (int i = 0; i < kPixels; ++i) {
            sum[i] = V::multiply_add(load<V, kWhole>(at + i * layer.pixel_step, mask), factor, sum[i]);
          }
        }
      }
    }
    SINTER_UNROLL
    for (int i = 0; i < kPixels; ++i, y += layer.p.out_channels) store<V, kWhole>(y, V::clamp(sum[i], low, high), channels);
  }
};

// All channels; `Last` takes those that fill no vector.
template <class V, class Last, class Window>
__attribute__((noinline)) void channels(const Layer& layer, const Run& run) {
  const int32_t all = layer.p.out_channels;
  for (int32_t c = 0; c < all; c += V::kLanes) {
    const float* w = layer.weights + ptrdiff_t{c / kNr} * kNr * layer.taps + run.tap * kNr + c % kNr;
    if (all - c >= V::kLanes) {
      Window::template vector<V, true>(layer, run, c, w, V::kLanes);
    } else if (all - c > Last::kLanes) {
      Window::template vector<V, false>(layer, run, c, w, all - c);
    } else if (all - c == Last::kLanes) {
      Window::template vector<Last, true>(layer, run, c, w, Last::kLanes);
    } else {
      Window::template vector<Last, false>(layer, run, c, w, all - c);
    }
  }
}

template <class V, class Last, int kLines>
void columns(const Layer& layer, const Run& run) {
  switch (run.columns) {
    case 1:
      return channels<V, Last, Small<kLines, 1>>(layer, run);
    case 2:
      return channels<V, Last, Small<kLines, 2>>(layer, run);
    default:
      return channels<V, Last, Small<kLines, 3>>(layer, run);
  }
}

template <class V, class Last>
void convolve(const Layer& layer, const Run& run) {
  if (run.planes != 1 || run.lines == 0 || run.lines > 3 || run.columns == 0 || run.columns > 3) {
    return channels<V, Last, Any>(layer, run);
  }
  switch (run.lines) {
    case 1:
      return columns<V, Last, 1>(layer, run);
    case 2:
      return columns<V, Last, 2>(layer, run);
    default:
      return columns<V, Last, 3>(layer, run);
  }
}

template <class V, class Last>
Status depthwise(const void* params, void* const* operands, int32_t begin, int32_t end) {
  const DepthwiseF32Params& p = *static_cast<const DepthwiseF32Params*>(params);
  const ptrdiff_t line = ptrdiff_t{p.in[2]} * p.in_channels;
  const Layer layer = {p,
                       static_cast<const float*>(operands[1]),
                       static_cast<const float*>(operands[2]),
                       taps(p),
                       line * p.in[1] * p.dilation[0],
                       line * p.dilation[1],
                       ptrdiff_t{p.dilation[2]} * p.in_channels,
                       ptrdiff_t{p.stride[2]} * p.in_channels,
                       line * p.stride[1]};
  // Pixels [first, last) of an axis have no window that hangs over an edge.
  int32_t first[3], last[3];
  for (int i = 1; i < 3; ++i) {
    const int32_t room = p.in[i] - 1 - (p.kernel[i] - 1) * p.dilation[i] + p.pad[i];
    first[i] = div_up(p.pad[i], p.stride[i]);
    last[i] = room < 0 ? 0 : room / p.stride[i] + 1;
    if (last[i] > p.out[i]) last[i] = p.out[i];
  }
  const int64_t fit = kTogether / (int64_t{layer.row_step} * 4);
  const int32_t together = fit < 1 ? 1 : static_cast<int32_t>(fit);
  for (int32_t index = begin, rows = 1; index < end; index += rows) {
    const int32_t at_h = index % p.out[1];
    rows = 1;
    if (first[1] <= at_h && at_h < last[1]) {
      rows = last[1] - at_h < end - index ? last[1] - at_h : end - index;
      if (rows > together) rows = together;
    }
    Pixel pixel = locate(p, index * p.out[2]);
    const TapRange planes = inside_taps(p, pixel, 0), lines = inside_taps(p, pixel, 1);
    const int32_t d = pixel.origin[0] + planes.first * p.dilation[0], h = pixel.origin[1] + lines.first * p.dilation[1];
    const bool none = planes.first == planes.last || lines.first == lines.last;
    const float* row = static_cast<const float*>(operands[0]);
    if (!none) row += ((ptrdiff_t{pixel.batch} * p.in[0] + d) * p.in[1] + h) * line;
    float* y = static_cast<float*>(operands[3]) + ptrdiff_t{index} * p.out[2] * p.out_channels;
    for (int32_t w = 0; w < p.out[2];) {
      pixel.origin[2] = w * p.stride[2] - p.pad[2];
      const TapRange range = inside_taps(p, pixel, 2);
      int32_t count = 1;
      if (first[2] <= w && w < last[2]) count = last[2] - w;
      const int32_t tap = (planes.first * p.kernel[1] + lines.first) * p.kernel[2] + range.first;
      const ptrdiff_t at = none || range.first == range.last ? 0 : pixel.origin[2] + range.first * p.dilation[2];
      convolve<V, Last>(layer, {row + at * p.in_channels, y + ptrdiff_t{w} * p.out_channels, rows, count, tap,
                                none ? 0 : planes.last - planes.first, lines.last - lines.first, range.last - range.first});
      w += count;
    }
  }
  return kOk;
}

}  // namespace
}  // namespace sinter
