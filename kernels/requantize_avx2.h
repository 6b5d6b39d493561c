// requantize.h for eight accumulators at a time, bit for bit.
#pragma once

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

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
};

static inline Int8Range int8_range(int32_t zero, int32_t low, int32_t high) {
  return {_mm256_set1_epi32(zero), _mm256_set1_epi8(static_cast<char>(low)), _mm256_set1_epi8(static_cast<char>(high))};
}

// Four vectors of rescaled accumulators, in order, as int8.
static inline __m256i pack_s8(const Int8Range& range, const __m256i scaled[4]) {
  const __m256i a = _mm256_add_epi32(scaled[0], range.zero), b = _mm256_add_epi32(scaled[1], range.zero);
  const __m256i c = _mm256_add_epi32(scaled[2], range.zero), d = _mm256_add_epi32(scaled[3], range.zero);
  const __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
  const __m256i ordered = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  return _mm256_min_epi8(_mm256_max_epi8(ordered, range.low), range.high);
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
