// Convolution by kernels that multiply int8 rows of K where they lie (conv_rows.h). Isa is a type that no other source file has, so
// that no two instruction sets share code:
//
//   Isa::kMr, kNr, kKr, kColumns                a tile is kMr pixels by kColumns columns of a panel of kNr
//   Isa::Tile<rows, columns>(bias)              accumulators
//     .multiply(x, weights, depth)              adds the products over `depth` of K, a multiple of kKr; x: one address a row
//     .sum(row, v)                              four of them, from column 4 * v on
#pragma once

#include "../requantize_neon.h"
#include "../unroll.h"
#include "conv_rows.h"

namespace sinter {

// Copies n bytes, reading and writing no others.
static inline void copy_bytes(int8_t* to, const int8_t* x, int32_t n) {
  if (n >= 16) {
    int32_t i = 0;
    for (; i + 16 <= n; i += 16) __builtin_memcpy(to + i, x + i, 16);
    if (i < n) __builtin_memcpy(to + n - 16, x + n - 16, 16);
  } else if (n >= 8) {
    __builtin_memcpy(to, x, 8);
    __builtin_memcpy(to + n - 8, x + n - 8, 8);
  } else if (n >= 4) {
    __builtin_memcpy(to, x, 4);
    __builtin_memcpy(to + n - 4, x + n - 4, 4);
  } else {
    for (int32_t i = 0; i < n; ++i) to[i] = x[i];
  }
}

template <class Isa>
class ConvRows {
 public:
  ConvRows(const ConvS8Params& p, void* const* operands, void* scratch)
      : p_(p),
        plan_(row_plan(p, Isa::kMr, Isa::kKr)),
        input_(static_cast<const int8_t*>(operands[0])),
        weights_(static_cast<const int8_t*>(operands[1])),
        bias_(static_cast<const int32_t*>(operands[2])),
        multiplier_(static_cast<const int32_t*>(operands[3])),
        shift_(static_cast<const int32_t*>(operands[4])),
        output_(static_cast<int8_t*>(operands[5])),
        table_(static_cast<const int8_t**>(scratch)),
        rows_(static_cast<int8_t*>(scratch) + plan_.table),
        panels_(conv_panels(p, Isa::kNr)),
        depth_(conv_depth(p)),
        padded_(div_up(depth_, Isa::kKr) * Isa::kKr),
        group_in_(p.in_channels / p.groups),
        group_out_(p.out_channels / p.groups),
        run_(p.kernel[2] * p.in_channels),
        line_(ptrdiff_t{p.in[2]} * p.in_channels * p.dilation[1]),
        whole_(plan_.source == RowSource::kGathered ? plan_.block >= padded_ : plan_.block >= plan_.segments) {
    contiguous_ = taps(p) == 1;
    for (int i = 0; i < 3; ++i) contiguous_ = contiguous_ && p.stride[i] == 1 && p.pad[i] == 0 && p.in[i] == p.out[i];
    lines_ = p.groups == 1 && p.dilation[2] == 1;
    if (plan_.source == RowSource::kTaps) fill(rows_, plan_.row);
  }

  void run(int32_t begin, int32_t end) const {
    // More weights than this stay in no cache between tiles: then so many panels at a time pass over all tiles.
    constexpr int64_t kResident = 1 << 18;
    if (begin >= end) return;
    const int64_t fit = kResident / (int64_t{Isa::kNr} * padded_);
    const int32_t together = !whole_ || fit < 1 ? 1 : fit < panels_ ? static_cast<int32_t>(fit) : panels_;
    pass_over(p_, Isa::kMr, Isa::kNr, begin, end, together, [this](const ConvTile& tile, bool moved) {
      if (whole_ && moved) prepare(tile, 0);
      for (int32_t i = tile.panel; i < tile.panel + tile.panels; ++i) multiply<Isa::kMr>(tile, i, 0);
    });
  }

 private:
  // Rows from `first` of the tile on, by one panel.
  template <int kRows>
  void multiply(const ConvTile& tile, int32_t panel, int32_t first) const {
    for (; tile.pixels - first >= kRows; first += kRows) {
      const int32_t columns = group_out_ - panel * Isa::kNr;
      for (int32_t column = 0; column < Isa::kNr && column < columns;) {
        if (Isa::kColumns > 8 && columns - column > 8) {
          block<kRows, Isa::kColumns>(tile, first, panel, column);
          column += Isa::kColumns;
        } else {
          block<kRows, 8>(tile, first, panel, column);
          column += 8;
        }
      }
    }
    if constexpr (kRows > 1) multiply<kRows / 2>(tile, panel, first);
  }

  // Apart from what calls it, so that the accumulators have all registers.
  template <int kRows, int kColumns>
  __attribute__((noinline)) void block(const ConvTile& tile, int32_t row, int32_t panel, int32_t column) const {
    const ptrdiff_t at = (ptrdiff_t{tile.group} * panels_ + panel) * Isa::kNr;
    const int8_t* w = weights_ + at * padded_ + column * Isa::kKr;
    typename Isa::template Tile<kRows, kColumns> acc(bias_ + at + column);
    if (plan_.source == RowSource::kGathered) {
      for (int32_t k = 0; k < padded_; k += plan_.block) {
        if (!whole_) prepare(tile, k);
        const int32_t depth = padded_ - k < plan_.block ? padded_ - k : plan_.block;
        acc.multiply(table_ + row, w + ptrdiff_t{k} * Isa::kNr, depth);
      }
    } else {
      for (int32_t begin = 0; begin < plan_.segments; begin += plan_.block) {
        if (!whole_) prepare(tile, begin);
        const int32_t count = plan_.segments - begin < plan_.block ? plan_.segments - begin : plan_.block;
        for (int32_t s = 0; s < count; ++s) {
          const int32_t depth = plan_.chunks == 1 || (begin + s + 1) % plan_.chunks == 0 ? plan_.last : plan_.depth;
          acc.multiply(table_ + s * Isa::kMr + row, w, depth);
          w += ptrdiff_t{depth} * Isa::kNr;
        }
      }
    }
    const ptrdiff_t o = at + column;
    const int32_t first = panel * Isa::kNr + column;
    int8_t* y = output_ + ptrdiff_t{tile.pixel + row} * p_.out_channels + tile.group * group_out_ + first;
    int32x4_t sums[kRows][kColumns / 4];
    SINTER_UNROLL
    for (int i = 0; i < kRows; ++i) {
      SINTER_UNROLL
      for (int v = 0; v < kColumns / 4; ++v) sums[i][v] = acc.sum(i, v);
    }
    requantize_rows<kRows, kColumns / 4>(sums, multiplier_ + o, shift_ + o, p_, y, p_.out_channels, group_out_ - first);
  }

  // Fills the table for a tile: segments from `begin` on, or K from `begin` on where it is gathered.
  __attribute__((noinline)) void prepare(const ConvTile& tile, int32_t begin) const {
    if (contiguous_ && plan_.source == RowSource::kTaps) {
      const int8_t* x = input_ + ptrdiff_t{tile.pixel} * p_.in_channels + tile.group * group_in_ + begin * kChunk;
      const int32_t count = plan_.segments - begin < plan_.block ? plan_.segments - begin : plan_.block;
      for (int32_t s = 0; s < count; ++s, x += kChunk) {
        for (int32_t row = 0; row < tile.pixels; ++row) table_[s * Isa::kMr + row] = x + ptrdiff_t{row} * p_.in_channels;
      }
      return;
    }
    PixelWalk walk = walk_from(p_, tile.pixel);
    const bool bulk = whole_ && plan_.chunks == 1;
    for (int32_t row = 0; row < tile.pixels;) {
      int32_t count = bulk && window_inside(p_, walk.pixel) ? inside(walk, tile.pixels - row) : 0;
      if (count > 0 && point_inside(walk.pixel, tile.group, row, count)) {
        for (row += count; count > 0; --count) next(p_, walk);
        continue;
      }
      if (plan_.source == RowSource::kTaps) {
        point(walk.pixel, tile.group, begin, table_ + row);
      } else {
        read(walk.pixel, tile.group, begin, rows_ + row * plan_.row, table_ + row);
      }
      ++row;
      next(p_, walk);
    }
  }

  // How many neighbours from here on, at most `most`, have windows inside the input, as this one has.
  int32_t inside(const PixelWalk& walk, int32_t most) const {
    const int32_t room = p_.in[2] - 1 - (p_.kernel[2] - 1) * p_.dilation[2] - walk.pixel.origin[2];
    const int32_t count = walk.left < most ? walk.left : most;
    return (count - 1) * p_.stride[2] <= room ? count : room / p_.stride[2] + 1;
  }

  // Rows of the table from `first` on, of neighbours whose windows lie inside the input; false where they are to be read singly.
  bool point_inside(const Pixel& pixel, int32_t group, int32_t first, int32_t count) const {
    const ptrdiff_t step = ptrdiff_t{p_.stride[2]} * p_.in_channels, plane = ptrdiff_t{p_.in[1]} * p_.in[2] * p_.in_channels;
    const int32_t position = input_pixel(p_, pixel.batch, pixel.origin[0], pixel.origin[1], pixel.origin[2]);
    const int8_t* x = input_ + ptrdiff_t{position} * p_.in_channels + group * group_in_;
    const int32_t depth = p_.kernel[0], height = p_.kernel[1];
    if (plan_.source == RowSource::kGathered) {
      const ptrdiff_t reach = (count - 1) * step + (depth - 1) * p_.dilation[0] * plane + (height - 1) * line_ + kRowSlack;
      if (!lines_ || run_ > kRowSlack || input_ + input_count(p_) - x < reach) return false;
      for (int32_t row = first; row < first + count; ++row, x += step) {
        int8_t* to = rows_ + row * plan_.row;
        table_[row] = to;
        for (int32_t kd = 0; kd < depth; ++kd) {
          const int8_t* line = x + kd * p_.dilation[0] * plane;
          for (int32_t kh = 0; kh < height; ++kh, line += line_, to += run_) __builtin_memcpy(to, line, kRowSlack);
        }
      }
      return true;
    }
    const int8_t** table = table_ + first;
    const int32_t width = plan_.source == RowSource::kLines ? 1 : p_.kernel[2];
    for (int32_t kd = 0; kd < depth; ++kd) {
      for (int32_t kh = 0; kh < height; ++kh) {
        const int8_t* tap = x + kd * p_.dilation[0] * plane + kh * line_;
        for (int32_t kw = 0; kw < width; ++kw, table += Isa::kMr, tap += ptrdiff_t{p_.dilation[2]} * p_.in_channels) {
          const int8_t* at = tap;
          for (int32_t row = 0; row < count; ++row, at += step) table[row] = at;
        }
      }
    }
    return true;
  }

  // One row of the table: the segments from `begin` on, of channels of one tap.
  void point(const Pixel& pixel, int32_t group, int32_t begin, const int8_t** table) const {
    int32_t s = 0;
    visit_taps(p_, pixel, [&](int32_t, int32_t position) {
      const int8_t* x = position < 0 ? nullptr : input_ + ptrdiff_t{position} * p_.in_channels + group * group_in_;
      for (int32_t chunk = 0; chunk < plan_.chunks; ++chunk, ++s) {
        if (s < begin || s >= begin + plan_.block) continue;
        table[(s - begin) * Isa::kMr] = x == nullptr ? rows_ : x + chunk * kChunk;
      }
    });
  }

  // One row of the table: K from `begin` on, gathered at `to`.
  void read(const Pixel& pixel, int32_t group, int32_t begin, int8_t* to, const int8_t** table) const {
    if (lines_ && whole_) {
      gather_lines(pixel, to);
    } else {
      gather(pixel, group, begin, to);
    }
    for (int32_t s = 0; s < plan_.segments; ++s, to += run_) table[s * Isa::kMr] = to;
  }

  // All of K where the taps of a line lie side by side.
  void gather_lines(const Pixel& pixel, int8_t* to) const {
    const TapRange range = inside_taps(p_, pixel, 2);
    const int32_t before = range.first * p_.in_channels, inside = (range.last - range.first) * p_.in_channels;
    const int32_t after = run_ - before - inside;
    for (int32_t kd = 0; kd < p_.kernel[0]; ++kd) {
      const int32_t d = pixel.origin[0] + kd * p_.dilation[0];
      for (int32_t kh = 0; kh < p_.kernel[1]; ++kh, to += run_) {
        const int32_t h = pixel.origin[1] + kh * p_.dilation[1];
        const int32_t position = inside == 0 ? -1 : input_pixel(p_, pixel.batch, d, h, pixel.origin[2] + range.first);
        if (position < 0) {
          fill(to, run_);
          continue;
        }
        if (before != 0) fill(to, before);
        copy_bytes(to + before, input_ + ptrdiff_t{position} * p_.in_channels, inside);
        if (after != 0) fill(to + before + inside, after);
      }
    }
    fill(to, padded_ - depth_);
  }

  // K from `begin` on, tap by tap.
  __attribute__((noinline)) void gather(const Pixel& pixel, int32_t group, int32_t begin, int8_t* to) const {
    const int32_t end = begin + plan_.block < depth_ ? begin + plan_.block : depth_;
    visit_taps(p_, pixel, [&](int32_t tap, int32_t position) {
      const int32_t k = tap * group_in_, first = k < begin ? begin : k, last = k + group_in_ > end ? end : k + group_in_;
      if (first >= last) return;
      if (position < 0) {
        fill(to + first - begin, last - first);
      } else {
        const int8_t* x = input_ + ptrdiff_t{position} * p_.in_channels + group * group_in_;
        copy_bytes(to + first - begin, x + first - k, last - first);
      }
    });
    if (end == depth_) fill(to + depth_ - begin, padded_ - depth_);
  }

  void fill(int8_t* to, int32_t n) const {
    const int8x16_t zero = vdupq_n_s8(static_cast<int8_t>(p_.in_zero));
    int32_t i = 0;
    for (; i + 16 <= n; i += 16) vst1q_s8(to + i, zero);
    for (; i < n; ++i) to[i] = static_cast<int8_t>(p_.in_zero);
  }

  const ConvS8Params& p_;
  const RowPlan plan_;
  const int8_t *const input_, *const weights_;
  const int32_t *const bias_, *const multiplier_, *const shift_;
  int8_t* const output_;
  const int8_t** const table_;
  int8_t* const rows_;
  const int32_t panels_, depth_, padded_, group_in_, group_out_, run_;
  const ptrdiff_t line_;
  const bool whole_;  // the table holds all of a tile
  bool contiguous_, lines_;
};

template <class Isa>
static Status conv_rows(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  ConvRows<Isa>(*static_cast<const ConvS8Params*>(params), operands, scratch).run(begin, end);
  return kOk;
}

}  // namespace sinter
