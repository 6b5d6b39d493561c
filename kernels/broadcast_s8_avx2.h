// What int8 kernels of two broadcast operands share on AVX2: 32 elements of a row at a time.
#pragma once

#include "requantize_avx2.h"

namespace sinter {

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
    scaled[i] = combine(_mm256_sub_epi32(widen(a + 8 * i), a_zero), _mm256_sub_epi32(widen(b + 8 * i), b_zero));
  return pack_s8(range, scaled);
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
