// What int8 kernels of two broadcast operands share on AVX2: 32 elements of a row at a time.
#pragma once

#include "requantize_avx2.h"

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

// One multiplier and shift for every lane.
static inline Rescaler repeat_rescaler(int32_t multiplier, int32_t shift) {
  int32_t multipliers[8], shifts[8];
  for (int i = 0; i < 8; ++i) {
    multipliers[i] = multiplier;
    shifts[i] = shift;
  }
  return load_rescaler(multipliers, shifts);
}

// Eight elements.
static inline __m256i widen(const int8_t* x) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(x))); }

// 32 elements as int8, from combine(a - a_zero, b - b_zero) of eight at a time, which is rescaled already.
template <class Combine>
static inline __m256i combine_widened(const int8_t* a, __m256i a_zero, const int8_t* b, __m256i b_zero, const Int8Range& range,
                                      Combine combine) {
  __m256i scaled[4];
  SINTER_UNROLL
  for (int i = 0; i < 4; ++i)
    scaled[i] = _mm256_add_epi32(combine(_mm256_sub_epi32(widen(a + 8 * i), a_zero), _mm256_sub_epi32(widen(b + 8 * i), b_zero)),
                                 _mm256_set1_epi32(range.zero));
  const __m256i words[2] = {_mm256_packs_epi32(scaled[0], scaled[1]), _mm256_packs_epi32(scaled[2], scaled[3])};
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(words[0], words[1]), order);
  return _mm256_min_epi8(_mm256_max_epi8(bytes, range.low_bytes), range.high_bytes);
}

// A row of `count` elements, 32 at a time: y = combine(a, b), from and as 32 bytes. A step of 0 repeats an operand's only element.
template <class Combine>
static inline void broadcast_row(const int8_t* a, int32_t a_step, const int8_t* b, int32_t b_step, int8_t* y, int32_t count,
                                 Combine combine) {
  alignas(32) int8_t a_block[32], b_block[32], y_block[32];
  for (int i = 0; i < 32; ++i) {
    a_block[i] = a[0];
    b_block[i] = b[0];
  }
  for (int32_t at = 0; at < count; at += 32) {
    const int32_t left = count - at;
    const int8_t* a_from = a_step == 0 ? a_block : a + at;
    const int8_t* b_from = b_step == 0 ? b_block : b + at;
    if (left < 32) {
      for (int32_t i = 0; i < left; ++i) {
        a_block[i] = a_from[i];
        b_block[i] = b_from[i];
      }
      a_from = a_block;
      b_from = b_block;
    }
    const __m256i bytes = combine(a_from, b_from);
    if (left >= 32) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + at), bytes);
    } else {
      _mm256_store_si256(reinterpret_cast<__m256i*>(y_block), bytes);
      for (int32_t i = 0; i < left; ++i) y[at + i] = y_block[i];
    }
  }
}

}  // namespace sinter
