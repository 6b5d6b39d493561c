// What the vector kernels share: tiles of up to kMr pixels by panels of sixteen columns, in vectors V of floats_<isa>.h.
#pragma once

#include "../panels_f32.h"
#include "conv_f32.h"

namespace sinter {
namespace {

// More weights than this stay in no cache between tiles: then each panel passes over all tiles in turn.
constexpr int64_t kResident = 1 << 19;
// Floats this far apart meet in a first-level cache, which holds kWayLines of them.
constexpr int32_t kWay = 1024, kWayLines = 8;

template <int kMr>
struct Layer {
  const ConvF32Params& p;
  const float *input, *weights, *bias;
  float* output;
  ConvSegments plan;
  ConvLines lines;
  Runs runs;               // of a segment, where there are lines
  const float** segments;  // where they start in each row of a tile: [segment][kMr], or [row] of one segment
  float* floats;           // zeros or lines
  int32_t panels, depth, group_in, group_out;
  bool pixels_contiguous;
  bool crowded;         // rows of a tile lie in the same lines of the first-level cache
  int32_t last_origin;  // of a window that does not hang over the right edge
};

// Stores `count` pointers, `step` apart, one by one: one that was stored with others in a vector is slow to load.
static inline void spread(const float* x, ptrdiff_t step, int32_t count, const float** to) {
  for (int32_t i = 0; i < count; ++i, x += step) {
    __asm__("" : "+r"(x));
    to[i] = x;
  }
}

// The segments of `count` neighbouring pixels whose windows hang over neither the left nor the right edge.
template <int kMr>
void point(const Layer<kMr>& layer, const Pixel& pixel, int32_t group, int32_t count, const float** segments) {
  const ConvF32Params& p = layer.p;
  const ptrdiff_t tap_step = ptrdiff_t{p.dilation[2]} * p.in_channels, pixel_step = ptrdiff_t{p.stride[2]} * p.in_channels;
  for (int32_t kd = 0, d = pixel.origin[0]; kd < p.kernel[0]; ++kd, d += p.dilation[0]) {
    for (int32_t kh = 0, h = pixel.origin[1]; kh < p.kernel[1]; ++kh, h += p.dilation[1]) {
      const int32_t position = input_pixel(p, pixel.batch, d, h, pixel.origin[2]);
      const float* x = position < 0 ? layer.floats : layer.input + ptrdiff_t{position} * p.in_channels + group * layer.group_in;
      const ptrdiff_t step = position < 0 ? 0 : pixel_step;
      for (int32_t kw = 0; kw < p.kernel[2]; ++kw) {
        for (int32_t chunk = 0; chunk < layer.plan.chunks; ++chunk, segments += kMr) {
          const float* from = position < 0 ? x : x + kw * tap_step + chunk * kSegmentDepth;
          spread(from, step, count, segments);
        }
      }
    }
  }
}

// Segments [begin, end) of a pixel that are channels under one tap.
template <int kMr>
void point_taps(const Layer<kMr>& layer, const Pixel& pixel, int32_t group, int32_t begin, int32_t end, const float** segments) {
  const ConvF32Params& p = layer.p;
  int32_t chunk = begin % layer.plan.chunks, tap = begin / layer.plan.chunks;
  for (int32_t s = begin; s < end; ++s, segments += kMr) {
    const int32_t kw = tap % p.kernel[2], kh = tap / p.kernel[2] % p.kernel[1], kd = tap / p.kernel[2] / p.kernel[1];
    const int32_t position = input_pixel(p, pixel.batch, pixel.origin[0] + kd * p.dilation[0], pixel.origin[1] + kh * p.dilation[1],
                                         pixel.origin[2] + kw * p.dilation[2]);
    const ptrdiff_t at = ptrdiff_t{position} * p.in_channels + group * layer.group_in + chunk * kSegmentDepth;
    *segments = position < 0 ? layer.floats : layer.input + at;
    if (++chunk == layer.plan.chunks) {
      chunk = 0;
      ++tap;
    }
  }
}

// Points at segments [begin, end) of a tile that starts at `walk`, which goes on to the tile behind it.
template <int kMr>
void point_tile(const Layer<kMr>& layer, const ConvTile& tile, PixelWalk& walk, int32_t begin, int32_t end) {
  const ConvF32Params& p = layer.p;
  if (layer.pixels_contiguous) {
    const float* x = layer.input + ptrdiff_t{tile.pixel} * p.in_channels + tile.group * layer.group_in;
    spread(x, p.in_channels, tile.pixels, layer.segments);
    return;
  }
  const bool whole = end - begin == layer.plan.count;
  for (int32_t row = 0; row < tile.pixels;) {
    const int32_t room = layer.last_origin - walk.pixel.origin[2];
    int32_t count = 1;
    if (whole && walk.pixel.origin[2] >= 0 && room >= 0) {
      count = walk.left < tile.pixels - row ? walk.left : tile.pixels - row;
      if (room < (count - 1) * p.stride[2]) count = room / p.stride[2] + 1;
      point(layer, walk.pixel, tile.group, count, layer.segments + row);
    } else {
      point_taps(layer, walk.pixel, tile.group, begin, end, layer.segments + row);
    }
    row += count;
    skip(p, walk, count);
  }
}

// The lines in scratch.
struct Held {
  int64_t begin, end;
};

template <class V, int kMr>
void copy_lines(const Layer<kMr>& layer, const Held& held) {
  const ConvF32Params& p = layer.p;
  const ConvLines& lines = layer.lines;
  const int64_t before = int64_t{p.pad[2]} * p.in_channels, behind = before + int64_t{p.in[2]} * p.in_channels;
  const int32_t first = static_cast<int32_t>(before < lines.pitch ? before : lines.pitch);
  const int32_t inside = static_cast<int32_t>(behind < lines.pitch ? behind : lines.pitch);
  float* to = layer.floats;
  for (int64_t line = held.begin; line < held.end; ++line) {
    const int32_t image = static_cast<int32_t>(line / lines.image), h = static_cast<int32_t>(line % lines.image) - p.pad[1];
    for (int32_t kd = 0; kd < p.kernel[0]; ++kd, to += lines.pitch) {
      const int32_t d = image % p.out[0] * p.stride[0] - p.pad[0] + kd * p.dilation[0];
      const int32_t position = input_pixel(p, image / p.out[0], d, h, 0), last = position < 0 ? 0 : inside;
      const float* x = layer.input + ptrdiff_t{position} * p.in_channels - before;
      for (int32_t k = 0; k < lines.pitch; k += V::kLanes) {
        const bool whole = k >= first && k + V::kLanes <= last;
        V::store(to + k, whole ? V::load(x + k) : V::load_masked(x + k, V::lanes(first - k, last - k)));
      }
    }
  }
}

// Rows of output in order: the first line that one sees, its number in its image, and the pixel that comes next.
struct RowWalk {
  int64_t line;
  int32_t row, column;
};

static inline void next_row(const ConvF32Params& p, const ConvLines& lines, RowWalk& walk) {
  const bool last = ++walk.row == p.out[1];
  walk.line += last ? lines.extent : p.stride[1];
  walk.row = last ? 0 : walk.row;
  walk.column = 0;
}

// Points at the segments of a tile in lines, which are copied where they are not held; goes on to the tile behind it.
template <class V, int kMr>
void point_lines(const Layer<kMr>& layer, int32_t pixels, RowWalk& walk, Held& held) {
  const ConvF32Params& p = layer.p;
  const ConvLines& lines = layer.lines;
  RowWalk last = walk;
  for (int32_t left = pixels - (p.out[2] - walk.column); left > 0; left -= p.out[2]) next_row(p, lines, last);
  if (walk.line < held.begin || last.line + lines.extent > held.end) {
    held.begin = walk.line;
    held.end = held.begin + lines.count < lines.all ? held.begin + lines.count : lines.all;
    copy_lines<V>(layer, held);
  }
  const ptrdiff_t pixel_step = ptrdiff_t{p.stride[2]} * p.in_channels;
  for (int32_t i = 0; i < pixels;) {
    const float* x = layer.floats + (walk.line - held.begin) * p.kernel[0] * lines.pitch + walk.column * pixel_step;
    const int32_t left = p.out[2] - walk.column, count = left < pixels - i ? left : pixels - i;
    for (int32_t kd = 0; kd < p.kernel[0]; ++kd) {
      spread(x + kd * lines.pitch, pixel_step, count, layer.segments + kd * kMr + i);
    }
    i += count;
    walk.column += count;
    if (count == left) next_row(p, lines, walk);
  }
}

// `count` blocks of kRows rows of a tile, from row `first` on, by kVectors vectors of columns, from panel `index` on; the weights
// of one vector lie `vector_step` behind those of the one before.
template <class V, int kRows, int kVectors, int kMr>
__attribute__((noinline)) void blocks(const Layer<kMr>& layer, const ConvTile& tile, int32_t first, int32_t count, int32_t index,
                                      ptrdiff_t vector_step) {
  constexpr int kWays = kRows == 1 ? 2 : (kRows < 4 ? 2 : 1);
  const ConvSegments& plan = layer.plan;
  const ptrdiff_t column = (ptrdiff_t{tile.group} * layer.panels + index) * kNr, pixel_step = layer.p.out_channels;
  const int32_t out = index * kNr, columns = layer.group_out - out;
  const typename V::Type low = V::all(layer.p.low), high = V::all(layer.p.high);
  const float** segments = layer.segments + first;
  float* y = layer.output + (tile.pixel + first) * pixel_step + tile.group * layer.group_out + out;
  for (; count > 0; --count, segments += kRows) {
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
    for (int32_t begin = 0, chunk = 0; begin < plan.count; begin += plan.block) {
      const int32_t end = plan.count - begin < plan.block ? plan.count : begin + plan.block;
      if (plan.count > plan.block) {
        PixelWalk walk = walk_from(layer.p, tile.pixel);
        point_tile(layer, tile, walk, begin, end);
      }
      for (int32_t s = begin; s < end; ++s) {
        const bool last = ++chunk == plan.chunks;
        const Runs runs = {layer.runs.count, last ? plan.last_depth : kSegmentDepth, layer.runs.step};
        if (last) chunk = 0;
        multiply_panels<V, kRows, kVectors, kWays>(segments + (s - begin) * kMr, runs, w, vector_step, acc);
        w += ptrdiff_t{runs.count} * runs.depth * kNr;
      }
    }
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row, y += pixel_step) {
      SINTER_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        typename V::Type sum = acc[0][row][v];
        SINTER_UNROLL
        for (int way = 1; way < kWays; ++way) sum = V::add(sum, acc[way][row][v]);
        V::store_first(y + v * V::kLanes, V::clamp(sum, low, high), columns - v * V::kLanes);
      }
    }
  }
}

// Panels::run<rows>(layer, tile, first, count) computes the panels of `count` blocks of rows, up to Panels::kWide of them at once.
template <class Panels, int kRows, int kMr>
inline void panels_of(const Layer<kMr>& layer, const ConvTile& tile, int32_t first) {
  if (const int32_t count = (tile.pixels - first) / kRows; count > 0) {
    Panels::template run<kRows>(layer, tile, first, count);
    first += count * kRows;
  }
  if constexpr (kRows > 1) panels_of<Panels, kRows - 1>(layer, tile, first);
}

template <class V, class Panels, int kMr>
Status convolve(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  const ConvF32Params& p = *static_cast<const ConvF32Params*>(params);
  const ConvLines lines = conv_lines(p, kMr);
  const ConvSegments plan = conv_segments(p, lines);
  const Runs runs = {lines.count == 0 ? 1 : p.kernel[1], 0, ptrdiff_t{p.dilation[1]} * p.kernel[0] * lines.pitch};
  float* floats = reinterpret_cast<float*>(static_cast<char*>(scratch) + conv_table(kMr, conv_entries(plan)));
  if (lines.count == 0 && plan.floats != 0) {  // no call of memset for none
    for (int32_t i = 0; i < plan.floats; ++i) floats[i] = 0.0f;
  }
  bool pixels_contiguous = taps(p) == 1;
  for (int i = 0; i < 3; ++i) pixels_contiguous = pixels_contiguous && p.stride[i] == 1 && p.pad[i] == 0 && p.in[i] == p.out[i];
  const Layer<kMr> layer = {p,
                            static_cast<const float*>(operands[0]),
                            static_cast<const float*>(operands[1]),
                            static_cast<const float*>(operands[2]),
                            static_cast<float*>(operands[3]),
                            plan,
                            lines,
                            runs,
                            static_cast<const float**>(scratch),
                            floats,
                            conv_panels(p, kNr),
                            conv_depth(p),
                            p.in_channels / p.groups,
                            p.out_channels / p.groups,
                            pixels_contiguous,
                            p.in_channels * p.stride[2] % kWay == 0,
                            p.in[2] - 1 - (p.kernel[2] - 1) * p.dilation[2]};
  const int32_t splits = conv_splits(p, kMr, kNr), pixels = output_pixels(p);
  const bool resident = pixels <= kMr || int64_t{layer.panels} * kNr * layer.depth * 4 <= kResident;
  const int32_t wide = resident ? layer.panels : Panels::kWide;
  const int32_t batch = p.groups == 1 && plan.count == 1 ? kBatch : 1;
  // Blocks of rows: of the first and the last one, only some panels where they are split.
  const int32_t first = begin / splits, last = (end - 1) / splits;
  Held held = {0, 0};
  for (int32_t column = 0; column < layer.panels; column += wide) {
    const ConvTile start = conv_tile(p, kMr, kNr, begin);
    PixelWalk walk = walk_from(p, start.pixel);
    const int32_t row = start.pixel / p.out[2];
    RowWalk rows = {row / p.out[1] * lines.image + row % p.out[1] * p.stride[1], row % p.out[1], start.pixel % p.out[2]};
    int32_t tiles = 1;
    for (int32_t block = first; block <= last; block += tiles) {
      const bool edge = splits != 1 && (block == first || last - block < batch);
      tiles = edge ? 1 : (last - block < batch ? last - block + 1 : batch);
      ConvTile tile = start;
      tile.group = block % p.groups;
      tile.pixel = block / p.groups * kMr;
      tile.pixels = pixels - tile.pixel < tiles * kMr ? pixels - tile.pixel : tiles * kMr;
      const int32_t from = splits != 1 && block == first ? begin % splits : 0;
      const int32_t to = splits != 1 && block == last ? (end - 1) % splits + 1 : layer.panels;
      tile.panel = column > from ? column : from;
      tile.panels = (layer.panels - column < wide || column + wide > to ? to : column + wide) - tile.panel;
      if (lines.count != 0) {
        point_lines<V>(layer, tile.pixels, rows, held);
      } else if (plan.count <= plan.block) {
        PixelWalk behind = walk;
        point_tile(layer, tile, behind, 0, plan.count);
        if (tile.group == p.groups - 1) walk = behind;
      }
      if (kMr > kWayLines && layer.crowded) {
        panels_of<Panels, kMr / 2>(layer, tile, 0);
      } else {
        panels_of<Panels, kMr>(layer, tile, 0);
      }
    }
  }
  return kOk;
}

}  // namespace
}  // namespace sinter
