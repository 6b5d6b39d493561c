// requantize.h for sixteen accumulators at a time, bit for bit.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "intrinsics_avx512.h"
#include "requantize_bracket.h"
#include "unroll.h"

namespace sinter {

// The output's zero point and range.
struct Int8Range512 {
  int32_t zero, low, high;
  __m512i low_bytes, high_bytes;
};

static inline Int8Range512 int8_range512(int32_t zero, int32_t low, int32_t high) {
  return {zero, low, high, _mm512_set1_epi8(static_cast<char>(low)), _mm512_set1_epi8(static_cast<char>(high))};
}

// The multipliers and shifts of sixteen columns for requantize64(): requantize_bracket.h. Accumulators come times 2^kFraction.
struct Bracket512 {
  __m512 scale, positive, negative;  // constants of accumulators from 0 on, and of those below
};

template <int kFraction = 0>
static inline Bracket512 load_bracket512(const int32_t* multiplier, const int32_t* shift, const Int8Range512& range) {
  const __m512i m = _mm512_loadu_si512(multiplier), s = _mm512_loadu_si512(shift);
  const __m512i clipped = _mm512_max_epi32(_mm512_min_epi32(s, _mm512_set1_epi32(-1)), _mm512_set1_epi32(-31));
  const __mmask16 outside = _mm512_mask_test_epi32_mask(_mm512_cmpneq_epi32_mask(s, clipped), m, m);
  const __mmask16 refused = static_cast<__mmask16>(outside | _mm512_movepi32_mask(m));
  const __m512i exponent = _mm512_slli_epi32(clipped, kExponentBit);
  const __m512 power =
      _mm512_castsi512_ps(_mm512_add_epi32(exponent, _mm512_set1_epi32(kScaleExponent - (kFraction << kExponentBit))));
  const __m512 nudge = _mm512_castsi512_ps(_mm512_add_epi32(exponent, _mm512_set1_epi32(kNudgeExponent)));
  const __m512 scale = _mm512_mul_ps(_mm512_cvtepi32_ps(m), power), nan = _mm512_castsi512_ps(_mm512_set1_epi32(-1));
  const __m512 half = _mm512_set1_ps(static_cast<float>(range.zero) * kWord + (kHalfWord + kMargin));
  return {_mm512_mask_mov_ps(scale, refused, nan), _mm512_add_ps(half, nudge), _mm512_sub_ps(half, nudge)};
}

// Four vectors of results: high words, and low words that tell which of them are in doubt.
struct Words512 {
  __m512i p, q, r, s;
};

static inline __m512i multiply(const Bracket512& b, __m512i acc, __m512 constant) {
  return _mm512_cvtps_epi32(_mm512_fmadd_ps(_mm512_cvtepi32_ps(acc), b.scale, constant));
}
// By shifts, as the packing below: Zen 4 compares and permutes on pipes that products need.
static inline __m512i multiply_signed(const Bracket512& b, __m512i acc) {
  const __m512i sign = _mm512_srai_epi32(acc, 31);
  const __m512i constant = _mm512_ternarylogic_epi32(sign, _mm512_castps_si512(b.negative), _mm512_castps_si512(b.positive), 0xCA);
  return multiply(b, acc, _mm512_castsi512_ps(constant));
}

template <int kVectors>
static inline Words512 multiply(const Bracket512 bracket[kVectors], __m512i a, __m512i b, __m512i c, __m512i d,
                                const Int8Range512& range) {
  const Bracket512 &e = bracket[0], &f = bracket[1 % kVectors], &g = bracket[2 % kVectors], &h = bracket[3 % kVectors];
  if (range.low >= range.zero) {
    return {multiply(e, a, e.positive), multiply(f, b, f.positive), multiply(g, c, g.positive), multiply(h, d, h.positive)};
  }
  return {multiply_signed(e, a), multiply_signed(f, b), multiply_signed(g, c), multiply_signed(h, d)};
}

// The low words less than `window`: bits 2i.
static inline uint32_t doubtful(__m512i t, __m512i window) { return _mm512_mask_cmplt_epu16_mask(0x55555555, t, window); }

static inline bool any_doubtful(const Words512& w, __m512i window) {
  const __m512i least = _mm512_min_epu16(_mm512_min_epu16(w.p, w.q), _mm512_min_epu16(w.r, w.s));
  return __builtin_expect(doubtful(least, window) != 0, 0);
}

// The high words as int8, in each quarter those of q and p by turns, then those of s and r. Most ranges leave nothing to clamp.
static inline __m512i pack_pairs(const Int8Range512& range, const Words512& w) {
  const __m512i low = _mm512_mask_blend_epi16(0x55555555, w.p, _mm512_srli_epi32(w.q, 16));
  const __m512i high = _mm512_mask_blend_epi16(0x55555555, w.r, _mm512_srli_epi32(w.s, 16));
  const __m512i bytes = _mm512_packs_epi16(low, high);
  if (__builtin_expect(range.high - range.low == UINT8_MAX, 1)) return bytes;
  return _mm512_min_epi8(_mm512_max_epi8(bytes, range.low_bytes), range.high_bytes);
}

// Where pack_pairs() has a vector's byte.
static constexpr int pairs_position(int vector, int lane) { return lane / 4 * 16 + lane % 4 * 2 + vector / 2 * 8 + 1 - vector % 2; }

// Where pack_pairs() has the bytes of four vectors: vector by vector, or four of each vector in every quarter.
struct PairsIndex {
  uint8_t byte[64];
};
static constexpr PairsIndex pairs_index(bool quarters) {
  PairsIndex index = {};
  for (int i = 0; i < 64; ++i) {
    const int vector = quarters ? i / 4 % 4 : i / 16, lane = quarters ? i / 16 * 4 + i % 4 : i % 16;
    index.byte[i] = static_cast<uint8_t>(pairs_position(vector, lane));
  }
  return index;
}
alignas(64) constexpr PairsIndex kPairsInOrder = pairs_index(false), kPairsByQuarters = pairs_index(true);

// The high words as int8, four of each vector in every quarter.
static inline __m512i pack_quarters(const Int8Range512& range, const Words512& w) {
  return _mm512_shuffle_epi8(pack_pairs(range, w), _mm512_load_si512(&kPairsByQuarters));
}

// The high words, in order, as int8.
static inline __m512i pack_s8(const Int8Range512& range, const Words512& w) {
  return _mm512_permutexvar_epi8(_mm512_load_si512(&kPairsInOrder), pack_pairs(range, w));
}

// Calls settle(vector, lane) for the results in doubt.
template <class Settle>
static inline void settle_doubtful(const Words512& w, __m512i window, Settle settle) {
  const uint32_t masks[4] = {doubtful(w.p, window), doubtful(w.q, window), doubtful(w.r, window), doubtful(w.s, window)};
  for_each_doubtful<16>(masks, settle);
}

// requantize() of a vector one step after another, as high words; pack_pairs() clamps.
static inline __m512i exact_words(__m512i acc, __m512i multiplier, __m512i shift, const Int8Range512& range) {
  const __m512i zero = _mm512_setzero_si512(), modulo = _mm512_set1_epi32(31), half = _mm512_set1_epi64(int64_t{1} << 30);
  const __m512i left = _mm512_and_si512(_mm512_max_epi32(shift, zero), modulo);
  const __m512i right = _mm512_and_si512(_mm512_sub_epi32(zero, _mm512_min_epi32(shift, zero)), modulo);
  const __m512i shifted = _mm512_sllv_epi32(acc, left);
  const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(shifted, multiplier), half);
  const __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(shifted, 32), _mm512_srli_epi64(multiplier, 32)), half);
  const __m512i high = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1));
  const __m512i mask = _mm512_srlv_epi32(_mm512_set1_epi32(INT32_MAX), _mm512_sub_epi32(modulo, right));
  const __m512i threshold = _mm512_sub_epi32(_mm512_srli_epi32(mask, 1), _mm512_srai_epi32(high, 31));
  const __mmask16 up = _mm512_cmpgt_epi32_mask(_mm512_and_si512(high, mask), threshold);
  const __m512i result = _mm512_add_epi32(_mm512_srav_epi32(high, right), _mm512_set1_epi32(range.zero));
  const __m512i rounded = _mm512_mask_sub_epi32(result, up, result, _mm512_set1_epi32(-1));
  return _mm512_slli_epi32(_mm512_max_epi32(_mm512_min_epi32(rounded, _mm512_set1_epi32(INT8_MAX)), _mm512_set1_epi32(INT8_MIN)),
                           16);
}

// requantize64() where results are in doubt: all of them again, so that no branch has to guess which.
__attribute__((noinline, cold)) static inline __m512i requantize64_exactly(__m512i a, __m512i b, __m512i c, __m512i d,
                                                                           const Columns columns[4], const Int8Range512& range) {
  const auto words = [&](__m512i acc, int i) {
    return exact_words(acc, _mm512_loadu_si512(columns[i].multiplier), _mm512_loadu_si512(columns[i].shift), range);
  };
  return pack_s8(range, {words(a, 0), words(b, 1), words(c, 2), words(d, 3)});
}

// requantize() of four vectors of accumulators, as 64 bytes in order; vector i has bracket and columns i % kVectors.
template <int kVectors, int kFraction = 0>
static inline __m512i requantize64(const Bracket512 bracket[kVectors], __m512i a, __m512i b, __m512i c, __m512i d,
                                   const Columns columns[kVectors], const Int8Range512& range) {
  const Words512 w = multiply<kVectors>(bracket, a, b, c, d, range);
  if (any_doubtful(w, _mm512_set1_epi16(kWindow))) {
    const Columns all[4] = {columns[0], columns[1 % kVectors], columns[2 % kVectors], columns[3 % kVectors]};
    const auto whole = [](__m512i acc) { return _mm512_srai_epi32(acc, kFraction); };
    return requantize64_exactly(whole(a), whole(b), whole(c), whole(d), all, range);
  }
  return pack_s8(range, w);
}

// The same for columns that follow each other: those of bracket i begin at i * 16.
template <int kVectors, int kFraction = 0>
static inline __m512i requantize64(const Bracket512 bracket[kVectors], __m512i a, __m512i b, __m512i c, __m512i d,
                                   const int32_t* multiplier, const int32_t* shift, const Int8Range512& range) {
  Columns columns[kVectors];
  SINTER_UNROLL
  for (int i = 0; i < kVectors; ++i) columns[i] = {multiplier + i * 16, shift + i * 16};
  return requantize64<kVectors, kFraction>(bracket, a, b, c, d, columns, range);
}

// The brackets of columns, for vectors that hold one column each.
struct ColumnBrackets {
  const float *scale, *positive, *negative;
};

// Those of so many columns, whole vectors of them, stored to three floats a column.
static inline ColumnBrackets store_brackets(const int32_t* multiplier, const int32_t* shift, const Int8Range512& range,
                                            ptrdiff_t columns, float* to) {
  for (ptrdiff_t i = 0; i < columns; i += 16) {
    const Bracket512 bracket = load_bracket512(multiplier + i, shift + i, range);
    _mm512_storeu_ps(to + i, bracket.scale);
    _mm512_storeu_ps(to + columns + i, bracket.positive);
    _mm512_storeu_ps(to + 2 * columns + i, bracket.negative);
  }
  return {to, to + columns, to + 2 * columns};
}

__attribute__((noinline, cold)) static inline __m512i requantize_columns_exactly(__m512i a, __m512i b, __m512i c, __m512i d,
                                                                                 const int32_t* multiplier, const int32_t* shift,
                                                                                 const Int8Range512& range) {
  const auto words = [&](__m512i acc, int i) {
    return exact_words(acc, _mm512_set1_epi32(multiplier[i]), _mm512_set1_epi32(shift[i]), range);
  };
  return pack_quarters(range, {words(a, 0), words(b, 1), words(c, 2), words(d, 3)});
}

// The bracket of one column, in all lanes.
static inline Bracket512 column_bracket512(const ColumnBrackets& brackets, ptrdiff_t column) {
  return {_mm512_set1_ps(brackets.scale[column]), _mm512_set1_ps(brackets.positive[column]),
          _mm512_set1_ps(brackets.negative[column])};
}

// requantize() of four vectors, of one column each from `column` on, as pack_quarters() gives them.
static inline __m512i requantize_columns(const ColumnBrackets& brackets, ptrdiff_t column, __m512i a, __m512i b, __m512i c,
                                         __m512i d, const int32_t* multiplier, const int32_t* shift, const Int8Range512& range) {
  Bracket512 bracket[4];
  SINTER_UNROLL
  for (int i = 0; i < 4; ++i) bracket[i] = column_bracket512(brackets, column + i);
  const Words512 w = multiply<4>(bracket, a, b, c, d, range);
  if (any_doubtful(w, _mm512_set1_epi16(kWindow))) {
    return requantize_columns_exactly(a, b, c, d, multiplier + column, shift + column, range);
  }
  return pack_quarters(range, w);
}

// The quarters from `first` on, moved to the front.
static inline __m512i align_row(__m512i bytes, int first) {
  switch (first) {
    case 0:
      return bytes;
    case 1:
      return _mm512_castsi128_si512(_mm512_extracti32x4_epi32(bytes, 1));
    case 2:
      return _mm512_castsi256_si512(_mm512_extracti64x4_epi64(bytes, 1));
    default:
      return _mm512_castsi128_si512(_mm512_extracti32x4_epi32(bytes, 3));
  }
}

}  // namespace sinter
