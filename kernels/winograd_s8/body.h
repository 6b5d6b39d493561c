// Winograd convolution for any instruction set. Isa is a type that no other source file has, so that no two instruction sets share
// code:
//
//   Isa::kMr                      Winograd tiles of a block
//   Isa::Lanes                    intptr_t, as many as a vector holds
//   Isa::Words                    uint16_t of so many channels, or a wider integer of one
//   Isa::kGranule                 channels of scratch come in multiples of this
//   Isa::kRows                    rows of B^T d that registers hold
//   Isa::widen(bytes), Isa::store(to, words)
//   Isa::Sums                     uint32_t of so many columns
//   Isa::multiply(...)            the products of one column of positions, through halve()
//   Isa::Output(...).store(...)   requantises four pixels, times 2^kFraction, by one vector of columns
#pragma once

#include "../unroll.h"
#include "winograd_s8.h"

#define SINTER_INLINE static inline __attribute__((always_inline))

namespace sinter {

// y comes times 2^kFraction.
constexpr int32_t kFraction = 6;

// Channels of a slice of v; elements of a line and of a tile of A^T m.
constexpr int32_t kSlice = 16, kLine = kWinogradReach * kWinogradColumns, kTile = kWinogradSize * kLine;

// B^T d.
template <class T>
SINTER_INLINE void transform_input(const T (&d)[kWinogradReach], T (&v)[kWinogradReach]) {
  const T a = d[4] - (d[2] << 2), b = d[3] - (d[1] << 2), c = d[4] - d[2], e = d[3] - d[1], twice = e + e;
  v[0] = (d[0] << 2) + (a - d[2]);
  v[1] = a + b;
  v[2] = a - b;
  v[3] = c + twice;
  v[4] = c - twice;
  v[5] = d[5] - d[3] - (e << 2);
}

// A^T m.
template <class T>
SINTER_INLINE void transform_output(const T (&m)[kWinogradReach], T (&y)[kWinogradSize]) {
  const T p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4], s = m[3] - m[4], twice = s + s;
  y[0] = m[0] + p + r;
  y[1] = q + twice;
  y[2] = p + (r << 2);
  y[3] = q + ((twice + twice + m[5]) << 1);
}

// One Winograd tile of the output.
struct WinogradTile {
  int32_t image, row, column;  // of its first pixel
};

static inline WinogradTile winograd_tile(const WinogradGrid& grid, int32_t index) {
  const int32_t line = index / grid.across;
  return {line / grid.down, line % grid.down * kWinogradSize, index % grid.across * kWinogradSize};
}

static inline void next(const WinogradGrid& grid, WinogradTile& tile) {
  tile.column += kWinogradSize;
  if (tile.column < grid.across * kWinogradSize) return;
  tile.column = 0;
  tile.row += kWinogradSize;
  if (tile.row < grid.down * kWinogradSize) return;
  tile.row = 0;
  ++tile.image;
}

// v: [channel / 16][tile][column][row of the window][channel % 16]; how far apart all but the last are.
constexpr int32_t kValuesPosition = kSlice, kValuesColumn = kWinogradReach * kValuesPosition,
                  kValuesTile = kWinogradReach * kValuesColumn;

// A^T times one column of m, into a column of `half` or added to it.
template <class Isa>
SINTER_INLINE void halve(const typename Isa::Sums (&m)[kWinogradReach], bool add, int32_t* half) {
  typename Isa::Sums y[kWinogradSize];
  transform_output(m, y);
  SINTER_UNROLL
  for (int i = 0; i < kWinogradSize; ++i) {
    int32_t* to = half + i * kLine;
    Isa::store(to, add ? y[i] + Isa::load(to) : y[i]);
  }
}

template <class Isa>
class Winograd {
 public:
  Winograd(const ConvS8Params& p, void* const* operands, void* scratch)
      : p_(p),
        grid_(winograd_grid(p, Isa::kMr)),
        input_(static_cast<const int8_t*>(operands[0])),
        weights_(static_cast<const int16_t*>(operands[1])),
        bias_(static_cast<const int32_t*>(operands[2])),
        multiplier_(static_cast<const int32_t*>(operands[3])),
        shift_(static_cast<const int32_t*>(operands[4])),
        output_(static_cast<int8_t*>(operands[5])) {
    const WinogradScratch where = winograd_scratch(grid_, Isa::kMr);
    int8_t* bytes = static_cast<int8_t*>(scratch);
    values_ = static_cast<int16_t*>(scratch);
    products_ = reinterpret_cast<int32_t*>(bytes + where.products);
    border_ = bytes + where.border;
    tail_ = bytes + where.tail;
    for (int j = 0; j < kEight; ++j) columns_.at[j] = j, distances_.at[j] = ptrdiff_t{j} * p.in_channels;
    const int32_t count = input_count(p), copied = count < grid_.depth ? count : grid_.depth;
    end_ = input_ + count;
    for (int32_t i = 0; i < grid_.depth; ++i) border_[i] = static_cast<int8_t>(p.in_zero);
    for (int32_t i = 1; i <= copied; ++i) tail_[grid_.depth - i] = *(end_ - i);
  }

  void run(int32_t begin, int32_t end) {
    const bool whole = p_.in_channels <= grid_.depth;
    WinogradTile tile = winograd_tile(grid_, begin / grid_.splits * grid_.block);
    for (int32_t index = begin; index < end; ++index) {
      const int32_t left = grid_.count - index / grid_.splits * grid_.block;
      const int32_t tiles = left < grid_.block ? left : grid_.block, split = index % grid_.splits;
      if (index == begin || split == 0) {
        for (int32_t t = 0; t < tiles; ++t, next(grid_, tile)) tiles_[t] = tile;
        if (whole) transform(tiles, 0, p_.in_channels);
      }
      const int32_t last = grid_.splits == 1 ? grid_.panels : split + 1;
      for (int32_t panel = split; panel < last; ++panel) {
        for (int32_t c = 0; c < p_.in_channels; c += grid_.depth) {
          const int32_t channels = p_.in_channels - c < grid_.depth ? p_.in_channels - c : grid_.depth;
          if (!whole) transform(tiles, c, channels);
          multiply(tiles, panel, c, channels);
        }
        finish(tiles, panel);
      }
    }
  }

 private:
  using Words = typename Isa::Words;
  using Sums = typename Isa::Sums;
  static constexpr int32_t kSlices = Isa::kMr * kValuesTile, kLanes = static_cast<int32_t>(sizeof(Sums) / sizeof(int32_t));

  // Eight addresses or distances, in vectors. Of the pixels of one line of a tile's window, the last two are not used.
  using Lanes = typename Isa::Lanes;
  static constexpr int kEight = 8, kParts = kEight * sizeof(intptr_t) / sizeof(Lanes);
  union Eight {
    Lanes parts[kParts];
    intptr_t at[kEight];
  };
  using Pixels = Eight[kWinogradReach];

  // v of these channels of a block's tiles.
  void transform(int32_t tiles, int32_t channel, int32_t channels) {
    const int32_t padded = div_up(channels, Isa::kGranule) * Isa::kGranule;
    Pixels x[Isa::kMr];
    for (int32_t t = 0; t < tiles; ++t) locate(tiles_[t], channel, padded, x[t]);
    for (int32_t t = 0; t < tiles; ++t) {
      int16_t* v = values_ + t * kValuesTile;
      for (int32_t c = 0; c < padded; c += kSlice, v += kSlices) {
        for (int32_t at = 0; at < kSlice && c + at < padded; at += Isa::kWords) transform_words(x[t], c + at, v + at);
      }
    }
  }

  // B^T d stays in registers for the first rows; the others wait in v.
  __attribute__((noinline)) static void transform_words(const Pixels& pixels, int32_t c, int16_t* v) {
    Words lines[Isa::kRows][kWinogradReach];
    SINTER_UNROLL
    for (int j = 0; j < kWinogradReach; ++j) {
      Words d[kWinogradReach], column[kWinogradReach];
      SINTER_UNROLL
      for (int i = 0; i < kWinogradReach; ++i) d[i] = Isa::widen(reinterpret_cast<const int8_t*>(pixels[i].at[j] + c));
      transform_input(d, column);
      SINTER_UNROLL
      for (int i = 0; i < kWinogradReach; ++i) {
        if (i < Isa::kRows) {
          lines[i][j] = column[i];
        } else {
          Isa::store(v + i * kValuesPosition + j * kValuesColumn, column[i]);
        }
      }
    }
    __asm__("" : : : "memory");
    SINTER_UNROLL
    for (int i = 0; i < Isa::kRows; ++i) transform_line(lines[i], v + i * kValuesPosition);
    SINTER_UNROLL
    for (int i = Isa::kRows; i < kWinogradReach; ++i) {
      Words line[kWinogradReach];
      SINTER_UNROLL
      for (int j = 0; j < kWinogradReach; ++j) line[j] = Isa::load(v + i * kValuesPosition + j * kValuesColumn);
      transform_line(line, v + i * kValuesPosition);
    }
  }

  SINTER_INLINE void transform_line(const Words (&line)[kWinogradReach], int16_t* v) {
    Words to[kWinogradReach];
    transform_input(line, to);
    SINTER_UNROLL
    for (int j = 0; j < kWinogradReach; ++j) Isa::store(v + j * kValuesColumn, to[j]);
  }

  // Where `padded` channels of each pixel of a tile's window can be read.
  void locate(const WinogradTile& tile, int32_t channel, int32_t padded, Pixels& x) const {
    const int32_t top = tile.row - p_.pad[1], left = tile.column - p_.pad[2];
    const ptrdiff_t pixel = p_.in_channels, line = p_.in[2] * pixel;
    const ptrdiff_t first = (ptrdiff_t{tile.image} * p_.in[1] + top) * line + left * pixel + channel;
    const intptr_t border = reinterpret_cast<intptr_t>(border_), from = reinterpret_cast<intptr_t>(input_) + first - border;
    for (int part = 0; part < kParts; ++part) {
      const Lanes column = columns_.parts[part] + left, inside = (column >= 0) & (column < p_.in[2]);
      Lanes pixels = distances_.parts[part] + from;
      for (int i = 0; i < kWinogradReach; ++i, pixels += line) {
        const intptr_t kept = top + i >= 0 && top + i < p_.in[1] ? -1 : 0;
        x[i].parts[part] = (pixels & inside & kept) + border;
      }
    }
    const intptr_t end = reinterpret_cast<intptr_t>(end_);
    if (input_count(p_) - (first + (kWinogradReach - 1) * (line + pixel)) >= padded) return;
    for (auto& row : x) {
      for (auto& at : row.at) {
        if (at != border && end - at < padded) at = reinterpret_cast<intptr_t>(tail_) + grid_.depth - (end - at);
      }
    }
  }

  // A^T m of a block's tiles, or the part of it from these channels: [tile][4][6][column].
  void multiply(int32_t tiles, int32_t panel, int32_t channel, int32_t channels) {
    const ptrdiff_t pairs = div_up(p_.in_channels, 2), position = pairs * 2 * kWinogradColumns;
    const int16_t* w = weights_ + panel * kWinogradPositions * position + channel * kWinogradColumns;
    for (int j = 0; j < kWinogradReach; ++j, w += kWinogradReach * position) {
      const int32_t* bias = j == 1 && channel == 0 ? bias_ + panel * kWinogradColumns : nullptr;
      Isa::multiply(values_ + j * kValuesColumn, w, position, bias, div_up(channels, 2), tiles, channel != 0,
                    products_ + j * kWinogradColumns);
    }
  }

  void finish(int32_t tiles, int32_t panel) {
    for (int32_t n = 0; n < kWinogradColumns && panel * kWinogradColumns + n < p_.out_channels; n += kLanes) {
      const int32_t o = panel * kWinogradColumns + n;
      const typename Isa::Output output(multiplier_ + o, shift_ + o, p_);
      for (int32_t t = 0; t < tiles; ++t) finish_tile(output, tiles_[t], products_ + ptrdiff_t{t} * kTile + n, o);
    }
  }

  void finish_tile(const typename Isa::Output& output, const WinogradTile& tile, const int32_t* half, int32_t o) {
    const int32_t rows = p_.out[1] - tile.row < kWinogradSize ? p_.out[1] - tile.row : kWinogradSize;
    const int32_t pixels = p_.out[2] - tile.column < kWinogradSize ? p_.out[2] - tile.column : kWinogradSize;
    const ptrdiff_t line = ptrdiff_t{p_.out[2]} * p_.out_channels;
    int8_t* to = output_ + (ptrdiff_t{tile.image} * p_.out[1] + tile.row) * line + ptrdiff_t{tile.column} * p_.out_channels + o;
    for (int32_t i = 0; i < rows; ++i, half += kLine, to += line) {
      Sums m[kWinogradReach], y[kWinogradSize];
      SINTER_UNROLL
      for (int j = 0; j < kWinogradReach; ++j) m[j] = Isa::load(half + j * kWinogradColumns);
      transform_output(m, y);
      SINTER_UNROLL
      for (int j = 0; j < kWinogradSize; ++j) y[j] *= 0x38e38e39u;
      output.store(y, to, p_.out_channels, pixels, p_.out_channels - o);
    }
  }

  const ConvS8Params& p_;
  const WinogradGrid grid_;
  const int8_t* const input_;
  const int16_t* const weights_;
  const int32_t *const bias_, *const multiplier_, *const shift_;
  int8_t* const output_;
  int16_t* values_;
  int32_t* products_;
  const int8_t* end_;
  int8_t *border_, *tail_;
  Eight columns_, distances_;
  WinogradTile tiles_[Isa::kMr];
};

template <class Isa>
static Status winograd(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  Winograd<Isa>(*static_cast<const ConvS8Params*>(params), operands, scratch).run(begin, end);
  return kOk;
}

}  // namespace sinter
