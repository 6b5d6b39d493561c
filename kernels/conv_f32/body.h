// What the vector kernels share: tiles of up to kMr pixels by panels of sixteen columns, in vectors V of floats_<isa>.h.
#pragma once

#include "../unroll.h"
#include "conv_f32.h"

namespace sinter {
namespace {

constexpr int32_t kNr = 16;

// More weights than this stay in no cache between tiles: then each panel passes over all tiles in turn.
constexpr int64_t kResident = 1 << 19;

template <int kMr>
struct Layer {
  const ConvF32Params& p;
  const float *input, *weights, *bias;
  float* output;
  ConvSegments plan;
  const float** segments;  // [segment][kMr]: where it starts in each row of the tile
  float *zeros, *border;
  int32_t panels, depth, group_in, group_out;
  bool pixels_contiguous;
  ptrdiff_t line_step, plane_step;
};

// The segments of a pixel that are lines of its window; `spare` takes the lines that hang over the left or right edge.
template <class V, int kMr>
void point_lines(const Layer<kMr>& layer, const Pixel& pixel, const float** segments, float* spare) {
  const ConvF32Params& p = layer.p;
  const TapRange range = inside_taps(p, pixel, 2);
  const int32_t first = range.first * p.in_channels, last = range.last * p.in_channels, width = p.kernel[2] * p.in_channels;
  const ptrdiff_t row = ptrdiff_t{pixel.origin[2]} * p.in_channels;
  for (int32_t kd = 0, d = pixel.origin[0]; kd < p.kernel[0]; ++kd, d += p.dilation[0]) {
    const bool plane_inside = d >= 0 && d < p.in[0];
    for (int32_t kh = 0, h = pixel.origin[1]; kh < p.kernel[1]; ++kh, h += p.dilation[1], segments += kMr) {
      if (!plane_inside || h < 0 || h >= p.in[1] || first == last) {
        *segments = layer.zeros;
        continue;
      }
      const float* x = layer.input + ((ptrdiff_t{pixel.batch} * p.in[0] + d) * p.in[1] + h) * p.in[2] * p.in_channels + row;
      if (last - first == width) {
        *segments = x;
        continue;
      }
      *segments = spare;
      for (int32_t i = 0; i < width; i += V::kLanes) V::store(spare + i, V::load_range(x + i, first - i, last - i));
      spare += layer.plan.floats;
    }
  }
}

// Segments [begin, end) of a pixel that are channels under one tap.
template <int kMr>
void point_taps(const Layer<kMr>& layer, const Pixel& pixel, int32_t group, int32_t begin, int32_t end, const float** segments) {
  const ConvF32Params& p = layer.p;
  const bool inside = window_inside(p, pixel);
  if (inside && layer.plan.chunks == 1 && end - begin == taps(p)) {
    const int32_t position = input_pixel(p, pixel.batch, pixel.origin[0], pixel.origin[1], pixel.origin[2]);
    const float* x = layer.input + ptrdiff_t{position} * p.in_channels + group * layer.group_in;
    const ptrdiff_t step = ptrdiff_t{p.dilation[2]} * p.in_channels;
    for (int32_t kd = 0; kd < p.kernel[0]; ++kd) {
      for (int32_t kh = 0; kh < p.kernel[1]; ++kh) {
        const float* tap = x + kd * layer.plane_step + kh * layer.line_step;
        for (int32_t kw = 0; kw < p.kernel[2]; ++kw, tap += step, segments += kMr) *segments = tap;
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
template <class V, int kMr>
void prepare(const Layer<kMr>& layer, const ConvTile& tile, int32_t begin, int32_t end) {
  const ConvF32Params& p = layer.p;
  if (layer.pixels_contiguous) {
    const float* x = layer.input + ptrdiff_t{tile.pixel} * p.in_channels + tile.group * layer.group_in;
    for (int32_t row = 0; row < tile.pixels; ++row, x += p.in_channels) {
      for (int32_t s = begin; s < end; ++s) layer.segments[(s - begin) * kMr + row] = x + ptrdiff_t{s} * kSegmentDepth;
    }
    return;
  }
  PixelWalk walk = walk_from(p, tile.pixel);
  for (int32_t row = 0;; next(p, walk)) {
    if (layer.plan.lines) {
      point_lines<V>(layer, walk.pixel, layer.segments + row, layer.border + ptrdiff_t{row} * layer.plan.count * layer.plan.floats);
    } else {
      point_taps(layer, walk.pixel, tile.group, begin, end, layer.segments + row);
    }
    if (++row == tile.pixels) return;
  }
}

// Adds one segment's products. K is summed in kWays interleaved parts, so that the additions of one do not wait for each other.
template <class V, int kRows, int kVectors, int kWays>
inline __attribute__((always_inline)) void multiply(const float* const* segment, const float* w, ptrdiff_t vector_step, int32_t depth,
                                                    typename V::Type acc[kWays][kRows][kVectors]) {
  constexpr int kSteps = kWays > 2 ? kWays : 2;
  const float* x[kRows];
  SINTER_UNROLL
  for (int row = 0; row < kRows; ++row) x[row] = segment[row];
  int32_t k = 0;
  for (; k + kSteps <= depth; k += kSteps) {
    SINTER_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      typename V::Type weight[kVectors];
      SINTER_UNROLL
      for (int v = 0; v < kVectors; ++v) weight[v] = V::load(w + v * vector_step + step * kNr);
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) {
        const typename V::Type value = V::broadcast(x[row] + k + step);
        SINTER_UNROLL
        for (int v = 0; v < kVectors; ++v) {
          acc[step % kWays][row][v] = V::multiply_add(value, weight[v], acc[step % kWays][row][v]);
        }
      }
    }
    w += kSteps * kNr;
  }
  for (; k < depth; ++k, w += kNr) {
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      const typename V::Type value = V::broadcast(x[row] + k);
      SINTER_UNROLL
      for (int v = 0; v < kVectors; ++v) acc[0][row][v] = V::multiply_add(value, V::load(w + v * vector_step), acc[0][row][v]);
    }
  }
}

// kVectors vectors of columns, from panel `index` on; the weights of one vector lie `vector_step` behind those of the one before.
template <class V, int kRows, int kVectors, int kMr>
void block(const Layer<kMr>& layer, const ConvTile& tile, int32_t index, ptrdiff_t vector_step) {
  constexpr int kWays = kRows == 1 ? 4 : (kRows < 4 ? 2 : 1);
  const ptrdiff_t column = (ptrdiff_t{tile.group} * layer.panels + index) * kNr;
  typename V::Type acc[kWays][kRows][kVectors];
  SINTER_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      acc[0][row][v] = V::load(layer.bias + column + v * V::kLanes);
      SINTER_UNROLL
      for (int way = 1; way < kWays; ++way) acc[way][row][v] = V::zero();
    }
  }
  const float* w = layer.weights + column * layer.depth;
  const ConvSegments& plan = layer.plan;
  for (int32_t begin = 0; begin < plan.count; begin += plan.block) {
    const int32_t end = plan.count - begin < plan.block ? plan.count : begin + plan.block;
    if (plan.count > plan.block) prepare<V>(layer, tile, begin, end);
    for (int32_t s = begin, chunk = begin % plan.chunks; s < end; ++s) {
      const bool last = ++chunk == plan.chunks;
      const int32_t depth = last ? plan.last_depth : kSegmentDepth;
      if (last) chunk = 0;
      multiply<V, kRows, kVectors, kWays>(layer.segments + (s - begin) * kMr, w, vector_step, depth, acc);
      w += ptrdiff_t{depth} * kNr;
    }
  }
  const int32_t first = index * kNr, columns = layer.group_out - first;
  float* y = layer.output + ptrdiff_t{tile.pixel} * layer.p.out_channels + tile.group * layer.group_out + first;
  const typename V::Type low = V::all(layer.p.low), high = V::all(layer.p.high);
  SINTER_UNROLL
  for (int row = 0; row < kRows; ++row, y += layer.p.out_channels) {
    SINTER_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      typename V::Type sum = acc[0][row][v];
      SINTER_UNROLL
      for (int way = 1; way < kWays; ++way) sum = V::add(sum, acc[way][row][v]);
      V::store_first(y + v * V::kLanes, V::clamp(sum, low, high), columns - v * V::kLanes);
    }
  }
}

// Calls Panels::run<tile.pixels>(layer, tile).
template <class Panels, int kRows, int kMr>
inline void panels_of(const Layer<kMr>& layer, const ConvTile& tile) {
  if (tile.pixels == kRows) return Panels::template run<kRows>(layer, tile);
  if constexpr (kRows > 1) panels_of<Panels, kRows - 1>(layer, tile);
}

template <class V, class Panels, int kMr>
void run_tile(const Layer<kMr>& layer, const ConvTile& tile) {
  if (layer.plan.count <= layer.plan.block) prepare<V>(layer, tile, 0, layer.plan.count);
  panels_of<Panels, kMr>(layer, tile);
}

// Panels::run<rows>(layer, tile) computes the panels of a tile whose segments are prepared, up to Panels::kWide of them at once.
template <class V, class Panels, int kMr>
Status convolve(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  const ConvF32Params& p = *static_cast<const ConvF32Params*>(params);
  const ConvSegments plan = conv_segments(p);
  const float** segments = static_cast<const float**>(scratch);
  float* zeros = reinterpret_cast<float*>(segments + ptrdiff_t{plan.block} * kMr);
  for (int32_t i = 0; i < plan.floats; ++i) zeros[i] = 0.0f;
  bool pixels_contiguous = taps(p) == 1;
  for (int i = 0; i < 3; ++i) pixels_contiguous = pixels_contiguous && p.stride[i] == 1 && p.pad[i] == 0 && p.in[i] == p.out[i];
  const ptrdiff_t line = ptrdiff_t{p.in[2]} * p.in_channels;
  const Layer<kMr> layer = {p,
                            static_cast<const float*>(operands[0]),
                            static_cast<const float*>(operands[1]),
                            static_cast<const float*>(operands[2]),
                            static_cast<float*>(operands[3]),
                            plan,
                            segments,
                            zeros,
                            zeros + plan.floats,
                            conv_panels(p, kNr),
                            conv_depth(p),
                            p.in_channels / p.groups,
                            p.out_channels / p.groups,
                            pixels_contiguous,
                            line * p.dilation[1],
                            line * p.in[1] * p.dilation[0]};
  const int32_t splits = conv_splits(p, kMr, kNr);
  if (splits == 1 && int64_t{layer.panels} * kNr * layer.depth * 4 > kResident) {
    for (int32_t column = 0; column < layer.panels; column += Panels::kWide) {
      for (int32_t index = begin; index < end; ++index) {
        ConvTile tile = conv_tile(p, kMr, kNr, index);
        tile.panel = column;
        tile.panels = layer.panels - column < Panels::kWide ? layer.panels - column : Panels::kWide;
        run_tile<V, Panels>(layer, tile);
      }
    }
    return kOk;
  }
  for (int32_t index = begin; index < end;) {
    ConvTile tile = conv_tile(p, kMr, kNr, index);
    if (splits == 1) {
      ++index;
    } else {  // tiles of one pixel block in one go
      tile.panels = splits - tile.panel < end - index ? splits - tile.panel : end - index;
      index += tile.panels;
    }
    run_tile<V, Panels>(layer, tile);
  }
  return kOk;
}

}  // namespace
}  // namespace sinter
