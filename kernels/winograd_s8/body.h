// Winograd convolution for any instruction set. Isa is a type that no other source file has, so that no two instruction sets share
// code:
//
//   Isa::kMr                      Winograd tiles of a block
//   Isa::Words                    uint16_t of so many channels, or a wider integer of one
//   Isa::kGranule                 channels of scratch come in multiples of this
//   Isa::widen(x), Isa::store(to, words)
//   Isa::Sums                     uint32_t of so many columns
//   Isa::multiply(...)            the products of one position
//   Isa::Output(...).store(...)   requantises four pixels by one vector of columns
#pragma once

#include "../unroll.h"
#include "winograd_s8.h"

#define SINTER_INLINE static inline __attribute__((always_inline))

namespace sinter {

// Elements of one tile of v, sixteen channels, and of one of m, sixteen columns.
constexpr int32_t kGroup = 16, kTile = kWinogradPositions * kGroup;
static_assert(kWinogradColumns == kGroup, "both have one size");

// B^T d.
template <class T>
SINTER_INLINE void transform_input(const T (&d)[kWinogradReach], T (&v)[kWinogradReach]) {
  const T a = d[4] - (d[2] << 2), b = d[3] - (d[1] << 2), c = d[4] - d[2], e = d[3] - d[1], twice = e + e;
  v[0] = ((d[0] - d[2]) << 2) + c;
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
    const int32_t count = input_count(p), copied = count < grid_.depth ? count : grid_.depth;
    end_ = input_ + count;
    for (int32_t i = 0; i < grid_.depth; ++i) border_[i] = static_cast<int8_t>(p.in_zero);
    for (int32_t i = 1; i <= copied; ++i) tail_[grid_.depth - i] = *(end_ - i);
    for (int32_t i = 0; i < grid_.depth; ++i) tail_[grid_.depth + i] = 0;
  }

  void run(int32_t begin, int32_t end) {
    const bool whole = p_.in_channels <= grid_.depth;
    for (int32_t index = begin; index < end; ++index) {
      const int32_t first = index / grid_.splits * grid_.block, left = grid_.count - first;
      const int32_t tiles = left < grid_.block ? left : grid_.block, split = index % grid_.splits;
      if (whole && (index == begin || split == 0)) transform(first, tiles, 0, p_.in_channels);
      const int32_t last = grid_.splits == 1 ? grid_.panels : split + 1;
      for (int32_t panel = split; panel < last; ++panel) {
        for (int32_t c = 0; c < p_.in_channels; c += grid_.depth) {
          const int32_t channels = p_.in_channels - c < grid_.depth ? p_.in_channels - c : grid_.depth;
          if (!whole) transform(first, tiles, c, channels);
          multiply(tiles, panel, c, channels);
        }
        finish(first, tiles, panel);
      }
    }
  }

 private:
  using Words = typename Isa::Words;
  using Sums = typename Isa::Sums;
  static constexpr int32_t kWords = Isa::kWords, kLanes = static_cast<int32_t>(sizeof(Sums) / sizeof(int32_t));

  // v of these channels of a block's tiles: [channel / 16][tile][position][channel % 16].
  void transform(int32_t first, int32_t tiles, int32_t channel, int32_t channels) {
    const int32_t padded = div_up(channels, Isa::kGranule) * Isa::kGranule;
    WinogradTile tile = winograd_tile(grid_, first);
    for (int32_t t = 0; t < tiles; ++t, next(grid_, tile)) {
      const int8_t* x[kWinogradReach][kWinogradReach];
      locate_pixels(tile, channel, padded, x);
      int16_t* v = values_ + ptrdiff_t{t} * kTile;
      for (int32_t c = 0; c < padded; c += kGroup, v += Isa::kMr * kTile) {
        for (int32_t at = 0; at < kGroup && c + at < padded; at += kWords) transform_words(x, c + at, v + at);
      }
    }
  }

  SINTER_INLINE void transform_words(const int8_t* const (&x)[kWinogradReach][kWinogradReach], int32_t c, int16_t* v) {
    Words lines[kWinogradReach][kWinogradReach];
    SINTER_UNROLL
    for (int i = 0; i < kWinogradReach; ++i) {
      Words d[kWinogradReach];
      SINTER_UNROLL
      for (int j = 0; j < kWinogradReach; ++j) d[j] = Isa::widen(x[i][j] + c);
      transform_input(d, lines[i]);
    }
    SINTER_UNROLL
    for (int j = 0; j < kWinogradReach; ++j) {
      Words d[kWinogradReach], column[kWinogradReach];
      SINTER_UNROLL
      for (int i = 0; i < kWinogradReach; ++i) d[i] = lines[i][j];
      transform_input(d, column);
      SINTER_UNROLL
      for (int i = 0; i < kWinogradReach; ++i) Isa::store(v + (i * kWinogradReach + j) * kGroup, column[i]);
    }
  }

  // Where `padded` channels of each pixel of a tile's window can be read.
  void locate_pixels(const WinogradTile& tile, int32_t channel, int32_t padded,
                     const int8_t* (&x)[kWinogradReach][kWinogradReach]) const {
    const int32_t top = tile.row - p_.pad[1], left = tile.column - p_.pad[2];
    const ptrdiff_t line = ptrdiff_t{p_.in[2]} * p_.in_channels;
    const int8_t* from = input_ + (ptrdiff_t{tile.image} * p_.in[1] + top) * line + ptrdiff_t{left} * p_.in_channels + channel;
    for (int i = 0; i < kWinogradReach; ++i, from += line) {
      const int32_t width = top + i >= 0 && top + i < p_.in[1] ? p_.in[2] : 0;
      const int8_t* pixel = from;
      for (int j = 0; j < kWinogradReach; ++j, pixel += p_.in_channels) {
        const bool inside = left + j >= 0 && left + j < width;
        x[i][j] = inside ? pixel : border_;
      }
    }
    const int8_t* last = from - line + (kWinogradReach - 1) * p_.in_channels;
    if (end_ - last >= padded) return;
    for (auto& row : x) {
      for (auto& pixel : row) {
        if (pixel != border_ && end_ - pixel < padded) pixel = tail_ + grid_.depth - (end_ - pixel);
      }
    }
  }

  // m of a block's tiles, or the part of it from these channels: [tile][position][column].
  void multiply(int32_t tiles, int32_t panel, int32_t channel, int32_t channels) {
    const ptrdiff_t pairs = div_up(p_.in_channels, 2), group = 2 * kWinogradColumns;
    const int16_t* w = weights_ + panel * kWinogradPositions * pairs * group + channel / 2 * group;
    for (int position = 0; position < kWinogradPositions; ++position, w += pairs * group) {
      Isa::multiply(values_ + position * kGroup, w, div_up(channels, 2), tiles, channel != 0,
                    products_ + position * kWinogradColumns);
    }
  }

  void finish(int32_t first, int32_t tiles, int32_t panel) {
    for (int32_t n = 0; n < kWinogradColumns && panel * kWinogradColumns + n < p_.out_channels; n += kLanes) {
      const int32_t o = panel * kWinogradColumns + n;
      const typename Isa::Output output(multiplier_ + o, shift_ + o, p_);
      WinogradTile tile = winograd_tile(grid_, first);
      for (int32_t t = 0; t < tiles; ++t, next(grid_, tile)) {
        finish_tile(output, tile, products_ + ptrdiff_t{t} * kTile + n, Isa::load(bias_ + o), o);
      }
    }
  }

  void finish_tile(const typename Isa::Output& output, const WinogradTile& tile, const int32_t* m, Sums bias, int32_t o) {
    Sums half[kWinogradSize][kWinogradReach];
    SINTER_UNROLL
    for (int j = 0; j < kWinogradReach; ++j) {
      Sums column[kWinogradReach], y[kWinogradSize];
      SINTER_UNROLL
      for (int i = 0; i < kWinogradReach; ++i) column[i] = Isa::load(m + (i * kWinogradReach + j) * kWinogradColumns);
      if (j == 1) column[1] += bias;
      transform_output(column, y);
      SINTER_UNROLL
      for (int i = 0; i < kWinogradSize; ++i) half[i][j] = y[i];
    }
    const int32_t rows = p_.out[1] - tile.row < kWinogradSize ? p_.out[1] - tile.row : kWinogradSize;
    const int32_t pixels = p_.out[2] - tile.column < kWinogradSize ? p_.out[2] - tile.column : kWinogradSize;
    const ptrdiff_t line = ptrdiff_t{p_.out[2]} * p_.out_channels;
    int8_t* to = output_ + (ptrdiff_t{tile.image} * p_.out[1] + tile.row) * line + ptrdiff_t{tile.column} * p_.out_channels + o;
    for (int32_t i = 0; i < rows; ++i, to += line) {
      Sums y[kWinogradSize];
      transform_output(half[i], y);
      SINTER_UNROLL
      for (int j = 0; j < kWinogradSize; ++j) y[j] *= 0x38e38e39u;
      output.store(y, to, p_.out_channels, pixels, p_.out_channels - o);
    }
  }

  const ConvS8Params& p_;
  const WinogradGrid grid_;
  const int8_t* const input_;
  const int8_t* end_;
  const int16_t* const weights_;
  const int32_t *const bias_, *const multiplier_, *const shift_;
  int8_t* const output_;
  int16_t* values_;
  int32_t* products_;
  int8_t *border_, *tail_;
};

template <class Isa>
static Status winograd(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  Winograd<Isa>(*static_cast<const ConvS8Params*>(params), operands, scratch).run(begin, end);
  return kOk;
}

}  // namespace sinter
