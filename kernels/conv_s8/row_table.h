// The table of segments of K that conv_rows.h describes: where they lie in the input, or copies of them. Isa is a type that no
// other source file has, so that no two instruction sets share code; of it, kMr and kKr matter here.
#pragma once

#include "../neon.h"
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
class RowTable {
 protected:
  using Segment = RowSegment<Isa::kMr>;

  RowTable(const ConvS8Params& p, const void* input, void* scratch)
      : p_(p),
        plan_(row_plan(p, Isa::kMr, Isa::kKr)),
        input_(static_cast<const int8_t*>(input)),
        end_(input_ + input_count(p)),
        table_(static_cast<Segment*>(scratch)),
        outside_(static_cast<int8_t*>(scratch) + plan_.outside_at),
        rows_(static_cast<int8_t*>(scratch) + plan_.rows_at),
        depth_(conv_depth(p)),
        padded_(div_up(depth_, Isa::kKr) * Isa::kKr),
        group_in_(p.in_channels / p.groups),
        run_(p.kernel[2] * p.in_channels),
        line_(ptrdiff_t{p.in[2]} * p.in_channels),
        step_(ptrdiff_t{p.stride[2]} * p.in_channels),
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

  // Where a row stands in its block, the table of that, and the row's address in a segment.
  static int32_t lane(int32_t row) { return row & (Isa::kMr - 1); }
  Segment* table_of(int32_t row) const {
    return table_ + static_cast<int32_t>(static_cast<uint32_t>(row) / Isa::kMr) * plan_.block;
  }
  const int8_t** entry(int32_t row, int32_t segment) const { return table_of(row)[segment].rows + lane(row); }

  // How many segments from `begin` on scratch holds.
  int32_t held(int32_t begin) const { return plan_.segments - begin < plan_.block ? plan_.segments - begin : plan_.block; }

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

  const ConvS8Params& p_;
  const RowPlan plan_;
  const int8_t *const input_, *const end_;
  Segment* const table_;
  int8_t *const outside_, *const rows_;
  const int32_t depth_, padded_, group_in_, run_;
  const ptrdiff_t line_, step_;  // bytes of a line of the input, and from one pixel to its neighbour
  const bool whole_;             // scratch holds all of K

 private:
  void set_depths(int32_t begin) const {
    const int32_t count = held(begin), chunks = plan_.chunks;
    for (int32_t s = 0; s < count; ++s) {
      const int32_t depth = chunks == 1 || (begin + s + 1) % chunks == 0 ? plan_.last : plan_.depth;
      for (int32_t block = 0; block < plan_.blocks; ++block) table_[block * plan_.block + s].depth = depth;
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

  const bool lines_;
  const bool in_place_;
};

}  // namespace sinter
