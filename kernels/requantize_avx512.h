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
  __m512i low_bytes, high_bytes;
  bool rectified;  // nothing below the zero point
};

static inline Int8Range512 int8_range512(int32_t zero, int32_t low, int32_t high) {
  return {_mm512_set1_epi32(zero),
          _mm512_set1_epi32(low),
          _mm512_set1_epi32(high),
          _mm512_set1_epi8(static_cast<char>(low)),
          _mm512_set1_epi8(static_cast<char>(high)),
          low >= zero};
}

// Sixteen rescaled accumulators as int8.
static inline __m128i to_s8(const Int8Range512& range, __m512i scaled) {
  const __m512i shifted = _mm512_add_epi32(scaled, range.zero);
  return _mm512_cvtepi32_epi8(_mm512_max_epi32(_mm512_min_epi32(shifted, range.high), range.low));
}

// The multipliers and shifts of sixteen columns for requantize64(): requantize_bracket.h.
struct Bracket512 {
  __m512 scale, positive, negative;  // constants of accumulators from 0 on, and of those below
};

static inline Bracket512 load_bracket512(const int32_t* multiplier, const int32_t* shift, const Int8Range512& range) {
  const __m512i m = _mm512_loadu_si512(multiplier), s = _mm512_loadu_si512(shift);
  const __m512i clipped = _mm512_max_epi32(_mm512_min_epi32(s, _mm512_set1_epi32(-1)), _mm512_set1_epi32(-31));
  const __mmask16 outside = _mm512_mask_test_epi32_mask(_mm512_cmpneq_epi32_mask(s, clipped), m, m);
  const __mmask16 refused = static_cast<__mmask16>(outside | _mm512_movepi32_mask(m));
  const __m512i exponent = _mm512_slli_epi32(clipped, kExponentBit);
  const __m512 power = _mm512_castsi512_ps(_mm512_add_epi32(exponent, _mm512_set1_epi32(kScaleExponent)));
  const __m512 nudge = _mm512_castsi512_ps(_mm512_add_epi32(exponent, _mm512_set1_epi32(kNudgeExponent)));
  const __m512 scale = _mm512_mul_ps(_mm512_cvtepi32_ps(m), power), nan = _mm512_castsi512_ps(_mm512_set1_epi32(-1));
  const __m512 half = _mm512_fmadd_ps(_mm512_cvtepi32_ps(range.zero), _mm512_set1_ps(kWord), _mm512_set1_ps(kHalfWord + kMargin));
  return {_mm512_mask_mov_ps(scale, refused, nan), _mm512_add_ps(half, nudge), _mm512_sub_ps(half, nudge)};
}

// requantize64() where a bracket does not decide.
__attribute__((noinline, cold)) static inline __m512i requantize64_exactly(__m512i a, __m512i b, __m512i c, __m512i d,
                                                                           const Columns columns[4], const Int8Range512& range) {
  const auto bytes = [&](int i, __m512i acc) {
    return to_s8(range, rescale(load_rescaler512(columns[i].multiplier, columns[i].shift), acc));
  };
  const __m256i low = _mm256_set_m128i(bytes(1, b), bytes(0, a)), high = _mm256_set_m128i(bytes(3, d), bytes(2, c));
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

// Results as the high words.
static inline __m512i multiply(const Bracket512& b, __m512i acc, __m512 constant) {
  return _mm512_cvtps_epi32(_mm512_fmadd_ps(_mm512_cvtepi32_ps(acc), b.scale, constant));
}
static inline __m512i multiply_signed(const Bracket512& b, __m512i acc) {
  return multiply(b, acc, _mm512_mask_mov_ps(b.positive, _mm512_movepi32_mask(acc), b.negative));
}

// Whether a low word is less than `window`.
static inline bool in_doubt(__m512i p, __m512i q, __m512i r, __m512i s, __m512i window) {
  const __m512i least = _mm512_min_epu16(_mm512_min_epu16(p, q), _mm512_min_epu16(r, s));
  return __builtin_expect(_mm512_mask_cmplt_epu16_mask(0x55555555, least, window) != 0, 0);
}

// The high words of four vectors, in order, as int8.
static inline __m512i pack_high_words(const Int8Range512& range, __m512i p, __m512i q, __m512i r, __m512i s) {
  const __m512i odd = _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33, 31, 29, 27, 25, 23, 21, 19,
                                       17, 15, 13, 11, 9, 7, 5, 3, 1);
  const __m512i low = _mm512_permutex2var_epi16(p, odd, q), high = _mm512_permutex2var_epi16(r, odd, s);
  const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  const __m512i bytes = _mm512_permutexvar_epi64(order, _mm512_packs_epi16(low, high));
  return _mm512_min_epi8(_mm512_max_epi8(bytes, range.low_bytes), range.high_bytes);
}

// requantize() of four vectors of accumulators, as 64 bytes in order; vector i has bracket and columns i % kVectors.
template <int kVectors>
static inline __m512i requantize64(const Bracket512 bracket[kVectors], __m512i a, __m512i b, __m512i c, __m512i d,
                                   const Columns columns[kVectors], const Int8Range512& range) {
  constexpr int kB = 1 % kVectors, kC = 2 % kVectors, kD = 3 % kVectors;
  __m512i p, q, r, s;
  if (range.rectified) {
    p = multiply(bracket[0], a, bracket[0].positive), q = multiply(bracket[kB], b, bracket[kB].positive);
    r = multiply(bracket[kC], c, bracket[kC].positive), s = multiply(bracket[kD], d, bracket[kD].positive);
  } else {
    p = multiply_signed(bracket[0], a), q = multiply_signed(bracket[kB], b);
    r = multiply_signed(bracket[kC], c), s = multiply_signed(bracket[kD], d);
  }
  if (in_doubt(p, q, r, s, _mm512_set1_epi16(kWindow))) {
    const Columns all[4] = {columns[0], columns[kB], columns[kC], columns[kD]};
    return requantize64_exactly(a, b, c, d, all, range);
  }
  return pack_high_words(range, p, q, r, s);
}

// The same for columns that follow each other: those of bracket i begin at i * 16.
template <int kVectors>
static inline __m512i requantize64(const Bracket512 bracket[kVectors], __m512i a, __m512i b, __m512i c, __m512i d,
                                   const int32_t* multiplier, const int32_t* shift, const Int8Range512& range) {
  Columns columns[kVectors];
  SINTER_UNROLL
  for (int i = 0; i < kVectors; ++i) columns[i] = {multiplier + i * 16, shift + i * 16};
  return requantize64<kVectors>(bracket, a, b, c, d, columns, range);
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
