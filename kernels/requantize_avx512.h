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
static inline __m512i multiply_signed(const Bracket512& b, __m512i acc) {
  const __mmask16 below = _mm512_cmplt_epi32_mask(acc, _mm512_setzero_si512());
  return multiply(b, acc, _mm512_mask_mov_ps(b.positive, below, b.negative));
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

// The high words as int8, four of each vector in every quarter.
static inline __m512i pack_quarters(const Int8Range512& range, const Words512& w) {
  const __m512i order = _mm512_set_epi16(63, 61, 59, 57, 31, 29, 27, 25, 55, 53, 51, 49, 23, 21, 19, 17, 47, 45, 43, 41, 15, 13, 11,
                                         9, 39, 37, 35, 33, 7, 5, 3, 1);
  const __m512i low = _mm512_permutex2var_epi16(w.p, order, w.q), high = _mm512_permutex2var_epi16(w.r, order, w.s);
  return _mm512_min_epi8(_mm512_max_epi8(_mm512_packs_epi16(low, high), range.low_bytes), range.high_bytes);
}

// The high words, in order, as int8.
static inline __m512i pack_s8(const Int8Range512& range, const Words512& w) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_permutexvar_epi32(order, pack_quarters(range, w));
}

// Calls settle(vector, lane) for the results in doubt.
template <class Settle>
static inline void settle_doubtful(const Words512& w, __m512i window, Settle settle) {
  const uint32_t masks[4] = {doubtful(w.p, window), doubtful(w.q, window), doubtful(w.r, window), doubtful(w.s, window)};
  for_each_doubtful<16>(masks, settle);
}

// Words and range come one by one, since structs would be stored before every call that might be.
__attribute__((noinline, cold)) static inline __m512i requantize64_settled(__m512i a, __m512i b, __m512i c, __m512i d, __m512i p,
                                                                           __m512i q, __m512i r, __m512i s,
                                                                           const Columns columns[4], int32_t zero, int32_t least,
                                                                           int32_t most) {
  const Int8Range512 range = int8_range512(zero, least, most);
  alignas(64) int32_t acc[4][16];
  alignas(64) int8_t bytes[64];
  _mm512_store_si512(acc[0], a);
  _mm512_store_si512(acc[1], b);
  _mm512_store_si512(acc[2], c);
  _mm512_store_si512(acc[3], d);
  _mm512_store_si512(bytes, pack_s8(range, {p, q, r, s}));
  settle_doubtful({p, q, r, s}, _mm512_set1_epi16(kWindow), [&](int i, int lane) {
    bytes[16 * i + lane] =
        requantize(acc[i][lane], columns[i].multiplier[lane], columns[i].shift[lane], range.zero, range.low, range.high);
  });
  return _mm512_load_si512(bytes);
}

// requantize() of four vectors of accumulators, as 64 bytes in order; vector i has bracket and columns i % kVectors.
template <int kVectors, int kFraction = 0>
static inline __m512i requantize64(const Bracket512 bracket[kVectors], __m512i a, __m512i b, __m512i c, __m512i d,
                                   const Columns columns[kVectors], const Int8Range512& range) {
  const Words512 w = multiply<kVectors>(bracket, a, b, c, d, range);
  if (any_doubtful(w, _mm512_set1_epi16(kWindow))) {
    const Columns all[4] = {columns[0], columns[1 % kVectors], columns[2 % kVectors], columns[3 % kVectors]};
    const auto whole = [](__m512i acc) { return _mm512_srai_epi32(acc, kFraction); };
    return requantize64_settled(whole(a), whole(b), whole(c), whole(d), w.p, w.q, w.r, w.s, all, range.zero, range.low, range.high);
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

__attribute__((noinline, cold)) static inline __m512i requantize_columns_settled(__m512i a, __m512i b, __m512i c, __m512i d,
                                                                                 __m512i p, __m512i q, __m512i r, __m512i s,
                                                                                 const int32_t* multiplier, const int32_t* shift,
                                                                                 const Int8Range512& range) {
  alignas(64) int32_t acc[4][16];
  alignas(64) int8_t bytes[4][4][4];
  _mm512_store_si512(acc[0], a);
  _mm512_store_si512(acc[1], b);
  _mm512_store_si512(acc[2], c);
  _mm512_store_si512(acc[3], d);
  _mm512_store_si512(bytes, pack_quarters(range, {p, q, r, s}));
  settle_doubtful({p, q, r, s}, _mm512_set1_epi16(kWindow), [&](int i, int lane) {
    bytes[lane / 4][i][lane % 4] = requantize(acc[i][lane], multiplier[i], shift[i], range.zero, range.low, range.high);
  });
  return _mm512_load_si512(bytes);
}

// requantize() of four vectors, of one column each from `column` on, as pack_quarters() gives them.
static inline __m512i requantize_columns(const ColumnBrackets& brackets, ptrdiff_t column, __m512i a, __m512i b, __m512i c,
                                         __m512i d, const int32_t* multiplier, const int32_t* shift, const Int8Range512& range) {
  Bracket512 bracket[4];
  SINTER_UNROLL
  for (int i = 0; i < 4; ++i) {
    bracket[i] = {_mm512_set1_ps(brackets.scale[column + i]), _mm512_set1_ps(brackets.positive[column + i]),
                  _mm512_set1_ps(brackets.negative[column + i])};
  }
  const Words512 w = multiply<4>(bracket, a, b, c, d, range);
  if (any_doubtful(w, _mm512_set1_epi16(kWindow))) {
    return requantize_columns_settled(a, b, c, d, w.p, w.q, w.r, w.s, multiplier + column, shift + column, range);
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
