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

// Eight elements less their zero point.
static inline __m256i widen(const int8_t* x, __m256i zero) {
  return _mm256_sub_epi32(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(x))), zero);
}

// A row of `count` elements: y = combine(a - a_zero, b - b_zero), as accumulators that are rescaled and clamped already but for
// the output's range. A step of 0 repeats an operand's only element.
template <class Combine>
static inline void broadcast_row(const int8_t* a, int32_t a_step, __m256i a_zero, const int8_t* b, int32_t b_step, __m256i b_zero,
                                 int8_t* y, int32_t count, const Int8Range& range, Combine combine) {
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
    __m256i scaled[4];
    SINTER_UNROLL
    for (int i = 0; i < 4; ++i) scaled[i] = combine(widen(a_from + 8 * i, a_zero), widen(b_from + 8 * i, b_zero));
    const __m256i bytes = pack_s8(range, scaled);
    if (left >= 32) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + at), bytes);
    } else {
      _mm256_store_si256(reinterpret_cast<__m256i*>(y_block), bytes);
      for (int32_t i = 0; i < left; ++i) y[at + i] = y_block[i];
    }
  }
}

}  // namespace sinter
