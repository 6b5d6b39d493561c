// requantize.h for sixteen accumulators at a time, bit for bit.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace sinter {

// The multipliers and shifts of sixteen columns, prepared for rescale(): the even lanes, and the odd ones moved down.
//
// Both roundings of the specification are one: with p = x * multiplier and s = -shift,
//   floor((floor((p + 2^30) / 2^31) + 2^(s-1) - [x < 0]) / 2^s) = floor((p + 2^30 + 2^(s+30) - [x < 0] * 2^31) / 2^(s+31)),
// since floors of quotients nest. For s = 0 only the first rounding is left.
struct Rescaler512 {
  __m512i multiplier[2], nudge[2], negative[2], right[2];
  __m512i left;
  bool shifts_left;
};

static inline Rescaler512 load_rescaler512(const int32_t* multiplier, const int32_t* shift) {
  const __m512i bits = _mm512_set1_epi32(31), zero = _mm512_setzero_si512();
  const __m512i m = _mm512_loadu_si512(multiplier), s = _mm512_loadu_si512(shift);
  const __mmask16 is_left = _mm512_cmpgt_epi32_mask(s, zero);
  const __m512i right = _mm512_maskz_and_epi32(static_cast<__mmask16>(~is_left), _mm512_sub_epi32(zero, s), bits);
  Rescaler512 r;
  r.left = _mm512_maskz_and_epi32(is_left, s, bits);
  r.shifts_left = _mm512_test_epi32_mask(r.left, r.left) != 0;
  for (int odd = 0; odd < 2; ++odd) {
    const __m512i by = odd != 0 ? _mm512_srli_epi64(right, 32) : _mm512_and_si512(right, _mm512_set1_epi64(0xffffffff));
    const __mmask8 rounds = _mm512_test_epi64_mask(by, by);
    const __m512i half = _mm512_maskz_sllv_epi64(rounds, _mm512_set1_epi64(int64_t{1} << 30), by);
    r.multiplier[odd] = odd != 0 ? _mm512_srli_epi64(m, 32) : m;
    r.nudge[odd] = _mm512_add_epi64(half, _mm512_set1_epi64(int64_t{1} << 30));
    r.negative[odd] = _mm512_maskz_set1_epi64(rounds, -(int64_t{1} << 31));
    r.right[odd] = _mm512_add_epi64(by, _mm512_set1_epi64(31));
  }
  return r;
}

// multiply_by_quantized_multiplier.
static inline __m512i rescale(const Rescaler512& r, __m512i x) {
  if (r.shifts_left) x = _mm512_sllv_epi32(x, r.left);
  __m512i p[2] = {x, _mm512_srli_epi64(x, 32)};
  for (int odd = 0; odd < 2; ++odd) {
    p[odd] = _mm512_mul_epi32(p[odd], r.multiplier[odd]);
    const __mmask8 is_negative = _mm512_movepi64_mask(p[odd]);
    p[odd] = _mm512_add_epi64(p[odd], r.nudge[odd]);
    p[odd] = _mm512_mask_add_epi64(p[odd], is_negative, p[odd], r.negative[odd]);
    p[odd] = _mm512_srav_epi64(p[odd], r.right[odd]);
  }
  return _mm512_mask_shuffle_epi32(p[0], 0xaaaa, p[1], _MM_PERM_CCAA);
}

// The output's zero point and range.
struct Int8Range512 {
  __m512i zero, low, high;
};

static inline Int8Range512 int8_range512(int32_t zero, int32_t low, int32_t high) {
  return {_mm512_set1_epi32(zero), _mm512_set1_epi32(low), _mm512_set1_epi32(high)};
}

// Sixteen rescaled accumulators as int8.
static inline __m128i to_s8(const Int8Range512& range, __m512i scaled) {
  const __m512i shifted = _mm512_add_epi32(scaled, range.zero);
  return _mm512_cvtepi32_epi8(_mm512_max_epi32(_mm512_min_epi32(shifted, range.high), range.low));
}

}  // namespace sinter
