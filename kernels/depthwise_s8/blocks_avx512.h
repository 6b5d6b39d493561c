// Depthwise convolution by AVX-512, sixty-four channels of a pixel at a time: what they are multiplied with stays in the
// first-level cache, and serves the pixels that are computed at once, two of each row.
#pragma once

#include "../requantize_avx512.h"
#include "columns.h"

namespace sinter {
namespace {
namespace by_block {

constexpr int32_t kChannels = kBlockChannels;
constexpr int kVectors = kChannels / kColumnLanes, kPixels = 2;

// The words of four taps.
struct Words {
  __m512i of[kVectors];
};

// Where the halves of two vectors' interleaved bytes, or pairs of bytes, lie in them.
struct Order {
  uint8_t bytes[2][64];
  uint16_t pairs[2][32];

  constexpr Order() : bytes(), pairs() {
    for (int i = 0; i < 128; ++i) bytes[i / 64][i % 64] = static_cast<uint8_t>(i / 2 + i % 2 * 64);
    for (int i = 0; i < 64; ++i) pairs[i / 32][i % 32] = static_cast<uint16_t>(i / 2 + i % 2 * 32);
  }
};

// What sixty-four channels have in common: constants from operands 1 to 4, those of quads `quad_step` words apart.
class Block {
 public:
  static constexpr int kMostTaps = 8;

  Block(const int32_t* weights, ptrdiff_t quad_step, const int32_t* bias, const int32_t* multiplier, const int32_t* shift,
        int32_t in_zero, const Int8Range512& range)
      : weights_(weights),
        quad_step_(quad_step),
        bias_(bias),
        multiplier_(multiplier),
        shift_(shift),
        range_(range),
        padding_(_mm512_set1_epi8(static_cast<char>(in_zero + 128))) {
    store_brackets(multiplier, shift, range, kChannels, brackets_);
    _mm512_store_si512(outside_, _mm512_set1_epi8(static_cast<char>(in_zero)));
  }

  // The rows of windows, which read in_zero where they lie outside.
  void set_row(int tap, const int8_t* row, ptrdiff_t pixel) {
    taps_[tap] = row == nullptr ? outside_ : row;
    steps_[tap] = row == nullptr ? 0 : pixel;
  }

 protected:
  const int32_t* weights_;
  ptrdiff_t quad_step_;
  const int32_t *bias_, *multiplier_, *shift_;
  const Int8Range512 range_;
  const __m512i padding_;
  const int8_t* taps_[kMostTaps];
  ptrdiff_t steps_[kMostTaps];
  alignas(64) float brackets_[3 * kChannels];
  alignas(64) int8_t outside_[kChannels];

  static __m512i load(const void* at) { return _mm512_loadu_si512(at); }
  static __m512i load_offset(const int8_t* at) { return _mm512_xor_si512(load(at), _mm512_set1_epi8(-128)); }

  static Words interleave(__m512i a, __m512i b, __m512i c, __m512i d) {
    alignas(64) static constexpr Order kOrder = {};
    const __m512i low = load(kOrder.pairs[0]), high = load(kOrder.pairs[1]);
    Words words;
    SINTER_UNROLL
    for (int half = 0; half < 2; ++half) {
      const __m512i bytes = load(kOrder.bytes[half]);
      const __m512i ab = _mm512_permutex2var_epi8(a, bytes, b), cd = _mm512_permutex2var_epi8(c, bytes, d);
      words.of[2 * half] = _mm512_permutex2var_epi16(ab, low, cd);
      words.of[2 * half + 1] = _mm512_permutex2var_epi16(ab, high, cd);
    }
    return words;
  }

  Bracket512 bracket(int i) const {
    const float* at = brackets_ + 16 * i;
    return {_mm512_load_ps(at), _mm512_load_ps(at + kChannels), _mm512_load_ps(at + 2 * kChannels)};
  }

  __m512i rescale(const Bracket512& with, __m512i acc) const {
    return range_.low >= range_.zero ? multiply(with, acc, with.positive) : multiply_signed(with, acc);
  }

  // Bytes of rescaled words; those of `again()`, which computes and requantises the pixel once more, if some are in doubt.
  template <class Again>
  inline __attribute__((always_inline)) __m512i bytes(const __m512i (&of)[kVectors], Again again) const {
    const Words512 words = {of[0], of[1], of[2], of[3]};
    return any_doubtful(words, _mm512_set1_epi16(kWindow)) ? again() : pack_s8(range_, words);
  }

  __m512i requantize(const __m512i (&acc)[kVectors]) const {
    const Bracket512 brackets[kVectors] = {bracket(0), bracket(1), bracket(2), bracket(3)};
    return requantize64<kVectors>(brackets, acc[0], acc[1], acc[2], acc[3], multiplier_, shift_, range_);
  }
};

// kRows output rows of windows three taps wide and high, kStep pixels apart; of two rows, those right above each other.
template <int kRows, int kStep>
class Columns3 : public Block {
 public:
  static constexpr int kTaps = kRows + 2;

  template <class... Constants>
  explicit Columns3(const Constants&... constants) : Block(constants...) {
    for (int quad = 0; quad < kQuads && kRows == 2; ++quad) {
      for (int i = 0; i < kVectors; ++i) {
        _mm512_store_si512(below_[quad] + 16 * i, _mm512_slli_epi32(load(weights_ + quad * quad_step_ + 16 * i), 8));
      }
    }
  }

  // `count` pixels of each row, the first window at `place` of input rows of `width` pixels.
  __attribute__((noinline, flatten)) void line(int32_t place, int32_t width, int8_t* y, int32_t count, ptrdiff_t pixel,
                                               ptrdiff_t below) const {
    constexpr int kKept = 3 - kStep;
    Words x[kStep + 3];
    SINTER_UNROLL
    for (int c = 0; c < kKept; ++c) x[c] = column(place++, width);
    for (; count >= kPixels; count -= kPixels, y += kPixels * pixel) {
      SINTER_UNROLL
      for (int c = kKept; c < kStep + 3; ++c) x[c] = column(place++, width);
      tile<kPixels>(x, place - kStep - 3, width, y, pixel, below);
      SINTER_UNROLL
      for (int c = 0; c < kKept; ++c) x[c] = x[2 * kStep + c];
    }
    if (count == 0) return;
    SINTER_UNROLL
    for (int c = kKept; c < 3; ++c) x[c] = column(place++, width);
    tile<1>(x, place - 3, width, y, pixel, below);
  }

 private:
  static constexpr int kQuads = 3;

  alignas(64) int32_t below_[kQuads][kChannels];  // weights of the second row

  inline __attribute__((always_inline)) Words column(int32_t place, int32_t width) const {
    if (__builtin_expect(static_cast<uint32_t>(place) >= static_cast<uint32_t>(width), 0)) {
      return {{padding_, padding_, padding_, padding_}};
    }
    __m512i rows[kTaps];
    SINTER_UNROLL
    for (int i = 0; i < kTaps; ++i) rows[i] = load_offset(taps_[i] + place * steps_[i]);
    return interleave(rows[0], rows[1], rows[2], rows[kTaps - 1]);
  }

  // One pixel of a row.
  __attribute__((noinline, cold)) __m512i pixel_of(int row, int32_t place, int32_t width) const {
    __m512i acc[kVectors];
    for (int quad = 0; quad < kQuads; ++quad) {
      const int32_t* weights = row == 0 ? weights_ + quad * quad_step_ : below_[quad];
      const Words x = column(place + quad, width);
      for (int i = 0; i < kVectors; ++i) {
        acc[i] = _mm512_dpbusd_epi32(quad == 0 ? load(bias_ + 16 * i) : acc[i], x.of[i], load(weights + 16 * i));
      }
    }
    return requantize(acc);
  }

  // kCount pixels, of windows from `place` on, of kRows rows, `below` bytes apart.
  template <int kCount>
  inline __attribute__((always_inline)) void tile(const Words* x, int32_t place, int32_t width, int8_t* y, ptrdiff_t pixel,
                                                  ptrdiff_t below) const {
    __m512i words[kCount][kRows][kVectors];
    SINTER_UNROLL
    for (int i = 0; i < kVectors; ++i) {
      __m512i acc[kCount][kRows];
      SINTER_UNROLL
      for (int quad = 0; quad < kQuads; ++quad) {
        const __m512i weights[2] = {load(weights_ + quad * quad_step_ + 16 * i), load(below_[quad] + 16 * i)};
        SINTER_UNROLL
        for (int w = 0; w < kCount; ++w) {
          SINTER_UNROLL
          for (int r = 0; r < kRows; ++r) {
            const __m512i sum = quad == 0 ? load(bias_ + 16 * i) : acc[w][r];
            acc[w][r] = _mm512_dpbusd_epi32(sum, x[w * kStep + quad].of[i], weights[r]);
          }
        }
      }
      const Bracket512 with = bracket(i);
      SINTER_UNROLL
      for (int w = 0; w < kCount; ++w) {
        SINTER_UNROLL
        for (int r = 0; r < kRows; ++r) words[w][r][i] = rescale(with, acc[w][r]);
      }
    }
    SINTER_UNROLL
    for (int w = 0; w < kCount; ++w) {
      SINTER_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const auto again = [&] { return pixel_of(r, place + w * kStep, width); };
        _mm512_storeu_si512(y + w * pixel + r * below, bytes(words[w][r], again));
      }
    }
  }
};

// Two output rows of windows five by five, in words two by two. Those of stride 1 share words, of which neighbours use the taps
// moved by a row, a pixel or both.
template <int kStride>
class Squares5 : public Block {
 public:
  static constexpr int kAcross = 3, kQuads = kAcross * kAcross;
  static constexpr int kDown = kStride == 1 ? 3 : 4, kTaps = 2 * kDown, kVariants = kStride == 1 ? 4 : 1;

  template <class... Constants>
  explicit Squares5(const Constants&... constants) : Block(constants...) {
    for (int i = 0; i < kVectors; ++i) {
      for (int down = 0; down < kAcross; ++down) {
        for (int across = 0; across < kAcross; ++across) {
          const auto quad = [&](int h, int w) {
            return h < 0 || w < 0 ? _mm512_setzero_si512() : load(weights_ + (h * kAcross + w) * quad_step_ + 16 * i);
          };
          const auto aside = [&](int h) {
            const __m512i before = _mm512_srli_epi16(quad(h, across - 1), 8);
            return _mm512_or_si512(before, _mm512_slli_epi16(quad(h, across), 8));
          };
          const auto under = [](__m512i above, __m512i here) {
            return _mm512_or_si512(_mm512_srli_epi32(above, 16), _mm512_slli_epi32(here, 16));
          };
          __m512i* to = table_[i][down * kAcross + across];
          to[0] = quad(down, across);
          if (kVariants == 1) continue;
          to[1 % kVariants] = aside(down);
          to[2 % kVariants] = under(quad(down - 1, across), quad(down, across));
          to[3 % kVariants] = under(aside(down - 1), aside(down));
        }
      }
    }
  }

  // `count` pixels of each row, the first window at `place` of input rows of `width` pixels; of one row, if `below` is 0.
  __attribute__((noinline, flatten)) void line(int32_t place, int32_t width, int8_t* y, int32_t count, ptrdiff_t pixel,
                                               ptrdiff_t below) const {
    Words ring[kSlots][kDown];
    int32_t next = 0;
    const auto slide = [&] {
      for (int down = 0; down < kDown; ++down) ring[next % kSlots][down] = column(down, place + 2 * next, width);
      ++next;
    };
    slide(), slide();
    for (int32_t w = 0; w < count; w += kPixels, y += kPixels * pixel) {
      slide();
      if (kStride == 2) slide();
      const int32_t first = next - kAcross - (kStride - 1);
      const Words* x[kAcross + 1];
      SINTER_UNROLL
      for (int i = 0; i <= kAcross; ++i) x[i] = ring[(first + i) % kSlots];
      tile(x, y, w + 1 < count ? pixel : 0, below);
    }
  }

 private:
  static constexpr uint32_t kSlots = 4;

  __m512i table_[kVectors][kQuads][kVariants];

  // What row r and pixel w of a tile multiply, of the words of pairs of pixels, with which variant of the taps.
  static const Words& words_of(const Words* const* x, int quad, int r, int w) {
    return x[quad % kAcross + (kStride == 1 ? 0 : w)][quad / kAcross + (kStride == 1 ? 0 : r)];
  }
  static constexpr int variant(int r, int w) { return kStride == 1 ? r * 2 + w : 0; }

  // The words of two pixels of two rows.
  inline __attribute__((always_inline)) Words column(int down, int32_t place, int32_t width) const {
    __m512i x[2][2];
    SINTER_UNROLL
    for (int i = 0; i < 2; ++i) {
      SINTER_UNROLL
      for (int w = 0; w < 2; ++w) {
        const bool inside = static_cast<uint32_t>(place + w) < static_cast<uint32_t>(width);
        x[i][w] = inside ? load_offset(taps_[2 * down + i] + (place + w) * steps_[2 * down + i]) : padding_;
      }
    }
    return interleave(x[0][0], x[0][1], x[1][0], x[1][1]);
  }

  // Two pixels of two rows, from the words of each pair of pixels on. Those that are not wanted come to lie on others.
  inline __attribute__((always_inline)) void tile(const Words* const* x, int8_t* y, ptrdiff_t pixel, ptrdiff_t below) const {
    __m512i words[2][kPixels][kVectors];
    SINTER_UNROLL
    for (int i = 0; i < kVectors; ++i) {
      __m512i acc[2][kPixels];
      acc[0][0] = acc[0][1] = acc[1][0] = acc[1][1] = load(bias_ + 16 * i);
      SINTER_UNROLL
      for (int quad = 0; quad < kQuads; ++quad) {
        SINTER_UNROLL
        for (int r = 0; r < 2; ++r) {
          SINTER_UNROLL
          for (int w = 0; w < kPixels; ++w) {
            acc[r][w] = _mm512_dpbusd_epi32(acc[r][w], words_of(x, quad, r, w).of[i], table_[i][quad][variant(r, w)]);
          }
        }
      }
      const Bracket512 with = bracket(i);
      SINTER_UNROLL
      for (int r = 0; r < 2; ++r) {
        SINTER_UNROLL
        for (int w = 0; w < kPixels; ++w) words[r][w][i] = rescale(with, acc[r][w]);
      }
    }
    SINTER_UNROLL
    for (int r = 1; r >= 0; --r) {
      SINTER_UNROLL
      for (int w = kPixels - 1; w >= 0; --w) {
        const auto again = [&] { return pixel_of(x, r, w); };
        _mm512_storeu_si512(y + w * pixel + r * below, bytes(words[r][w], again));
      }
    }
  }

  // One pixel of a tile.
  __attribute__((noinline, cold)) __m512i pixel_of(const Words* const* x, int r, int w) const {
    __m512i acc[kVectors];
    for (int i = 0; i < kVectors; ++i) {
      acc[i] = load(bias_ + 16 * i);
      for (int quad = 0; quad < kQuads; ++quad) {
        acc[i] = _mm512_dpbusd_epi32(acc[i], words_of(x, quad, r, w).of[i], table_[i][quad][variant(r, w)]);
      }
    }
    return requantize(acc);
  }
};

}  // namespace by_block
}  // namespace
}  // namespace sinter
