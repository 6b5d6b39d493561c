// Convolution by kernels that widen mr pixels to int16 and then multiply. Isa is a type that no other source file has, so that no
// two instruction sets share code:
//
//   Isa::kMr, Isa::kResident                         rows of a tile; bytes of weights that stay in a cache from tile to tile
//   Isa::widen16(to, x), Isa::fill16(to, value)      sixteen elements
//   Isa::Range                                       the output's zero point and range
//   Isa::Scale, Isa::load_scale(multiplier, shift, range)
//                                                    the multipliers and shifts of 8 columns, prepared
//   Isa::Tile<rows, halves>(bias)                    accumulators of `rows` pixels by halves * 8 columns
//     .multiply(rows, pairs, weights, k)             adds the products over pairs of K, from element k of each row on
//     .store(scales, multiplier, shift, range, y, step, columns)
//                                                    requantises into rows of `columns` outputs, `step` apart
#pragma once

#include "../unroll.h"
#include "widened_band.h"

namespace sinter {

// The input as int16 rows of K, one a pixel. Stores run up to 15 elements past a row's end, where the next row or slack follows.
template <class Isa>
class Widener {
 public:
  Widener(const ConvS8Params& p, const int8_t* input)
      : p_(p), input_(input), end_(input + input_count(p)), group_in_(p.in_channels / p.groups), depth_(conv_depth(p)) {
    rows_contiguous_ = p.groups == 1 && p.dilation[2] == 1;
    pixels_contiguous_ = keeps_pixels(p);
    for (int i = 0; i < 3; ++i) reach_[i] = (p.kernel[i] - 1) * p.dilation[i];
    run_ = p.kernel[2] * p.in_channels;
    line_step_ = ptrdiff_t{p.in[2]} * p.in_channels * p.dilation[1];
    plane_step_ = ptrdiff_t{p.in[2]} * p.in_channels * p.in[1] * p.dilation[0];
    window_ = (p.kernel[0] - 1) * plane_step_ + (p.kernel[1] - 1) * line_step_ + run_;
  }

  // Row h of the input from the window's first column on, in_zero outside.
  void widen_row(int32_t h, int32_t elements, int16_t* to) const {
    if (h < 0 || h >= p_.in[1]) return fill(to, elements);
    const int64_t row = int64_t{p_.in[2]} * p_.in_channels, pad = int64_t{p_.pad[2]} * p_.in_channels;
    const int32_t before = static_cast<int32_t>(pad < elements ? pad : elements), room = elements - before;
    const int32_t inside = static_cast<int32_t>(row < room ? row : room);
    fill(to, before);
    copy(to + before, input_ + h * row, inside);
    fill(to + before + inside, room - inside);
  }

  // Elements [begin, end) of K, and zero where that makes a pair whole, for output pixels from index on, at to, to + stride and so
  // on.
  void widen(int32_t index, int32_t pixels, int32_t group, int32_t begin, int32_t end, int16_t* to, ptrdiff_t stride) {
    widen_rows(index, pixels, group, begin, end, to, stride);
    for (int32_t row = 0; (end - begin) % 2 != 0 && row < pixels; ++row) to[row * stride + end - begin] = 0;
  }

 private:
  void widen_rows(int32_t index, int32_t pixels, int32_t group, int32_t begin, int32_t end, int16_t* to, ptrdiff_t stride) {
    if (pixels_contiguous_) {
      const int8_t* x = input_ + ptrdiff_t{index} * p_.in_channels + group * group_in_ + begin;
      if (p_.groups == 1 && stride == p_.in_channels) return copy(to, x, pixels * p_.in_channels);
      for (int32_t row = 0; row < pixels; ++row, x += p_.in_channels) copy(to + row * stride, x, end - begin);
      return;
    }
    if (index != next_) find(index);
    const bool lines = rows_contiguous_ && end - begin == depth_;
    for (int32_t row = 0, count; row < pixels; row += count) {
      if (left_ == 0) find(index + row);
      count = left_ < pixels - row ? left_ : pixels - row;
      while (count > 1 && !(lines && inside(count))) --count;
      if (lines && (count > 1 || inside(count))) {
        gather_inside(count, to + row * stride, stride);
      } else if (lines) {
        gather_lines(to + row * stride);
      } else {
        gather(group, begin, end, to + row * stride);
      }
      next_ += count;
      left_ -= count;
      pixel_.origin[2] += count * p_.stride[2];
    }
  }

  void find(int32_t index) {
    pixel_ = locate(p_, index);
    next_ = index;
    left_ = p_.out[2] - index % p_.out[2];
  }

  // Whether all taps of so many pixels of this row lie inside the input.
  bool inside(int32_t pixels) const {
    const int32_t* at = pixel_.origin;
    return at[0] >= 0 && at[0] + reach_[0] < p_.in[0] && at[1] >= 0 && at[1] + reach_[1] < p_.in[1] && at[2] >= 0 &&
           at[2] + (pixels - 1) * p_.stride[2] + reach_[2] < p_.in[2];
  }

  void gather_inside(int32_t pixels, int16_t* to, ptrdiff_t stride) const {
    const int32_t depth = p_.kernel[0], height = p_.kernel[1], run = run_;
    const ptrdiff_t line = line_step_, plane = plane_step_, step = ptrdiff_t{p_.stride[2]} * p_.in_channels;
    const int32_t position = input_pixel(p_, pixel_.batch, pixel_.origin[0], pixel_.origin[1], pixel_.origin[2]);
    const int8_t* x = input_ + ptrdiff_t{position} * p_.in_channels;
    const bool short_runs = run <= 16 && end_ - x >= (pixels - 1) * step + window_ + 16 - run;
    for (int32_t row = 0; row < pixels; ++row, x += step, to += stride) {
      int16_t* y = to;
      for (int32_t kd = 0; kd < depth; ++kd) {
        const int8_t* at = x + kd * plane;
        for (int32_t kh = 0; kh < height; ++kh, at += line, y += run) {
          if (short_runs) {
            Isa::widen16(y, at);
          } else {
            copy(y, at, run);
          }
        }
      }
    }
  }

  // One pixel, line by line of its window, each of which may hang over the input's edges.
  void gather_lines(int16_t* to) const {
    const int32_t channels = p_.in_channels, d = pixel_.origin[0], h = pixel_.origin[1], w = pixel_.origin[2], width = p_.kernel[2];
    int32_t last = p_.in[2] - w < width ? p_.in[2] - w : width;
    int32_t first = w < 0 ? -w : 0;
    if (last < first) first = last = width;
    const int32_t before = first * channels, inside = (last - first) * channels, after = (width - last) * channels;
    const int8_t* x = input_ + (((ptrdiff_t{pixel_.batch} * p_.in[0] + d) * p_.in[1] + h) * p_.in[2] + w) * channels;
    for (int32_t kd = 0; kd < p_.kernel[0]; ++kd, x += plane_step_) {
      const int32_t at_d = d + kd * p_.dilation[0];
      const int8_t* line = x;
      for (int32_t kh = 0; kh < p_.kernel[1]; ++kh, line += line_step_, to += run_) {
        const int32_t at_h = h + kh * p_.dilation[1];
        if (at_d < 0 || at_d >= p_.in[0] || at_h < 0 || at_h >= p_.in[1]) {
          fill(to, run_);
          continue;
        }
        if (before != 0) fill(to, before);
        copy(to + before, line + before, inside);
        if (after != 0) fill(to + before + inside, after);
      }
    }
  }

  __attribute__((noinline)) void gather(int32_t group, int32_t begin, int32_t end, int16_t* to) const {
    int32_t k = 0;
    const auto emit = [&](const int8_t* x, int32_t length) {
      const int32_t first = k < begin ? begin : k, last = k + length > end ? end : k + length;
      if (first < last) {
        if (x != nullptr) {
          copy(to + (first - begin), x + (first - k), last - first);
        } else {
          fill(to + (first - begin), last - first);
        }
      }
      k += length;
    };
    const int32_t width = p_.kernel[2];
    for (int32_t kd = 0; kd < p_.kernel[0]; ++kd) {
      const int32_t d = pixel_.origin[0] + kd * p_.dilation[0];
      for (int32_t kh = 0; kh < p_.kernel[1]; ++kh) {
        const int32_t h = pixel_.origin[1] + kh * p_.dilation[1], w = pixel_.origin[2];
        const auto tap = [&](int32_t kw) {
          const int32_t position = input_pixel(p_, pixel_.batch, d, h, w + kw * p_.dilation[2]);
          return position < 0 ? nullptr : input_ + ptrdiff_t{position} * p_.in_channels + group * group_in_;
        };
        if (!rows_contiguous_ || d < 0 || d >= p_.in[0] || h < 0 || h >= p_.in[1]) {
          for (int32_t kw = 0; kw < width; ++kw) emit(tap(kw), group_in_);
          continue;
        }
        const TapRange range = inside_taps(p_, pixel_, 2);
        emit(nullptr, range.first * group_in_);
        if (range.first < range.last) emit(tap(range.first), (range.last - range.first) * group_in_);
        emit(nullptr, (width - range.last) * group_in_);
      }
    }
  }

  void copy(int16_t* to, const int8_t* x, int32_t n) const {
    int32_t i = 0;
    if (end_ - x >= n + 15) {
      for (; i < n; i += 16) Isa::widen16(to + i, x + i);
      return;
    }
    for (; i + 16 <= n; i += 16) Isa::widen16(to + i, x + i);
    for (; i < n; ++i) to[i] = x[i];
  }

  void fill(int16_t* to, int32_t n) const {
    for (int32_t i = 0; i < n; i += 16) Isa::fill16(to + i, static_cast<int16_t>(p_.in_zero));
  }

  const ConvS8Params& p_;
  const int8_t* const input_;
  const int8_t* const end_;
  const int32_t group_in_, depth_;
  bool rows_contiguous_, pixels_contiguous_;
  int32_t reach_[3], run_;
  ptrdiff_t line_step_, plane_step_, window_;
  int32_t next_ = -1, left_ = 0;  // the output pixel that pixel_ is, and how many of its row are left
  Pixel pixel_ = {};
};

// The input as whole rows: WidenedBand.
template <class Isa>
class Band {
 public:
  Band(const ConvS8Params& p, const WidenedBand& shape, const Widener<Isa>& widener, int16_t* rows)
      : p_(p), shape_(shape), widener_(widener), rows_(rows) {}

  // Where the windows of a tile's pixels begin.
  template <int kMr>
  void find(const ConvTile& tile, const int16_t* x[kMr]) {
    const int32_t width = p_.out[2], last = (tile.pixel + tile.pixels - 1) / width;
    int32_t row = tile.pixel / width, column = tile.pixel - row * width;
    if (row < first_ || last >= first_ + shape_.rows) widen(row);
    const ptrdiff_t right = ptrdiff_t{p_.stride[2]} * p_.in_channels, down = ptrdiff_t{p_.stride[1]} * shape_.pitch;
    const int16_t* at = rows_ + (row - first_) * down + column * right;
    SINTER_UNROLL
    for (int i = 0; i < kMr; ++i) {
      x[i] = at;
      at += right;
      if (++column == width) at += down - width * right, column = 0;
    }
  }

 private:
  void widen(int32_t row) {
    first_ = row < p_.out[1] - shape_.rows ? row : p_.out[1] - shape_.rows;
    const int32_t h = first_ * p_.stride[1] - p_.pad[1];
    const int32_t count = (shape_.rows - 1) * p_.stride[1] + (p_.kernel[1] - 1) * p_.dilation[1] + 1;
    for (int32_t i = 0; i < count; ++i) widener_.widen_row(h + i, shape_.pitch, rows_ + ptrdiff_t{i} * shape_.pitch);
  }

  const ConvS8Params& p_;
  const WidenedBand& shape_;
  const Widener<Isa>& widener_;
  int16_t* const rows_;
  int32_t first_ = INT32_MAX;  // row of the output
};

// Packed weights, each line of the window in whole pairs.
static inline void split_lines(const ConvS8Params& p, int32_t line, const int8_t* from, int8_t* to) {
  constexpr int32_t kNr = 16;
  for (int32_t panel = 0; panel < conv_panels(p, kNr); ++panel, from += div_up(p.kernel[1] * line, 2) * 2 * kNr) {
    const int8_t* pair = from;
    for (int32_t kh = 0; kh < p.kernel[1]; ++kh) {
      const bool odd = kh % 2 != 0;
      for (int32_t k = 0; k < line; k += 2, pair += 2 * kNr, to += 2 * kNr) {
        for (int n = 0; n < kNr; ++n) {
          to[2 * n] = pair[2 * n + odd];
          to[2 * n + 1] = k + 1 == line ? int8_t{0} : pair[odd ? 2 * (n + kNr) : 2 * n + 1];
        }
      }
      if (!odd) pair -= 2 * kNr;  // shared with the next line
    }
  }
}

// The constants of one call.
template <class Isa>
struct WidenedLayer {
  const ConvS8Params& p;
  const int8_t* weights;
  const int32_t *bias, *multiplier, *shift;
  int8_t* output;
  int16_t* rows;
  typename Isa::Range range;
  typename Isa::Scale* scales;  // two for each panel that a tile has
  int32_t panels, group_out;
  int32_t k, depth, block;  // k: K; depth: in whole pairs; block: how much of it scratch holds
  int32_t lines, pairs;     // of a window that scratch holds whole
  ptrdiff_t pitch;          // from line to line
};

template <class Isa, int kRows, int kHalves>
static void widened_panel(const WidenedLayer<Isa>& layer, Widener<Isa>& widener, const ConvTile& tile, int32_t index,
                          const int16_t* const x[kRows]) {
  constexpr int32_t kNr = 16, kKr = 2;
  const ConvS8Params& p = layer.p;
  const ptrdiff_t column = (ptrdiff_t{tile.group} * layer.panels + index) * kNr;
  const int32_t first = index * kNr;
  const int8_t* w = layer.weights + column * layer.depth;
  typename Isa::template Tile<kRows, kHalves> acc(layer.bias + column);
  if (layer.depth <= layer.block) {
    ptrdiff_t k = 0;
    for (int32_t line = 0; line < layer.lines; ++line, k += layer.pitch, w += layer.pairs * kKr * kNr) {
      acc.multiply(x, layer.pairs, w, k);
    }
  } else {
    for (int32_t k = 0; k < layer.depth; k += layer.block) {
      const int32_t last = k + layer.block < layer.k ? k + layer.block : layer.k;
      widener.widen(tile.pixel, tile.pixels, tile.group, k, last, layer.rows, layer.block);
      acc.multiply(x, div_up(last - k, kKr), w + ptrdiff_t{k} * kNr, 0);
    }
  }
  int8_t* y = layer.output + ptrdiff_t{tile.pixel} * p.out_channels + tile.group * layer.group_out + first;
  acc.store(layer.scales + 2 * (index - tile.panel), layer.multiplier + column, layer.shift + column, layer.range, y,
            p.out_channels, layer.group_out - first);
}

template <class Isa, int kRows>
static void widened_panels(const WidenedLayer<Isa>& layer, Widener<Isa>& widener, const ConvTile& tile,
                           const int16_t* const x[kRows]) {
  for (int32_t index = tile.panel; index < tile.panel + tile.panels; ++index) {
    if (layer.group_out - index * 16 > 8) {
      widened_panel<Isa, kRows, 2>(layer, widener, tile, index, x);
    } else {
      widened_panel<Isa, kRows, 1>(layer, widener, tile, index, x);
    }
  }
}

// widened_panels() of as many rows as the tile has.
template <class Isa, int kRows>
static void widened_rows(const WidenedLayer<Isa>& layer, Widener<Isa>& widener, const ConvTile& tile,
                         const int16_t* const x[kRows]) {
  if constexpr (kRows > 1) {
    if (tile.pixels < kRows) return widened_rows<Isa, kRows - 1>(layer, widener, tile, x);
  }
  widened_panels<Isa, kRows>(layer, widener, tile, x);
}

template <class Isa>
static void load_scales(const WidenedLayer<Isa>& layer, const ConvTile& tile) {
  const ptrdiff_t column = (ptrdiff_t{tile.group} * layer.panels + tile.panel) * 16;
  for (ptrdiff_t i = 0; i < 2 * tile.panels; ++i) {
    layer.scales[i] = Isa::load_scale(layer.multiplier + column + i * 8, layer.shift + column + i * 8, layer.range);
  }
}

// The run function of a kMr x 16k2 kernel.
template <class Isa>
static Status conv_widened(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  constexpr int32_t kMr = Isa::kMr, kNr = 16, kKr = 2;
  static_assert(2 * sizeof(typename Isa::Scale) == kPanelScales, "scratch has room for the scales of a panel");
  if (begin >= end) return kOk;
  const ConvS8Params& p = *static_cast<const ConvS8Params*>(params);
  Widener<Isa> widener(p, static_cast<const int8_t*>(operands[0]));
  const WidenedScratch where = widened_scratch(p, kKr);
  int8_t* const bytes = static_cast<int8_t*>(scratch);
  int16_t* const rows = static_cast<int16_t*>(scratch);
  const WidenedBand shape = widened_band(p);
  Band<Isa> band(p, shape, widener, rows);
  const int8_t* weights = static_cast<const int8_t*>(operands[1]);
  if (shape.split && shape.rows != 0) {
    split_lines(p, shape.line, weights, bytes + where.weights);
    weights = bytes + where.weights;
  }
  const int32_t depth = div_up(conv_depth(p), kKr) * kKr, lines = shape.rows != 0 ? p.kernel[1] : 1;
  const int32_t pairs = shape.rows != 0 ? div_up(shape.line, kKr) : depth / kKr;
  const WidenedLayer<Isa> layer = {p,
                                   weights,
                                   static_cast<const int32_t*>(operands[2]),
                                   static_cast<const int32_t*>(operands[3]),
                                   static_cast<const int32_t*>(operands[4]),
                                   static_cast<int8_t*>(operands[5]),
                                   rows,
                                   Isa::range(p),
                                   reinterpret_cast<typename Isa::Scale*>(bytes + where.scales),
                                   conv_panels(p, kNr),
                                   p.out_channels / p.groups,
                                   conv_depth(p),
                                   shape.rows != 0 ? lines * pairs * kKr : depth,
                                   shape.rows != 0 ? INT32_MAX : widened_depth(p, kKr),
                                   lines,
                                   pairs,
                                   ptrdiff_t{p.dilation[1]} * shape.pitch};
  // Weights that stay in no cache between tiles pass over all tiles panel by panel.
  const bool whole = layer.depth <= layer.block, resident = whole && int64_t{layer.panels} * kNr * layer.depth <= Isa::kResident;
  const int32_t together = !resident ? 1 : layer.panels < kScaledPanels ? layer.panels : kScaledPanels;
  ConvTile held = {};  // whose scales are loaded
  const int16_t* x[kMr];
  for (int row = 0; row < kMr; ++row) x[row] = shape.rows != 0 ? rows : rows + ptrdiff_t{row} * layer.block;
  pass_over(p, kMr, kNr, begin, end, together, [&](const ConvTile& tile, bool moved) {
    if (held.panels == 0 || held.group != tile.group || held.panel != tile.panel) load_scales(layer, tile);
    held = tile;
    if (shape.rows != 0) {
      if (moved) band.template find<kMr>(tile, x);
    } else if (whole && moved) {
      widener.widen(tile.pixel, tile.pixels, tile.group, 0, layer.k, layer.rows, layer.block);
    }
    widened_rows<Isa, kMr>(layer, widener, tile, x);
  });
  return kOk;
}

}  // namespace sinter
