// Convolution by kernels that multiply int8 rows of K where they lie (conv_rows.h). Isa is a type that no other source file has, so
// that no two instruction sets share code:
//
//   Isa::kMr, kNr, kKr, kColumns                a tile is kMr pixels by kColumns columns of a panel of kNr
//   Isa::Tile<rows, columns>(bias)              accumulators
//     .multiply(x, weights, depth)              adds the products over `depth` of K, a multiple of kKr; x: one address a row, or
//                                               that of pairs of rows
//     .sum(row, v)                              four of them, from column 4 * v on
//   Isa::pair<rows>(x, depth, to)               copies rows, where these are multiplied two by two
//
// Row, where an instruction set has one, multiplies a single row by several panels at once, so that it is read once for them:
//
//   Row<panels>(bias)
//     .multiply(x, weights, panel, depth)       panel: bytes from one panel of the weights to the next
//     .sum(v)
#pragma once

#include "../requantize_neon.h"
#include "../unroll.h"
#include "row_table.h"

namespace sinter {

template <int kPanels>
class NoRow;

template <class Isa, template <int> class Row, int kAtOnce>
class ConvRows : RowTable<Isa> {
 public:
  ConvRows(const ConvS8Params& p, void* const* operands, void* scratch)
      : Table(p, operands[0], scratch),
        weights_(static_cast<const int8_t*>(operands[1])),
        bias_(static_cast<const int32_t*>(operands[2])),
        multiplier_(static_cast<const int32_t*>(operands[3])),
        shift_(static_cast<const int32_t*>(operands[4])),
        output_(static_cast<int8_t*>(operands[5])),
        pairs_(static_cast<int8_t*>(scratch) + plan_.pairs_at),
        panels_(conv_panels(p, Isa::kNr)),
        group_out_(p.out_channels / p.groups),
        rescaling_(sinter::rescaling(p, multiplier_, shift_, p.groups * panels_ * Isa::kNr)) {}

  void run(int32_t begin, int32_t end) const {
    // More weights than this stay in no cache between tiles: then so many panels at a time pass over all tiles.
    constexpr int64_t kResident = pairs_rows(Isa::kKr) ? 1 << 19 : 1 << 18;
    const int32_t splits = conv_splits(p_, Isa::kMr, Isa::kNr), pixels = output_pixels(p_);
    const int64_t fit = kResident / (int64_t{Isa::kNr} * padded_);
    const int32_t most = splits != 1 ? panels_ : !whole_ || fit < 1 ? 1 : fit < panels_ ? static_cast<int32_t>(fit) : panels_;
    for (int32_t panel = 0; panel < panels_; panel += most) {
      for (int32_t index = begin; index < end;) {
        ConvTile tile = conv_tile(p_, Isa::kMr, Isa::kNr, index);
        if (splits == 1) tile.panel = panel;
        int32_t tiles = splits == 1 ? 1 : panels_ - tile.panel;
        if (tiles > end - index) tiles = end - index;
        tile.panels = splits == 1 ? panels_ - panel : tiles;
        if (tile.panels > most) tile.panels = most;
        if (plan_.blocks > 1 && tiles == splits) {
          const int32_t left = (end - index) / splits, blocks = left < plan_.blocks ? left : plan_.blocks;
          tile.pixels = pixels - tile.pixel < blocks * Isa::kMr ? pixels - tile.pixel : blocks * Isa::kMr;
          tiles = blocks * splits;
        }
        index += tiles;
        if (whole_) prepare(tile, 0);
        multiply<Isa::kMr>(tile, 0);
      }
    }
  }

 private:
  using Table = RowTable<Isa>;
  using Table::held, Table::lane, Table::padded_, Table::p_, Table::plan_, Table::prepare, Table::table_, Table::table_of,
      Table::whole_;
  using typename Table::Segment;

  // Pairs of rows are multiplied as copies, a single row where it lies.
  template <int kRows>
  static constexpr bool kPairs = pairs_rows(Isa::kKr) && kRows > 1;

  // Rows from `first` of the tile on.
  template <int kRows>
  __attribute__((always_inline)) void multiply(const ConvTile& tile, int32_t first) const {
    for (; tile.pixels - first >= kRows; first += kRows) {
      if constexpr (kPairs<kRows>) {
        if (whole_) pair_rows<kRows>(first, 0);
      }
      multiply_panels<kRows>(tile, first);
    }
    if constexpr (kRows > 1) multiply<kRows / 2>(tile, first);
  }

  // Apart from what calls it, so that the accumulators have all registers.
  template <int kRows>
  __attribute__((noinline)) void multiply_panels(const ConvTile& tile, int32_t first) const {
    const int32_t row = kRows == Isa::kMr ? 0 : lane(first), stop = tile.panel + tile.panels;
    const ptrdiff_t at = (ptrdiff_t{tile.group} * panels_ + tile.panel) * Isa::kNr;
    const ConvS8Params& p = p_;
    const Segment *const table = table_of(first), *const end = table + held(0);
    const int8_t* w = weights_ + at * padded_;
    const int32_t *bias = bias_ + at, *multiplier = multiplier_ + at, *shift = shift_ + at;
    const ptrdiff_t stride = p.out_channels, panel_bytes = ptrdiff_t{padded_} * Isa::kNr;
    int8_t* y = output_ + (tile.pixel + first) * stride + tile.group * group_out_ + tile.panel * Isa::kNr;
    int32_t panel = tile.panel, left = group_out_ - panel * Isa::kNr;
    const auto advance = [&](int32_t panels) __attribute__((always_inline)) {
      w += panels * panel_bytes;
      bias += panels * Isa::kNr;
      multiplier += panels * Isa::kNr;
      shift += panels * Isa::kNr;
      y += panels * Isa::kNr;
      left -= panels * Isa::kNr;
      panel += panels;
    };

    if constexpr (kRows == 1 && kAtOnce > 1) {
      constexpr int32_t kWidth = kAtOnce * Isa::kNr;
      for (; whole_ && stop - panel >= kAtOnce && left >= kWidth; advance(kAtOnce)) {
        Row<kAtOnce> acc(bias);
        const int8_t* next = w;
        for (const Segment* segment = table; segment != end; ++segment) {
          acc.multiply(segment->rows[row], next, panel_bytes, segment->depth);
          next += ptrdiff_t{segment->depth} * Isa::kNr;
        }
        int32x4_t sums[1][kWidth / 4];
        SINTER_UNROLL
        for (int v = 0; v < kWidth / 4; ++v) sums[0][v] = acc.sum(v);
        requantize_rows(sums, multiplier, shift, p, rescaling(multiplier, shift, kWidth), y, stride, left);
      }
    }

    for (; panel < stop; advance(1)) {
      for (int32_t column = 0; column < Isa::kNr && column < left;) {
        if (Isa::kColumns > 8 && left - column > 8) {
          block<kRows, Isa::kColumns>(tile, row, table, end, w + column * Isa::kKr, bias + column, multiplier + column,
                                      shift + column, y + column, left - column);
          column += Isa::kColumns;
        } else {
          block<kRows, 8>(tile, row, table, end, w + column * Isa::kKr, bias + column, multiplier + column, shift + column,
                          y + column, left - column);
          column += 8;
        }
      }
    }
  }

  // kRows rows of a tile by kColumns columns, of which `left` are outputs.
  template <int kRows, int kColumns>
  __attribute__((always_inline)) void block(const ConvTile& tile, int32_t row, const Segment* table, const Segment* end,
                                            const int8_t* w, const int32_t* bias, const int32_t* multiplier, const int32_t* shift,
                                            int8_t* y, int32_t left) const {
    typename Isa::template Tile<kRows, kColumns> acc(bias);
    int32_t begin = 0;
    do {
      if (__builtin_expect(!whole_, 0)) end = refill<kRows>(tile, row, begin);
      if constexpr (kPairs<kRows>) {
        int32_t depth = 0;
        for (const Segment* segment = table; segment != end; ++segment) depth += segment->depth;
        acc.multiply(pairs_, w, depth);
        w += ptrdiff_t{depth} * Isa::kNr;
      } else {
        for (const Segment* segment = table; segment != end; ++segment) {
          acc.multiply(segment->rows + row, w, segment->depth);
          w += ptrdiff_t{segment->depth} * Isa::kNr;
        }
      }
      begin += plan_.block;
    } while (begin < plan_.segments);
    int32x4_t sums[kRows][kColumns / 4];
    SINTER_UNROLL
    for (int i = 0; i < kRows; ++i) {
      SINTER_UNROLL
      for (int v = 0; v < kColumns / 4; ++v) sums[i][v] = acc.sum(i, v);
    }
    requantize_rows(sums, multiplier, shift, p_, rescaling(multiplier, shift, kColumns), y, p_.out_channels, left);
  }

  Rescaling rescaling(const int32_t* multiplier, const int32_t* shift, int32_t columns) const {
    return rescaling_ != Rescaling::kAny ? rescaling_ : sinter::rescaling(p_, multiplier, shift, columns);
  }

  // Prepares the segments from `begin` on for kRows rows of a tile, and gives their end.
  template <int kRows>
  __attribute__((noinline, cold)) const Segment* refill(const ConvTile& tile, int32_t row, int32_t begin) const {
    prepare(tile, begin);
    if constexpr (kPairs<kRows>) pair_rows<kRows>(row, begin);
    return table_ + held(begin);
  }

  // Copies kRows rows from `first` on, two and two side by side, of the segments from `begin` on.
  template <int kRows>
  __attribute__((noinline)) void pair_rows(int32_t first, int32_t begin) const {
    int8_t* to = pairs_;
    for (const Segment *segment = table_of(first), *end = segment + held(begin); segment != end; ++segment) {
      Isa::template pair<kRows>(segment->rows + lane(first), segment->depth, to);
      to += ptrdiff_t{segment->depth} * kRows;
    }
  }

  const int8_t* const weights_;
  const int32_t *const bias_, *const multiplier_, *const shift_;
  int8_t* const output_;
  int8_t* const pairs_;
  const int32_t panels_, group_out_;
  const Rescaling rescaling_;
};

template <class Isa, template <int> class Row = NoRow, int kAtOnce = 1>
static Status conv_rows(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  ConvRows<Isa, Row, kAtOnce>(*static_cast<const ConvS8Params*>(params), operands, scratch).run(begin, end);
  return kOk;
}

}  // namespace sinter
