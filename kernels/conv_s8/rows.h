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

template <int kPanels>
class NoRow;

template <class Isa, template <int> class Row, int kAtOnce>
class ConvRows {
 public:
  ConvRows(const ConvS8Params& p, void* const* operands, void* scratch)
      : p_(p),
        plan_(row_plan(p, Isa::kMr, Isa::kKr)),
        input_(static_cast<const int8_t*>(operands[0])),
        end_(input_ + input_count(p)),
        weights_(static_cast<const int8_t*>(operands[1])),
        bias_(static_cast<const int32_t*>(operands[2])),
        multiplier_(static_cast<const int32_t*>(operands[3])),
        shift_(static_cast<const int32_t*>(operands[4])),
        output_(static_cast<int8_t*>(operands[5])),
        table_(static_cast<Segment*>(scratch)),
        outside_(static_cast<int8_t*>(scratch) + plan_.outside_at),
        rows_(static_cast<int8_t*>(scratch) + plan_.rows_at),
        pairs_(static_cast<int8_t*>(scratch) + plan_.pairs_at),
        panels_(conv_panels(p, Isa::kNr)),
        depth_(conv_depth(p)),
        padded_(div_up(depth_, Isa::kKr) * Isa::kKr),
        group_in_(p.in_channels / p.groups),
        group_out_(p.out_channels / p.groups),
        run_(p.kernel[2] * p.in_channels),
        line_(ptrdiff_t{p.in[2]} * p.in_channels),
        step_(ptrdiff_t{p.stride[2]} * p.in_channels),
        rescaling_(sinter::rescaling(p, multiplier_, shift_, p.groups * panels_ * Isa::kNr)),
        whole_(plan_.block >= plan_.segments),
        lines_(p.groups == 1 && p.dilation[2] == 1),
        in_place_(plan_.source == RowSource::kTaps && is_matrix(p)) {
    if (!in_place_) {
      fill(outside_, plan_.outside, vdupq_n_s8(static_cast<int8_t>(p.in_zero)));
    } else if (p.in_channels % Isa::kKr != 0) {
      copy_bytes(outside_, end_ - p.in_channels, p.in_channels);
    }
    if (whole_) set_depths(0);
    if (plan_.source != RowSource::kGathered) return;
    for (int32_t row = 0; row < plan_.blocks * Isa::kMr; ++row) *entry(row, 0) = rows_ + row * plan_.row;
  }

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
  using Segment = RowSegment<Isa::kMr>;

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

  // Where a row stands in its block, the table of that, and the row's address in a segment.
  static int32_t lane(int32_t row) { return row & (Isa::kMr - 1); }
  Segment* table_of(int32_t row) const {
    return table_ + static_cast<int32_t>(static_cast<uint32_t>(row) / Isa::kMr) * plan_.block;
  }
  const int8_t** entry(int32_t row, int32_t segment) const { return table_of(row)[segment].rows + lane(row); }

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

  // How many segments from `begin` on scratch holds.
  int32_t held(int32_t begin) const { return plan_.segments - begin < plan_.block ? plan_.segments - begin : plan_.block; }

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

  void set_depths(int32_t begin) const {
    const int32_t count = held(begin), chunks = plan_.chunks;
    for (int32_t s = 0; s < count; ++s) {
      const int32_t depth = chunks == 1 || (begin + s + 1) % chunks == 0 ? plan_.last : plan_.depth;
      for (int32_t block = 0; block < plan_.blocks; ++block) table_[block * plan_.block + s].depth = depth;
    }
  }

  // Fills the table for a tile, of up to plan_.blocks blocks: segments from `begin` on.
  __attribute__((noinline)) void prepare(const ConvTile& tile, int32_t begin) const {
    if (!whole_) set_depths(begin);
    if (in_place_) {
      const ptrdiff_t at = ptrdiff_t{tile.pixel} * p_.in_channels + begin * kChunk;
      const bool last = p_.in_channels % Isa::kKr != 0 && tile.pixel + tile.pixels == output_pixels(p_);
      const int32_t count = held(begin);
      for (int32_t s = 0; s < count; ++s) {
        point(0, s, at + s * kChunk, tile.pixels);
        if (last) *entry(tile.pixels - 1, s) = outside_ + (begin + s) * kChunk;
      }
      return;
    }
    PixelWalk walk = walk_from(p_, tile.pixel);
    for (int32_t row = 0; row < tile.pixels;) {
      const int32_t left = tile.pixels - row, count = walk.left < left ? walk.left : left;
      if (plan_.source == RowSource::kTaps) {
        point_taps(walk.pixel, tile.group, begin, row, count);
      } else if (plan_.source == RowSource::kLines) {
        point_lines(walk.pixel, row, count);
      } else {
        gather_rows(walk.pixel, tile.group, begin, row, count);
      }
      row += count;
      skip(p_, walk, count);
    }
  }

  // Points to `count` neighbours in one segment, rows from `row` on, the first of them so many bytes behind the beginning of the
  // input. Those that lie outside get an address that is replaced.
  void point(int32_t row, int32_t segment, ptrdiff_t offset, int32_t count) const {
    uintptr_t x = reinterpret_cast<uintptr_t>(input_) + static_cast<uintptr_t>(offset);
    const uintptr_t step = static_cast<uintptr_t>(step_);
    for (const int32_t end = row + count; row < end;) {
      const int8_t** rows = entry(row, segment);
      const int32_t room = Isa::kMr - lane(row), n = end - row < room ? end - row : room;
      if (n == Isa::kMr) {
        SINTER_UNROLL
        for (int32_t i = 0; i < Isa::kMr; ++i, x += step) rows[i] = reinterpret_cast<const int8_t*>(x);
      } else {
        for (int32_t i = 0; i < n; ++i, x += step) rows[i] = reinterpret_cast<const int8_t*>(x);
      }
      row += n;
    }
  }

  // Lets rows of one segment point outside.
  void point_outside(int32_t row, int32_t segment, int32_t count) const {
    for (int32_t i = row; i < row + count; ++i) *entry(i, segment) = outside_;
  }

  struct Span {
    int32_t first, last;
  };

  // Of `count` neighbours, of whose taps the first one's lie at w and up to `reach` behind it, those that have them inside a line.
  Span inside(int32_t w, int32_t reach, int32_t count) const {
    const int32_t stride = p_.stride[2], room = p_.in[2] - 1 - reach - w;
    Span span = {w >= 0 ? 0 : div_up(-w, stride), count};
    if ((count - 1) * stride > room) span.last = room < 0 ? 0 : room / stride + 1;
    if (span.first > count) span.first = count;
    if (span.last < span.first) span.last = span.first;
    return span;
  }

  // Where a line of the input begins, in bytes.
  ptrdiff_t line_at(int32_t batch, int32_t d, int32_t h) const {
    return ((ptrdiff_t{batch} * p_.in[0] + d) * p_.in[1] + h) * line_;
  }

  // Rows of the table from `row` on, of `count` neighbours: segments from `begin` on, each of channels of one tap.
  void point_taps(const Pixel& pixel, int32_t group, int32_t begin, int32_t row, int32_t count) const {
    const Span all = inside(pixel.origin[2], (p_.kernel[2] - 1) * p_.dilation[2], count);
    const bool clear = all.first == 0 && all.last == count;
    const int32_t end = begin + plan_.block;
    int32_t s = 0;
    for (int32_t kd = 0; kd < p_.kernel[0]; ++kd) {
      const int32_t d = pixel.origin[0] + kd * p_.dilation[0];
      for (int32_t kh = 0; kh < p_.kernel[1]; ++kh) {
        const int32_t h = pixel.origin[1] + kh * p_.dilation[1];
        const bool seen = d >= 0 && d < p_.in[0] && h >= 0 && h < p_.in[1];
        int32_t w = pixel.origin[2];
        ptrdiff_t at = line_at(pixel.batch, d, h) + ptrdiff_t{w} * p_.in_channels + group * group_in_;
        for (int32_t kw = 0; kw < p_.kernel[2]; ++kw, w += p_.dilation[2], at += ptrdiff_t{p_.dilation[2]} * p_.in_channels) {
          const Span span = !seen ? Span{0, 0} : clear ? all : inside(w, 0, count);
          for (int32_t chunk = 0; chunk < plan_.chunks; ++chunk, ++s) {
            if (s < begin || s >= end) continue;
            if (seen) point(row, s - begin, at + chunk * kChunk, count);
            point_outside(row, s - begin, span.first);
            point_outside(row + span.last, s - begin, count - span.last);
          }
        }
      }
    }
  }

  // Rows of the table from `row` on, of `count` neighbours: each segment a line of the window.
  void point_lines(const Pixel& pixel, int32_t row, int32_t count) const {
    const Span span = inside(pixel.origin[2], p_.kernel[2] - 1, count);
    const bool seen = pixel.origin[0] >= 0 && pixel.origin[0] < p_.in[0];
    const TapRange lines = seen ? inside_taps(p_, pixel, 1) : TapRange{0, 0};
    const ptrdiff_t down = line_ * p_.dilation[1], first = line_at(pixel.batch, pixel.origin[0], pixel.origin[1]);
    ptrdiff_t at = first + ptrdiff_t{pixel.origin[2]} * p_.in_channels;
    for (int32_t kh = 0; kh < p_.kernel[1]; ++kh, at += down) {
      if (kh >= lines.first && kh < lines.last) {
        point(row, kh, at, count);
      } else {
        point_outside(row, kh, count);
      }
    }
    const auto gather = [&](int32_t i) {
      Pixel moved = pixel;
      moved.origin[2] += i * p_.stride[2];
      const LinePart part = line_part(moved);
      const ptrdiff_t run = run_;
      int8_t* to = rows_ + (row + i) * plan_.row;
      const int8_t** at_row = entry(row + i, 0);
      const int8_t* x = input_ + first;
      for (int32_t kh = 0; kh < lines.last; ++kh, x += down, at_row += sizeof(Segment) / sizeof(*at_row)) {
        if (kh < lines.first) continue;
        gather_line(part, x, to);
        *at_row = to;
        to += run;
      }
    };
    for (int32_t i = 0; i < span.first; ++i) gather(i);
    for (int32_t i = span.last; i < count; ++i) gather(i);
  }

  // What a line of a pixel's window has, in bytes: those before the input, inside, and behind it, and where those inside are in a
  // line of the input.
  struct LinePart {
    int32_t before, inside, after;
    ptrdiff_t from;
    const int8_t* end;
    int8x16_t zero;
  };

  LinePart line_part(const Pixel& pixel) const {
    const TapRange range = inside_taps(p_, pixel, 2);
    const int32_t before = range.first * p_.in_channels, inside = (range.last - range.first) * p_.in_channels;
    return {before,
            inside,
            run_ - before - inside,
            ptrdiff_t{pixel.origin[2] + range.first} * p_.in_channels,
            end_,
            vdupq_n_s8(static_cast<int8_t>(p_.in_zero))};
  }

  static __attribute__((always_inline)) void gather_line(const LinePart& part, const int8_t* line, int8_t* to) {
    fill(to, part.before, part.zero);
    copy(to + part.before, line + part.from, part.inside, part.end);
    fill(to + part.before + part.inside, part.after, part.zero);
  }

  // Gathers rows from `row` on, of `count` neighbours: the segment `begin`.
  void gather_rows(const Pixel& pixel, int32_t group, int32_t begin, int32_t row, int32_t count) const {
    const bool inside_lines = p_.kernel[0] == 1 && pixel.origin[0] >= 0 && pixel.origin[0] < p_.in[0] && pixel.origin[1] >= 0 &&
                              pixel.origin[1] + (p_.kernel[1] - 1) * p_.dilation[1] < p_.in[1];
    Span span = {0, 0};
    if (whole_ && lines_ && run_ <= kRowSlack && inside_lines) {
      span = inside(pixel.origin[2], p_.kernel[2] - 1, count);
      if (span.first < span.last && !copy_short_lines(pixel, row, span)) span = {0, 0};
    }
    const auto gather_row = [&](int32_t i) {
      Pixel moved = pixel;
      moved.origin[2] += i * p_.stride[2];
      int8_t* to = rows_ + (row + i) * plan_.row;
      if (lines_ && whole_) {
        gather_lines(moved, to);
      } else {
        gather(moved, group, begin * plan_.depth, to);
      }
    };
    for (int32_t i = 0; i < span.first; ++i) gather_row(i);
    for (int32_t i = span.last; i < count; ++i) gather_row(i);
  }

  // Copies windows whose lines lie inside the input, kRowSlack bytes of each line; false where these reach beyond the input.
  bool copy_short_lines(const Pixel& pixel, int32_t row, Span span) const {
    const int32_t w = pixel.origin[2] + span.first * p_.stride[2], height = p_.kernel[1];
    const ptrdiff_t down = line_ * p_.dilation[1];
    const int8_t* x = input_ + line_at(pixel.batch, pixel.origin[0], pixel.origin[1]) + ptrdiff_t{w} * p_.in_channels;
    if (end_ - x < (span.last - span.first - 1) * step_ + (height - 1) * down + kRowSlack) return false;
    const ptrdiff_t step = step_, row_bytes = plan_.row, run = run_;
    const int8_t* const last = x + (span.last - span.first) * step;
    int8_t* to = rows_ + (row + span.first) * row_bytes;
    // Line by line: what is copied too much lies where the next line of the row comes.
    for (int32_t kh = 0; kh < height; ++kh, to += run) {
      int8_t* at = to;
      for (const int8_t* from = x + kh * down; from != last + kh * down; from += step, at += row_bytes) {
        __builtin_memcpy(at, from, kRowSlack);
      }
    }
    return true;
  }

  // All of K where the taps of a line lie side by side.
  __attribute__((noinline)) void gather_lines(const Pixel& pixel, int8_t* to) const {
    const LinePart part = line_part(pixel);
    for (int32_t kd = 0; kd < p_.kernel[0]; ++kd) {
      const int32_t d = pixel.origin[0] + kd * p_.dilation[0];
      for (int32_t kh = 0; kh < p_.kernel[1]; ++kh, to += run_) {
        const int32_t h = pixel.origin[1] + kh * p_.dilation[1];
        if (d < 0 || d >= p_.in[0] || h < 0 || h >= p_.in[1]) {
          fill(to, run_, part.zero);
        } else {
          gather_line(part, input_ + line_at(pixel.batch, d, h), to);
        }
      }
    }
    fill(to, padded_ - depth_, part.zero);
  }

  // K from `begin` on, tap by tap.
  __attribute__((noinline)) void gather(const Pixel& pixel, int32_t group, int32_t begin, int8_t* to) const {
    const int32_t end = begin + plan_.depth < depth_ ? begin + plan_.depth : depth_;
    const int8x16_t zero = vdupq_n_s8(static_cast<int8_t>(p_.in_zero));
    visit_taps(p_, pixel, [&](int32_t tap, int32_t position) {
      const int32_t k = tap * group_in_, first = k < begin ? begin : k, last = k + group_in_ > end ? end : k + group_in_;
      if (first >= last) return;
      if (position < 0) {
        fill(to + first - begin, last - first, zero);
      } else {
        const int8_t* x = input_ + ptrdiff_t{position} * p_.in_channels + group * group_in_;
        copy(to + first - begin, x + first - k, last - first, end_);
      }
    });
    if (end == depth_) fill(to + depth_ - begin, padded_ - depth_, zero);
  }

  // Both write up to kRowSlack - 1 bytes too much, where what follows is written later, if at all.
  static __attribute__((always_inline)) void fill(int8_t* to, int32_t n, int8x16_t zero) {
    for (int32_t i = 0; i < n; i += kRowSlack) vst1q_s8(to + i, zero);
  }
  static __attribute__((always_inline)) void copy(int8_t* to, const int8_t* x, int32_t n, const int8_t* end) {
    if (end - x >= n + kRowSlack) {
      for (int32_t i = 0; i < n; i += kRowSlack) vst1q_s8(to + i, vld1q_s8(x + i));
    } else {
      copy_bytes(to, x, n);
    }
  }

  const ConvS8Params& p_;
  const RowPlan plan_;
  const int8_t *const input_, *const end_, *const weights_;
  const int32_t *const bias_, *const multiplier_, *const shift_;
  int8_t* const output_;
  Segment* const table_;
  int8_t *const outside_, *const rows_, *const pairs_;
  const int32_t panels_, depth_, padded_, group_in_, group_out_, run_;
  const ptrdiff_t line_, step_;  // bytes of a line of the input, and from one pixel to its neighbour
  const Rescaling rescaling_;
  const bool whole_;  // scratch holds all of K
  const bool lines_;
  const bool in_place_;
};

template <class Isa, template <int> class Row = NoRow, int kAtOnce = 1>
static Status conv_rows(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  ConvRows<Isa, Row, kAtOnce>(*static_cast<const ConvS8Params*>(params), operands, scratch).run(begin, end);
  return kOk;
}

}  // namespace sinter
