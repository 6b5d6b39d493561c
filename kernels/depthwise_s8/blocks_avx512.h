// Windows of three by three taps by AVX-512, sixty-four channels of a pixel at a time: what they are multiplied with stays in the
// first-level cache, and serves the two or four pixels that are computed at once.
#pragma once

#include "../requantize_avx512.h"
#include "columns.h"

namespace sinter {
namespace {
namespace by_block {

constexpr int32_t kChannels = 64;
constexpr int kVectors = kChannels / kColumnLanes, kQuads = 3;

// The words of a column: four rows of one pixel.
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

// Bands of kRows output rows, of windows kStep pixels apart.
template <int kRows, int kStep>
class Block {
 public:
  static constexpr int kTaps = kRows + 2;

  // Constants from operands 1 to 4, those of quads `quad_step` words apart.
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
    for (int quad = 0; quad < kQuads && kRows == 2; ++quad) {
      for (int i = 0; i < kVectors; ++i) {
        _mm512_store_si512(below_[quad] + 16 * i, _mm512_slli_epi32(load(weights + quad * quad_step + 16 * i), 8));
      }
    }
  }

  // The rows of windows, which read in_zero where they lie outside.
  void set_row(int tap, const int8_t* row, ptrdiff_t pixel) {
    taps_[tap] = row == nullptr ? outside_ : row;
    steps_[tap] = row == nullptr ? 0 : pixel;
  }

  // `count` pixels of each row, the first window at `place` of input rows of `width` pixels.
  __attribute__((noinline, flatten)) void line(int32_t place, int32_t width, int8_t* y, int32_t count, ptrdiff_t pixel,
                                               ptrdiff_t below) const {
    constexpr int kKept = 3 - kStep;
    Words x[kStep + 3];
    SINTER_UNROLL
    for (int c = 0; c < kKept; ++c) x[c] = column(place++, width);
    for (; count >= 2; count -= 2, y += 2 * pixel) {
      SINTER_UNROLL
      for (int c = kKept; c < kStep + 3; ++c) x[c] = column(place++, width);
      tile<2>(x, place - kStep - 3, width, y, pixel, below);
      SINTER_UNROLL
      for (int c = 0; c < kKept; ++c) x[c] = x[2 * kStep + c];
    }
    if (count == 0) return;
    SINTER_UNROLL
    for (int c = kKept; c < 3; ++c) x[c] = column(place++, width);
    tile<1>(x, place - 3, width, y, pixel, below);
  }

 private:
  const int32_t* weights_;
  ptrdiff_t quad_step_;
  const int32_t *bias_, *multiplier_, *shift_;
  const Int8Range512 range_;
  const __m512i padding_;
  const int8_t* taps_[kTaps];
  ptrdiff_t steps_[kTaps];
  alignas(64) int32_t below_[kQuads][kChannels];  // weights of the second row
  alignas(64) float brackets_[3 * kChannels];
  alignas(64) int8_t outside_[kChannels];

  static __m512i load(const void* at) { return _mm512_loadu_si512(at); }

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

  inline __attribute__((always_inline)) Words column(int32_t place, int32_t width) const {
    if (__builtin_expect(static_cast<uint32_t>(place) >= static_cast<uint32_t>(width), 0)) {
      return {{padding_, padding_, padding_, padding_}};
    }
    const __m512i sign = _mm512_set1_epi8(-128);
    __m512i rows[kTaps];
    SINTER_UNROLL
    for (int i = 0; i < kTaps; ++i) rows[i] = _mm512_xor_si512(load(taps_[i] + place * steps_[i]), sign);
    return interleave(rows[0], rows[1], rows[2], rows[kTaps - 1]);
  }

  Bracket512 bracket(int i) const {
    const float* at = brackets_ + 16 * i;
    return {_mm512_load_ps(at), _mm512_load_ps(at + kChannels), _mm512_load_ps(at + 2 * kChannels)};
  }

  // One pixel of a row, of which a result is in doubt.
  __attribute__((noinline, cold)) __m512i settled(int32_t place, int32_t width, int row) const {
    Words x[kQuads];
    for (int quad = 0; quad < kQuads; ++quad) x[quad] = column(place + quad, width);
    Bracket512 brackets[kVectors];
    __m512i acc[kVectors];
    for (int i = 0; i < kVectors; ++i) {
      brackets[i] = bracket(i);
      acc[i] = load(bias_ + 16 * i);
      for (int quad = 0; quad < kQuads; ++quad) {
        const int32_t* weights = row == 0 ? weights_ + quad * quad_step_ : below_[quad];
        acc[i] = _mm512_dpbusd_epi32(acc[i], x[quad].of[i], load(weights + 16 * i));
      }
    }
    return requantize64<kVectors>(brackets, acc[0], acc[1], acc[2], acc[3], multiplier_, shift_, range_);
  }

  // kPixels pixels, of windows from `place` on, of kRows rows, `below` bytes apart.
  template <int kPixels>
  inline __attribute__((always_inline)) void tile(const Words* x, int32_t place, int32_t width, int8_t* y, ptrdiff_t pixel,
                                                  ptrdiff_t below) const {
    __m512i words[kPixels][kRows][kVectors];
    SINTER_UNROLL
    for (int i = 0; i < kVectors; ++i) {
      __m512i acc[kPixels][kRows];
      SINTER_UNROLL
      for (int quad = 0; quad < kQuads; ++quad) {
        const __m512i weights[2] = {load(weights_ + quad * quad_step_ + 16 * i), load(below_[quad] + 16 * i)};
        SINTER_UNROLL
        for (int w = 0; w < kPixels; ++w) {
          SINTER_UNROLL
          for (int r = 0; r < kRows; ++r) {
            const __m512i sum = quad == 0 ? load(bias_ + 16 * i) : acc[w][r];
            acc[w][r] = _mm512_dpbusd_epi32(sum, x[w * kStep + quad].of[i], weights[r]);
          }
        }
      }
      const Bracket512 with = bracket(i);
      SINTER_UNROLL
      for (int w = 0; w < kPixels; ++w) {
        SINTER_UNROLL
        for (int r = 0; r < kRows; ++r) {
          words[w][r][i] = range_.low >= range_.zero ? multiply(with, acc[w][r], with.positive) : multiply_signed(with, acc[w][r]);
        }
      }
    }
    SINTER_UNROLL
    for (int w = 0; w < kPixels; ++w) {
      SINTER_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const __m512i* of = words[w][r];
        const Words512 all = {of[0], of[1], of[2], of[3]};
        const __m512i bytes =
            any_doubtful(all, _mm512_set1_epi16(kWindow)) ? settled(place + w * kStep, width, r) : pack_s8(range_, all);
        _mm512_storeu_si512(y + w * pixel + r * below, bytes);
      }
    }
  }
};

}  // namespace by_block
}  // namespace
}  // namespace sinter
