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
  __m256i zero, zero_words, low, high;
};

static inline Int8Range int8_range(int32_t zero, int32_t low, int32_t high) {
  return {_mm256_set1_epi32(zero), _mm256_set1_epi16(static_cast<int16_t>(zero)), _mm256_set1_epi8(static_cast<char>(low)),
          _mm256_set1_epi8(static_cast<char>(high))};
}

// Two vectors of words, each two packed vectors of accumulators, in order, as int8.
static inline __m256i pack_words(const Int8Range& range, __m256i low, __m256i high) {
  const __m256i packed = _mm256_packs_epi16(low, high);
  const __m256i ordered = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  return _mm256_min_epi8(_mm256_max_epi8(ordered, range.low), range.high);
}

// Four vectors of rescaled accumulators, in order, as int8.
static inline __m256i pack_s8(const Int8Range& range, const __m256i scaled[4]) {
  const __m256i a = _mm256_add_epi32(scaled[0], range.zero), b = _mm256_add_epi32(scaled[1], range.zero);
  const __m256i c = _mm256_add_epi32(scaled[2], range.zero), d = _mm256_add_epi32(scaled[3], range.zero);
  return pack_words(range, _mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
}

// The multipliers and shifts of eight columns for requantize32(): requantize_bracket.h. Accumulators come times 2^kFraction.
struct Bracket {
  __m256 above, below, nudge;
};

template <int kFraction = 0>
static inline Bracket load_bracket(const int32_t* multiplier, const int32_t* shift) {
  const __m256i m = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(multiplier));
  const __m256i s = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(shift));
  const __m256i clipped = _mm256_max_epi32(_mm256_min_epi32(s, _mm256_set1_epi32(-1)), _mm256_set1_epi32(-31));
  const __m256i zero = _mm256_setzero_si256();
  const __m256i outside = _mm256_or_si256(_mm256_cmpeq_epi32(s, clipped), _mm256_cmpeq_epi32(m, zero));
  const __m256i refused = _mm256_or_si256(_mm256_xor_si256(outside, _mm256_set1_epi32(-1)), _mm256_cmpgt_epi32(zero, m));
  const __m256i exponent = _mm256_slli_epi32(clipped, kExponentBit);
  const __m256 power =
      _mm256_castsi256_ps(_mm256_add_epi32(exponent, _mm256_set1_epi32(kScaleExponent - (kFraction << kExponentBit))));
  const __m256 scale = _mm256_mul_ps(_mm256_cvtepi32_ps(m), power);
  Bracket b;
  b.above = _mm256_or_ps(_mm256_mul_ps(scale, _mm256_set1_ps(kAbove)), _mm256_castsi256_ps(refused));
  b.below = _mm256_andnot_ps(_mm256_castsi256_ps(refused), _mm256_mul_ps(scale, _mm256_set1_ps(kBelow)));
  b.nudge = _mm256_castsi256_ps(_mm256_add_epi32(exponent, _mm256_set1_epi32(kNudgeExponent)));
  return b;
}

// requantize32() where the brackets do not decide.
__attribute__((noinline, cold)) static inline __m256i requantize32_exactly(__m256i a, __m256i b, __m256i c, __m256i d,
                                                                           const Columns columns[4], const Int8Range& range) {
  const auto scaled = [&](int i, __m256i acc) { return rescale(load_rescaler(columns[i].multiplier, columns[i].shift), acc); };
  const __m256i all[4] = {scaled(0, a), scaled(1, b), scaled(2, c), scaled(3, d)};
  return pack_s8(range, all);
}

// Accumulators with |v| a little too large, and a little too small, as integers.
struct Bracketed {
  __m256i above, below;
};

static inline Bracketed multiply(const Bracket& b, __m256i acc) {
  const __m256 sign = _mm256_and_ps(_mm256_castsi256_ps(acc), _mm256_set1_ps(-0.0f));
  const __m256 nudge = _mm256_or_ps(sign, b.nudge), x = _mm256_cvtepi32_ps(acc);
  return {_mm256_cvtps_epi32(_mm256_fmadd_ps(x, b.above, nudge)), _mm256_cvtps_epi32(_mm256_fmadd_ps(x, b.below, nudge))};
}

// requantize() of four vectors of accumulators, as 32 bytes in order; vector i has bracket and columns i % kVectors.
template <int kVectors, int kFraction = 0>
static inline __m256i requantize32(const Bracket bracket[kVectors], __m256i a, __m256i b, __m256i c, __m256i d,
                                   const Columns columns[kVectors], const Int8Range& range) {
  constexpr int kB = 1 % kVectors, kC = 2 % kVectors, kD = 3 % kVectors;
  const Bracketed p = multiply(bracket[0], a), q = multiply(bracket[kB], b);
  const Bracketed r = multiply(bracket[kC], c), s = multiply(bracket[kD], d);
  const __m256i low = _mm256_packs_epi32(p.above, q.above), high = _mm256_packs_epi32(r.above, s.above);
  const __m256i differ = _mm256_or_si256(_mm256_xor_si256(low, _mm256_packs_epi32(p.below, q.below)),
                                         _mm256_xor_si256(high, _mm256_packs_epi32(r.below, s.below)));
  if (__builtin_expect(_mm256_testz_si256(differ, differ) == 0, 0)) {
    const Columns all[4] = {columns[0], columns[kB], columns[kC], columns[kD]};
    const auto whole = [](__m256i acc) { return _mm256_srai_epi32(acc, kFraction); };
    return requantize32_exactly(whole(a), whole(b), whole(c), whole(d), all, range);
  }
  return pack_words(range, _mm256_adds_epi16(low, range.zero_words), _mm256_adds_epi16(high, range.zero_words));
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

// Rescales and stores rows of kHalves * 8 accumulators, `step` bytes apart: four vectors at a time, which are two rows of 16
// columns or four of 8.
template <int kRows, int kHalves>
static inline void requantize_rows(const __m256i acc[kRows][kHalves], const int32_t* multiplier, const int32_t* shift,
                                   const Int8Range& range, int8_t* y, ptrdiff_t step, int32_t columns) {
  constexpr int kTogether = 4 / kHalves;
  Rescaler rescaler[kHalves];
  SINTER_UNROLL
  for (int half = 0; half < kHalves; ++half) rescaler[half] = load_rescaler(multiplier + half * 8, shift + half * 8);
  SINTER_UNROLL
  for (int row = 0; row < kRows; row += kTogether, y += kTogether * step) {
    __m256i scaled[4];
    SINTER_UNROLL
    for (int i = 0; i < 4; ++i) {
      const int r = row + i / kHalves < kRows ? row + i / kHalves : row;
      scaled[i] = rescale(rescaler[i % kHalves], acc[r][i % kHalves]);
    }
    const __m256i bytes = pack_s8(range, scaled);
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
