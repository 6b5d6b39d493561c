// requantize.h for eight accumulators at a time, bit for bit.
#pragma once

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "requantize_bracket.h"
#include "unroll.h"

namespace sinter {

// The multipliers and shifts of eight columns, prepared for rescale().
struct Rescaler {
  __m256i even, odd;  // multipliers of the even lanes, and of the odd ones moved down
  __m256i left, right, half;
  bool shifts_left;
};

static inline Rescaler load_rescaler(const int32_t* multiplier, const int32_t* shift) {
  const __m256i bits = _mm256_set1_epi32(31), zero = _mm256_setzero_si256(), one = _mm256_set1_epi32(1);
  const __m256i s = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(shift));
  Rescaler r;
  r.even = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(multiplier));
  r.odd = _mm256_srli_epi64(r.even, 32);
  const __m256i is_left = _mm256_cmpgt_epi32(s, zero);
  r.left = _mm256_and_si256(_mm256_and_si256(s, bits), is_left);
  r.right = _mm256_andnot_si256(is_left, _mm256_and_si256(_mm256_sub_epi32(zero, s), bits));
  r.half = _mm256_srli_epi32(_mm256_sllv_epi32(one, r.right), 1);
  r.shifts_left = _mm256_testz_si256(r.left, r.left) == 0;
  return r;
}

// multiply_by_quantized_multiplier.
static inline __m256i rescale(const Rescaler& r, __m256i x) {
  if (r.shifts_left) x = _mm256_sllv_epi32(x, r.left);
  const __m256i nudge = _mm256_set1_epi64x(int64_t{1} << 30);
  const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(x, r.even), nudge);
  const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(x, 32), r.odd), nudge);
  const __m256i high = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_add_epi64(odd, odd), 0xAA);
  // Halves away from zero: the magnitude rounds up, as an unsigned number, so that the addition cannot overflow.
  const __m256i magnitude = _mm256_srlv_epi32(_mm256_add_epi32(_mm256_abs_epi32(high), r.half), r.right);
  return _mm256_sign_epi32(magnitude, high);
}

// The output's zero point and range.
struct Int8Range {
  __m256i zero, low, high;
  bool rectified;  // nothing below the zero point
};

static inline Int8Range int8_range(int32_t zero, int32_t low, int32_t high) {
  return {_mm256_set1_epi32(zero), _mm256_set1_epi8(static_cast<char>(low)), _mm256_set1_epi8(static_cast<char>(high)),
          low >= zero};
}

static inline __m256i clamp_s8(const Int8Range& range, __m256i bytes) {
  return _mm256_min_epi8(_mm256_max_epi8(bytes, range.low), range.high);
}

// Four vectors of rescaled accumulators, in order, as int8.
static inline __m256i pack_s8(const Int8Range& range, const __m256i scaled[4]) {
  const __m256i a = _mm256_add_epi32(scaled[0], range.zero), b = _mm256_add_epi32(scaled[1], range.zero);
  const __m256i c = _mm256_add_epi32(scaled[2], range.zero), d = _mm256_add_epi32(scaled[3], range.zero);
  const __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
  return clamp_s8(range, _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
}

// The multipliers and shifts of eight columns for requantize32(): requantize_bracket.h.
struct Bracket {
  __m256 scale, positive, negative;  // constants of accumulators from 0 on, and of those below
};

static inline Bracket load_bracket(const int32_t* multiplier, const int32_t* shift, const Int8Range& range) {
  const __m256i m = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(multiplier));
  const __m256i s = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(shift));
  const __m256i clipped = _mm256_max_epi32(_mm256_min_epi32(s, _mm256_set1_epi32(-1)), _mm256_set1_epi32(-31));
  const __m256i zero = _mm256_setzero_si256();
  const __m256i inside = _mm256_or_si256(_mm256_cmpeq_epi32(s, clipped), _mm256_cmpeq_epi32(m, zero));
  const __m256i refused = _mm256_or_si256(_mm256_xor_si256(inside, _mm256_set1_epi32(-1)), _mm256_cmpgt_epi32(zero, m));
  const __m256i exponent = _mm256_slli_epi32(clipped, kExponentBit);
  const __m256 power = _mm256_castsi256_ps(_mm256_add_epi32(exponent, _mm256_set1_epi32(kScaleExponent)));
  const __m256 nudge = _mm256_castsi256_ps(_mm256_add_epi32(exponent, _mm256_set1_epi32(kNudgeExponent)));
  const __m256 scale = _mm256_mul_ps(_mm256_cvtepi32_ps(m), power);
  const __m256 half = _mm256_fmadd_ps(_mm256_cvtepi32_ps(range.zero), _mm256_set1_ps(kWord), _mm256_set1_ps(kHalfWord + kMargin));
  return {_mm256_or_ps(scale, _mm256_castsi256_ps(refused)), _mm256_add_ps(half, nudge), _mm256_sub_ps(half, nudge)};
}

// requantize32() where a bracket does not decide.
__attribute__((noinline, cold)) static inline __m256i requantize32_exactly(__m256i a, __m256i b, __m256i c, __m256i d,
                                                                           const Columns columns[4], const Int8Range& range) {
  const auto scaled = [&](int i, __m256i acc) { return rescale(load_rescaler(columns[i].multiplier, columns[i].shift), acc); };
  const __m256i all[4] = {scaled(0, a), scaled(1, b), scaled(2, c), scaled(3, d)};
  return pack_s8(range, all);
}

// Results as the high words.
static inline __m256i multiply(const Bracket& b, __m256i acc, __m256 constant) {
  return _mm256_cvtps_epi32(_mm256_fmadd_ps(_mm256_cvtepi32_ps(acc), b.scale, constant));
}
static inline __m256i multiply_signed(const Bracket& b, __m256i acc) {
  return multiply(b, acc, _mm256_blendv_ps(b.positive, b.negative, _mm256_castsi256_ps(acc)));
}

// Whether a low word is at most `last`.
static inline bool in_doubt(__m256i p, __m256i q, __m256i r, __m256i s, __m256i last) {
  const __m256i least = _mm256_min_epu16(_mm256_min_epu16(p, q), _mm256_min_epu16(r, s));
  const __m256i doubtful = _mm256_cmpeq_epi16(_mm256_min_epu16(least, last), least);
  return __builtin_expect(_mm256_testz_si256(doubtful, _mm256_set1_epi32(0xffff)) == 0, 0);
}

// The high words of four vectors as int8, in order within each half.
static inline __m256i pack_lanes(__m256i p, __m256i q, __m256i r, __m256i s) {
  const __m256i low = _mm256_blend_epi16(_mm256_srli_epi32(p, 16), q, 0xAA),
                high = _mm256_blend_epi16(_mm256_srli_epi32(r, 16), s, 0xAA);
  const __m256i pairs =
      _mm256_setr_epi8(0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15, 0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15);
  return _mm256_shuffle_epi8(_mm256_packs_epi16(low, high), pairs);
}

// requantize() of four vectors of accumulators, as 32 bytes in order; vector i has bracket and columns i % kVectors.
template <int kVectors>
static inline __m256i requantize32(const Bracket bracket[kVectors], __m256i a, __m256i b, __m256i c, __m256i d,
                                   const Columns columns[kVectors], const Int8Range& range) {
  constexpr int kB = 1 % kVectors, kC = 2 % kVectors, kD = 3 % kVectors;
  __m256i p, q, r, s;
  if (range.rectified) {
    p = multiply(bracket[0], a, bracket[0].positive), q = multiply(bracket[kB], b, bracket[kB].positive);
    r = multiply(bracket[kC], c, bracket[kC].positive), s = multiply(bracket[kD], d, bracket[kD].positive);
  } else {
    p = multiply_signed(bracket[0], a), q = multiply_signed(bracket[kB], b);
    r = multiply_signed(bracket[kC], c), s = multiply_signed(bracket[kD], d);
  }
  if (in_doubt(p, q, r, s, _mm256_set1_epi16(kWindow - 1))) {
    const Columns all[4] = {columns[0], columns[kB], columns[kC], columns[kD]};
    return requantize32_exactly(a, b, c, d, all, range);
  }
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  return clamp_s8(range, _mm256_permutevar8x32_epi32(pack_lanes(p, q, r, s), order));
}

// The first `columns` of kHalves * 8 bytes.
template <int kHalves>
static inline void store_s8(int8_t* y, __m128i values, int32_t columns) {
  if (columns >= kHalves * 8) {
    if (kHalves == 2) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(y), values);
    } else {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(y), values);
    }
    return;
  }
  alignas(16) int8_t bytes[16];
  _mm_store_si128(reinterpret_cast<__m128i*>(bytes), values);
  for (int32_t n = 0; n < columns; ++n) y[n] = bytes[n];
}

// Requantises and stores rows of kHalves * 8 accumulators, `step` bytes apart: four vectors at a time, which are two rows of 16
// columns or four of 8. bracket: of each half; a single row takes the exact way, which needs none.
template <int kRows, int kHalves>
static inline void requantize_rows(const __m256i acc[kRows][kHalves], const Bracket bracket[kHalves], const int32_t* multiplier,
                                   const int32_t* shift, const Int8Range& range, int8_t* y, ptrdiff_t step, int32_t columns) {
  constexpr int kTogether = 4 / kHalves;
  if constexpr (kRows == 1) {
    __m256i scaled[4];
    SINTER_UNROLL
    for (int i = 0; i < 4; ++i) {
      scaled[i] = i < kHalves ? rescale(load_rescaler(multiplier + i * 8, shift + i * 8), acc[0][i]) : scaled[0];
    }
    return store_s8<kHalves>(y, _mm256_castsi256_si128(pack_s8(range, scaled)), columns);
  }
  const Columns source[2] = {{multiplier, shift}, {multiplier + 8, shift + 8}};
  SINTER_UNROLL
  for (int row = 0; row < kRows; row += kTogether, y += kTogether * step) {
    __m256i four[4];
    SINTER_UNROLL
    for (int i = 0; i < 4; ++i) four[i] = acc[row + i / kHalves < kRows ? row + i / kHalves : row][i % kHalves];
    const __m256i bytes = requantize32<kHalves>(bracket, four[0], four[1], four[2], four[3], source, range);
    const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
    store_s8<kHalves>(y, low, columns);
    if (kHalves == 2) {
      if (row + 1 < kRows) store_s8<kHalves>(y + step, high, columns);
    } else {
      if (row + 1 < kRows) store_s8<kHalves>(y + step, _mm_srli_si128(low, 8), columns);
      if (row + 2 < kRows) store_s8<kHalves>(y + 2 * step, high, columns);
      if (row + 3 < kRows) store_s8<kHalves>(y + 3 * step, _mm_srli_si128(high, 8), columns);
    }
  }
}

}  // namespace sinter
