#include "../store_avx2.h"
#include "../unroll.h"
#include "conv_f32.h"

namespace sinter {
namespace {

constexpr int32_t kMr = 6, kNr = 16;

// More weights than this stay in no cache between tiles: then each panel passes over all tiles in turn.
constexpr int64_t kResident = 1 << 19;

// A stretch of K: where it starts in each row of the tile.
struct Segment {
  const float* x[kMr];
};

struct Layer {
  const ConvF32Params& p;
  const float *input, *input_end, *weights, *bias;
  float* output;
  Segment* segments;
  float *rows, *zeros;
  ConvSegments plan;
  int32_t panels, depth, group_in, group_out;
  bool whole_lines, pixels_contiguous;
  ptrdiff_t line_step, plane_step;
  ptrdiff_t window_reach;  // from a window's first element past its last, rounded up to whole vectors
  __m256 low, high;
};

// Stores run up to 7 elements past the end, where what comes next overwrites them.
void copy(float* to, const float* x, int32_t n, const float* end) {
  int32_t i = 0;
  for (; i < n && end - x >= i + 8; i += 8) _mm256_storeu_ps(to + i, _mm256_loadu_ps(x + i));
  for (; i < n; ++i) to[i] = x[i];
}

void clear(float* to, int32_t n) {
  for (int32_t i = 0; i < n; i += 8) _mm256_storeu_ps(to + i, _mm256_setzero_ps());
}

// The depth of one pixel, gathered; for layers of few channels.
void gather(const Layer& layer, const Pixel& pixel, int32_t group, float* to) {
  const ConvF32Params& p = layer.p;
  if (layer.whole_lines && window_inside(p, pixel)) {
    const int32_t position = input_pixel(p, pixel.batch, pixel.origin[0], pixel.origin[1], pixel.origin[2]);
    const int32_t width = p.kernel[2] * p.in_channels, depth = p.kernel[0], height = p.kernel[1];
    const float* x = layer.input + ptrdiff_t{position} * p.in_channels;
    if (layer.input_end - x >= layer.window_reach) {
      for (int32_t kd = 0; kd < depth; ++kd) {
        const float* line = x + kd * layer.plane_step;
        for (int32_t kh = 0; kh < height; ++kh, line += layer.line_step, to += width) {
          for (int32_t i = 0; i < width; i += 8) _mm256_storeu_ps(to + i, _mm256_loadu_ps(line + i));
        }
      }
      return;
    }
  }
  const TapRange range = inside_taps(p, pixel, 2);
  const int32_t before = range.first * layer.group_in, inside = (range.last - range.first) * layer.group_in;
  const int32_t run = p.kernel[2] * layer.group_in;
  for (int32_t kd = 0; kd < p.kernel[0]; ++kd) {
    const int32_t d = pixel.origin[0] + kd * p.dilation[0];
    for (int32_t kh = 0; kh < p.kernel[1]; ++kh, to += run) {
      const int32_t h = pixel.origin[1] + kh * p.dilation[1];
      const int32_t first = inside == 0 ? -1 : input_pixel(p, pixel.batch, d, h, pixel.origin[2] + range.first * p.dilation[2]);
      if (first < 0 || inside < run) clear(to, run);
      if (first < 0) continue;
      const float* x = layer.input + ptrdiff_t{first} * p.in_channels + group * layer.group_in;
      if (layer.whole_lines) {
        copy(to + before, x, inside, layer.input_end);
        if (before + inside < run) clear(to + before + inside, run - before - inside);
        continue;
      }
      for (int32_t c = before; c < before + inside; c += layer.group_in, x += ptrdiff_t{p.dilation[2]} * p.in_channels) {
        for (int32_t i = 0; i < layer.group_in; ++i) to[c + i] = x[i];
      }
    }
  }
}

// Segments [begin, end) of one row of a tile; `segments` is where the first of them goes.
void point(const Layer& layer, const Pixel& pixel, int32_t group, int32_t begin, int32_t end, const float** segments) {
  const ConvF32Params& p = layer.p;
  const bool inside = window_inside(p, pixel);
  if (inside && layer.plan.chunks == 1 && end - begin == taps(p)) {
    const int32_t position = input_pixel(p, pixel.batch, pixel.origin[0], pixel.origin[1], pixel.origin[2]);
    const float* x = layer.input + ptrdiff_t{position} * p.in_channels + group * layer.group_in;
    const int32_t depth = p.kernel[0], height = p.kernel[1], width = p.kernel[2];
    const ptrdiff_t step = ptrdiff_t{p.dilation[2]} * p.in_channels;
    for (int32_t at_d = 0; at_d < depth; ++at_d) {
      for (int32_t at_h = 0; at_h < height; ++at_h) {
        const float* tap = x + at_d * layer.plane_step + at_h * layer.line_step;
        for (int32_t at_w = 0; at_w < width; ++at_w, tap += step, segments += kMr) *segments = tap;
      }
    }
    return;
  }
  int32_t s = begin, chunk = begin % layer.plan.chunks, tap = begin / layer.plan.chunks;
  int32_t kw = tap % p.kernel[2], kh = tap / p.kernel[2] % p.kernel[1], kd = tap / p.kernel[2] / p.kernel[1];
  for (; kd < p.kernel[0]; ++kd, kh = 0) {
    const int32_t d = pixel.origin[0] + kd * p.dilation[0];
    for (; kh < p.kernel[1]; ++kh, kw = 0) {
      const int32_t h = pixel.origin[1] + kh * p.dilation[1], w = pixel.origin[2];
      const bool line_inside = inside || (d >= 0 && d < p.in[0] && h >= 0 && h < p.in[1]);
      const ptrdiff_t line = ((ptrdiff_t{pixel.batch} * p.in[0] + d) * p.in[1] + h) * p.in[2];
      const float* x = line_inside ? layer.input + line * p.in_channels + group * layer.group_in : nullptr;
      for (; kw < p.kernel[2]; ++kw, chunk = 0) {
        const int32_t at = w + kw * p.dilation[2];
        const bool seen = inside || (line_inside && at >= 0 && at < p.in[2]);
        for (; chunk < layer.plan.chunks; ++chunk, ++s, segments += kMr) {
          if (s == end) return;
          *segments = seen ? x + ptrdiff_t{at} * p.in_channels + chunk * kSegmentDepth : layer.zeros;
        }
      }
    }
  }
}

// Prepares segments [begin, end) of a tile.
void prepare(const Layer& layer, const ConvTile& tile, int32_t begin, int32_t end) {
  const ConvF32Params& p = layer.p;
  if (layer.pixels_contiguous) {
    const float* x = layer.input + ptrdiff_t{tile.pixel} * p.in_channels + tile.group * layer.group_in;
    for (int32_t row = 0; row < tile.pixels; ++row, x += p.in_channels) {
      for (int32_t s = begin; s < end; ++s) layer.segments[s - begin].x[row] = x + ptrdiff_t{s} * kSegmentDepth;
    }
    return;
  }
  PixelWalk walk = walk_from(p, tile.pixel);
  for (int32_t row = 0;; next(p, walk)) {
    if (layer.plan.gathered) {
      layer.segments->x[row] = layer.rows + row * layer.depth;
      gather(layer, walk.pixel, tile.group, layer.rows + row * layer.depth);
    } else {
      point(layer, walk.pixel, tile.group, begin, end, &layer.segments->x[row]);
    }
    if (++row == tile.pixels) return;
  }
}

// Short tiles sum K in kWays interleaved parts, so that the additions of one part do not wait for each other.
template <int kRows, int kHalves, int kWays>
inline __attribute__((always_inline)) void multiply(const Segment& segment, const float* w, int32_t depth,
                                                    __m256 acc[kWays][kRows][kHalves]) {
  const float* x[kRows];
  SINTER_UNROLL
  for (int row = 0; row < kRows; ++row) x[row] = segment.x[row];
  int32_t k = 0;
  for (; k + kWays <= depth; k += kWays) {
    SINTER_UNROLL
    for (int way = 0; way < kWays; ++way) {
      __m256 weight[kHalves];
      SINTER_UNROLL
      for (int half = 0; half < kHalves; ++half) weight[half] = _mm256_loadu_ps(w + ptrdiff_t{k + way} * kNr + half * 8);
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) {
        const __m256 value = _mm256_broadcast_ss(x[row] + k + way);
        SINTER_UNROLL
        for (int half = 0; half < kHalves; ++half) acc[way][row][half] = _mm256_fmadd_ps(value, weight[half], acc[way][row][half]);
      }
    }
  }
  for (; k < depth; ++k) {
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      const __m256 value = _mm256_broadcast_ss(x[row] + k);
      SINTER_UNROLL
      for (int half = 0; half < kHalves; ++half) {
        acc[0][row][half] = _mm256_fmadd_ps(value, _mm256_loadu_ps(w + ptrdiff_t{k} * kNr + half * 8), acc[0][row][half]);
      }
    }
  }
}

template <int kRows, int kHalves>
void panel(const Layer& layer, const ConvTile& tile, int32_t index) {
  constexpr int kWays = kRows == 1 ? 4 : (kRows == 2 ? 2 : 1);
  const ptrdiff_t column = (ptrdiff_t{tile.group} * layer.panels + index) * kNr;
  __m256 acc[kWays][kRows][kHalves];
  SINTER_UNROLL
  for (int half = 0; half < kHalves; ++half) {
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      acc[0][row][half] = _mm256_loadu_ps(layer.bias + column + half * 8);
      SINTER_UNROLL
      for (int way = 1; way < kWays; ++way) acc[way][row][half] = _mm256_setzero_ps();
    }
  }
  const float* w = layer.weights + column * layer.depth;
  const ConvSegments& plan = layer.plan;
  for (int32_t begin = 0; begin < plan.count; begin += plan.block) {
    const int32_t end = plan.count - begin < plan.block ? plan.count : begin + plan.block;
    if (plan.count > plan.block) prepare(layer, tile, begin, end);
    for (int32_t s = begin; s < end; ++s) {
      const int32_t depth = (s + 1) % plan.chunks == 0 ? plan.last_depth : kSegmentDepth;
      multiply<kRows, kHalves, kWays>(layer.segments[s - begin], w, depth, acc);
      w += ptrdiff_t{depth} * kNr;
    }
  }
  const int32_t first = index * kNr, columns = layer.group_out - first;
  float* y = layer.output + ptrdiff_t{tile.pixel} * layer.p.out_channels + tile.group * layer.group_out + first;
  SINTER_UNROLL
  for (int row = 0; row < kRows; ++row, y += layer.p.out_channels) {
    SINTER_UNROLL
    for (int half = 0; half < kHalves; ++half) {
      __m256 sum = acc[0][row][half];
      SINTER_UNROLL
      for (int way = 1; way < kWays; ++way) sum = _mm256_add_ps(sum, acc[way][row][half]);
      // The second operand is the result where either is NaN.
      const __m256 clamped = _mm256_min_ps(layer.high, _mm256_max_ps(layer.low, sum));
      store_first(y + half * 8, clamped, columns - half * 8);
    }
  }
}

template <int kRows>
void panels(const Layer& layer, const ConvTile& tile) {
  for (int32_t index = tile.panel; index < tile.panel + tile.panels; ++index) {
    if (layer.group_out - index * kNr > 8) {
      panel<kRows, 2>(layer, tile, index);
    } else {
      panel<kRows, 1>(layer, tile, index);
    }
  }
}

// The segments are prepared anew unless they are those of the tile before.
void run_tile(const Layer& layer, const ConvTile& tile, bool rows_changed) {
  if (rows_changed && layer.plan.count <= layer.plan.block) prepare(layer, tile, 0, layer.plan.count);
  switch (tile.pixels) {
    case 1:
      return panels<1>(layer, tile);
    case 2:
      return panels<2>(layer, tile);
    case 3:
      return panels<3>(layer, tile);
    case 4:
      return panels<4>(layer, tile);
    case 5:
      return panels<5>(layer, tile);
    default:
      return panels<6>(layer, tile);
  }
}

}  // namespace

extern "C" Status conv_f32_6x16__avx2(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  const ConvF32Params& p = *static_cast<const ConvF32Params*>(params);
  const ConvSegments plan = conv_segments(p);
  float* floats = reinterpret_cast<float*>(static_cast<Segment*>(scratch) + plan.block);
  bool pixels_contiguous = taps(p) == 1;
  for (int i = 0; i < 3; ++i) pixels_contiguous = pixels_contiguous && p.stride[i] == 1 && p.pad[i] == 0 && p.in[i] == p.out[i];
  const float* input = static_cast<const float*>(operands[0]);
  const ptrdiff_t line = ptrdiff_t{p.in[2]} * p.in_channels, line_step = line * p.dilation[1];
  const ptrdiff_t plane_step = line * p.in[1] * p.dilation[0];
  const Layer layer = {p,
                       input,
                       input + input_count(p),
                       static_cast<const float*>(operands[1]),
                       static_cast<const float*>(operands[2]),
                       static_cast<float*>(operands[3]),
                       static_cast<Segment*>(scratch),
                       floats,
                       floats,
                       plan,
                       conv_panels(p, kNr),
                       conv_depth(p),
                       p.in_channels / p.groups,
                       p.out_channels / p.groups,
                       p.groups == 1 && p.dilation[2] == 1,
                       pixels_contiguous,
                       line_step,
                       plane_step,
                       (p.kernel[0] - 1) * plane_step + (p.kernel[1] - 1) * line_step + p.kernel[2] * p.in_channels + 7,
                       _mm256_set1_ps(p.low),
                       _mm256_set1_ps(p.high)};
  if (!plan.gathered) {
    for (int32_t i = 0; i < plan.floats; ++i) layer.zeros[i] = 0.0f;
  }
  if (conv_splits(p, kMr, kNr) == 1 && int64_t{layer.panels} * kNr * layer.depth * 4 > kResident) {
    for (int32_t column = 0; column < layer.panels; ++column) {
      for (int32_t index = begin; index < end; ++index) {
        ConvTile tile = conv_tile(p, kMr, kNr, index);
        tile.panel = column;
        tile.panels = 1;
        run_tile(layer, tile, true);
      }
    }
    return kOk;
  }
  ConvTile last = {};
  for (int32_t index = begin; index < end; ++index) {
    const ConvTile tile = conv_tile(p, kMr, kNr, index);
    run_tile(layer, tile, index == begin || tile.pixel != last.pixel || tile.group != last.group);
    last = tile;
  }
  return kOk;
}

}  // namespace sinter
