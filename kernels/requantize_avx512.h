// requantize.h for sixteen accumulators at a time, bit for bit.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "intrinsics_avx512.h"
#include "requantize_bracket.h"
#include "unroll.h"

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
  __m512i zero_words, low_bytes, high_bytes;
};

static inline Int8Range512 int8_range512(int32_t zero, int32_t low, int32_t high) {
  return {_mm512_set1_epi32(zero),
          _mm512_set1_epi32(low),
          _mm512_set1_epi32(high),
          _mm512_set1_epi16(static_cast<int16_t>(zero)),
          _mm512_set1_epi8(static_cast<char>(low)),
          _mm512_set1_epi8(static_cast<char>(high))};
}

// Sixteen rescaled accumulators as int8.
static inline __m128i to_s8(const Int8Range512& range, __m512i scaled) {
  const __m512i shifted = _mm512_add_epi32(scaled, range.zero);
  return _mm512_cvtepi32_epi8(_mm512_max_epi32(_mm512_min_epi32(shifted, range.high), range.low));
}

// The multipliers and shifts of sixteen columns for requantize64(): requantize_bracket.h. Accumulators come times 2^kFraction.
struct Bracket512 {
  __m512 above, below, nudge;
};

template <int kFraction = 0>
static inline Bracket512 load_bracket512(const int32_t* multiplier, const int32_t* shift) {
  const __m512i m = _mm512_loadu_si512(multiplier), s = _mm512_loadu_si512(shift);
  const __m512i clipped = _mm512_max_epi32(_mm512_min_epi32(s, _mm512_set1_epi32(-1)), _mm512_set1_epi32(-31));
  const __mmask16 outside = _mm512_mask_test_epi32_mask(_mm512_cmpneq_epi32_mask(s, clipped), m, m);
  const __mmask16 refused = static_cast<__mmask16>(outside | _mm512_movepi32_mask(m));
  const __m512i exponent = _mm512_slli_epi32(clipped, kExponentBit);
  const __m512 power =
      _mm512_castsi512_ps(_mm512_add_epi32(exponent, _mm512_set1_epi32(kScaleExponent - (kFraction << kExponentBit))));
  const __m512 scale = _mm512_mul_ps(_mm512_cvtepi32_ps(m), power), nan = _mm512_castsi512_ps(_mm512_set1_epi32(-1));
  Bracket512 b;
  b.above = _mm512_mask_mov_ps(_mm512_mul_ps(scale, _mm512_set1_ps(kAbove)), refused, nan);
  b.below = _mm512_maskz_mul_ps(static_cast<__mmask16>(~refused), scale, _mm512_set1_ps(kBelow));
  b.nudge = _mm512_castsi512_ps(_mm512_add_epi32(exponent, _mm512_set1_epi32(kNudgeExponent)));
  return b;
}

// requantize64() where the brackets do not decide.
__attribute__((noinline, cold)) static inline __m512i requantize64_exactly(__m512i a, __m512i b, __m512i c, __m512i d,
                                                                           const Columns columns[4], const Int8Range512& range) {
  const auto bytes = [&](int i, __m512i acc) {
    return to_s8(range, rescale(load_rescaler512(columns[i].multiplier, columns[i].shift), acc));
  };
  const __m256i low = _mm256_set_m128i(bytes(1, b), bytes(0, a)), high = _mm256_set_m128i(bytes(3, d), bytes(2, c));
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

// Accumulators with |v| a little too large, as integers; adds to `differ` the bits where a little too small gives others.
static inline __m512i multiply(const Bracket512& b, __m512i acc, __m512i& differ) {
  const __m512i sign = _mm512_set1_epi32(INT32_MIN);
  const __m512 nudge = _mm512_castsi512_ps(_mm512_ternarylogic_epi32(acc, sign, _mm512_castps_si512(b.nudge), 0xEA));
  const __m512 x = _mm512_cvtepi32_ps(acc);
  const __m512i above = _mm512_cvtps_epi32(_mm512_fmadd_ps(x, b.above, nudge));
  const __m512i below = _mm512_cvtps_epi32(_mm512_fmadd_ps(x, b.below, nudge));
  differ = _mm512_ternarylogic_epi32(differ, above, below, 0xF6);
  return above;
}

// Four vectors of rescaled accumulators, in order, as int8; none so large that adding the zero point would wrap.
static inline __m512i pack_s8(const Int8Range512& range, __m512i p, __m512i q, __m512i r, __m512i s) {
  const __m512i low = _mm512_adds_epi16(_mm512_packs_epi32(p, q), range.zero_words);
  const __m512i high = _mm512_adds_epi16(_mm512_packs_epi32(r, s), range.zero_words);
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i bytes = _mm512_permutexvar_epi32(order, _mm512_packs_epi16(low, high));
  return _mm512_min_epi8(_mm512_max_epi8(bytes, range.low_bytes), range.high_bytes);
}

// requantize() of four vectors of accumulators, as 64 bytes in order; vector i has bracket and columns i % kVectors.
template <int kVectors, int kFraction = 0>
static inline __m512i requantize64(const Bracket512 bracket[kVectors], __m512i a, __m512i b, __m512i c, __m512i d,
                                   const Columns columns[kVectors], const Int8Range512& range) {
  constexpr int kB = 1 % kVectors, kC = 2 % kVectors, kD = 3 % kVectors;
  __m512i differ = _mm512_setzero_si512();
  const __m512i p = multiply(bracket[0], a, differ), q = multiply(bracket[kB], b, differ);
  const __m512i r = multiply(bracket[kC], c, differ), s = multiply(bracket[kD], d, differ);
  if (__builtin_expect(_mm512_test_epi32_mask(differ, differ) != 0, 0)) {
    const Columns all[4] = {columns[0], columns[kB], columns[kC], columns[kD]};
    const auto whole = [](__m512i acc) { return _mm512_srai_epi32(acc, kFraction); };
    return requantize64_exactly(whole(a), whole(b), whole(c), whole(d), all, range);
  }
  return pack_s8(range, p, q, r, s);
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
