// requantize.h for eight accumulators at a time, bit for bit.
#pragma once

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "requantize_bracket.h"
#include "unroll.h"

namespace sinter {

// The output's zero point and range.
struct Int8Range {
  int32_t zero, low, high;
  __m256i low_bytes, high_bytes;
};

static inline Int8Range int8_range(int32_t zero, int32_t low, int32_t high) {
  return {zero, low, high, _mm256_set1_epi8(static_cast<char>(low)), _mm256_set1_epi8(static_cast<char>(high))};
}

// The multipliers and shifts of eight columns for requantize32(): requantize_bracket.h. Accumulators come times 2^kFraction.
struct Bracket {
  __m256 scale, positive, negative;  // constants of accumulators from 0 on, and of those below
};

template <int kFraction = 0>
static inline Bracket load_bracket(const int32_t* multiplier, const int32_t* shift, const Int8Range& range) {
  const __m256i m = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(multiplier));
  const __m256i s = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(shift));
  const __m256i clipped = _mm256_max_epi32(_mm256_min_epi32(s, _mm256_set1_epi32(-1)), _mm256_set1_epi32(-31));
  const __m256i zero = _mm256_setzero_si256();
  const __m256i inside = _mm256_or_si256(_mm256_cmpeq_epi32(s, clipped), _mm256_cmpeq_epi32(m, zero));
  const __m256i refused = _mm256_or_si256(_mm256_xor_si256(inside, _mm256_set1_epi32(-1)), _mm256_cmpgt_epi32(zero, m));
  const __m256i exponent = _mm256_slli_epi32(clipped, kExponentBit);
  const __m256 power =
      _mm256_castsi256_ps(_mm256_add_epi32(exponent, _mm256_set1_epi32(kScaleExponent - (kFraction << kExponentBit))));
  const __m256 nudge = _mm256_castsi256_ps(_mm256_add_epi32(exponent, _mm256_set1_epi32(kNudgeExponent)));
  const __m256 scale = _mm256_mul_ps(_mm256_cvtepi32_ps(m), power);
  const __m256 half = _mm256_set1_ps(static_cast<float>(range.zero) * kWord + (kHalfWord + kMargin));
  return {_mm256_or_ps(scale, _mm256_castsi256_ps(refused)), _mm256_add_ps(half, nudge), _mm256_sub_ps(half, nudge)};
}

// Four vectors of results: high words, and low words that tell which of them are in doubt.
struct Words256 {
  __m256i p, q, r, s;
};

static inline __m256i multiply(const Bracket& b, __m256i acc, __m256 constant) {
  return _mm256_cvtps_epi32(_mm256_fmadd_ps(_mm256_cvtepi32_ps(acc), b.scale, constant));
}
static inline __m256i multiply_signed(const Bracket& b, __m256i acc) {
  return multiply(b, acc, _mm256_blendv_ps(b.positive, b.negative, _mm256_castsi256_ps(acc)));
}

template <int kVectors>
static inline Words256 multiply(const Bracket bracket[kVectors], __m256i a, __m256i b, __m256i c, __m256i d,
                                const Int8Range& range) {
  const Bracket &e = bracket[0], &f = bracket[1 % kVectors], &g = bracket[2 % kVectors], &h = bracket[3 % kVectors];
  if (range.low >= range.zero) {
    return {multiply(e, a, e.positive), multiply(f, b, f.positive), multiply(g, c, g.positive), multiply(h, d, h.positive)};
  }
  return {multiply_signed(e, a), multiply_signed(f, b), multiply_signed(g, c), multiply_signed(h, d)};
}

// The low words that are less than `window`, which is not 0, all bits set, and high words.
static inline __m256i below(__m256i t, uint16_t window) {
  return _mm256_cmpeq_epi16(_mm256_min_epu16(t, _mm256_set1_epi16(static_cast<int16_t>(window - 1))), t);
}

// The low words less than `window`: bits 4i.
static inline uint32_t doubtful(__m256i t, uint16_t window) {
  return static_cast<uint32_t>(_mm256_movemask_epi8(below(t, window))) & 0x11111111;
}

static inline bool any_doubtful(const Words256& w, uint16_t window) {
  const __m256i least = _mm256_min_epu16(_mm256_min_epu16(w.p, w.q), _mm256_min_epu16(w.r, w.s));
  const __m256i missing = _mm256_subs_epu16(_mm256_set1_epi32(window), least);  // of high words none
  return __builtin_expect(_mm256_testz_si256(missing, missing) == 0, 0);
}

// The high words as int8, in order within each half.
static inline __m256i pack_halves(const Int8Range& range, const Words256& w) {
  const __m256i low = _mm256_blend_epi16(_mm256_srli_epi32(w.p, 16), w.q, 0xAA);
  const __m256i high = _mm256_blend_epi16(_mm256_srli_epi32(w.r, 16), w.s, 0xAA);
  const __m256i pairs =
      _mm256_setr_epi8(0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15, 0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15);
  const __m256i bytes = _mm256_shuffle_epi8(_mm256_packs_epi16(low, high), pairs);
  return _mm256_min_epi8(_mm256_max_epi8(bytes, range.low_bytes), range.high_bytes);
}

// The high words, in order, as int8.
static inline __m256i pack_s8(const Int8Range& range, const Words256& w) {
  return _mm256_permutevar8x32_epi32(pack_halves(range, w), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

// Calls settle(vector, lane) for the results in doubt.
template <class Settle>
static inline void settle_doubtful(const Words256& w, uint16_t window, Settle settle) {
  const uint32_t masks[4] = {doubtful(w.p, window), doubtful(w.q, window), doubtful(w.r, window), doubtful(w.s, window)};
  for_each_doubtful<8>(masks, settle);
}

// The words come one by one, since as a struct they would be stored before every call that might be.
__attribute__((noinline, cold)) static inline __m256i requantize32_settled(__m256i a, __m256i b, __m256i c, __m256i d, __m256i p,
                                                                           __m256i q, __m256i r, __m256i s,
                                                                           const Columns columns[4], const Int8Range& range) {
  alignas(32) int32_t acc[4][8];
  alignas(32) int8_t bytes[32];
  _mm256_store_si256(reinterpret_cast<__m256i*>(acc[0]), a);
  _mm256_store_si256(reinterpret_cast<__m256i*>(acc[1]), b);
  _mm256_store_si256(reinterpret_cast<__m256i*>(acc[2]), c);
  _mm256_store_si256(reinterpret_cast<__m256i*>(acc[3]), d);
  _mm256_store_si256(reinterpret_cast<__m256i*>(bytes), pack_s8(range, {p, q, r, s}));
  settle_doubtful({p, q, r, s}, kWindow, [&](int i, int lane) {
    bytes[8 * i + lane] =
        requantize(acc[i][lane], columns[i].multiplier[lane], columns[i].shift[lane], range.zero, range.low, range.high);
  });
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(bytes));
}

// requantize() of four vectors of accumulators, as 32 bytes in order; vector i has bracket and columns i % kVectors.
template <int kVectors, int kFraction = 0>
static inline __attribute__((always_inline)) __m256i requantize32(const Bracket bracket[kVectors], __m256i a, __m256i b, __m256i c,
                                                                  __m256i d, const Columns columns[kVectors],
                                                                  const Int8Range& range) {
  const Words256 w = multiply<kVectors>(bracket, a, b, c, d, range);
  if (any_doubtful(w, kWindow)) {
    const Columns all[4] = {columns[0], columns[1 % kVectors], columns[2 % kVectors], columns[3 % kVectors]};
    const auto whole = [](__m256i acc) { return _mm256_srai_epi32(acc, kFraction); };
    return requantize32_settled(whole(a), whole(b), whole(c), whole(d), w.p, w.q, w.r, w.s, all, range);
  }
  return pack_s8(range, w);
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
// columns or four of 8. bracket: of each half.
template <int kRows, int kHalves>
static inline void requantize_rows(const __m256i acc[kRows][kHalves], const Bracket bracket[kHalves], const int32_t* multiplier,
                                   const int32_t* shift, const Int8Range& range, int8_t* y, ptrdiff_t step, int32_t columns) {
  constexpr int kTogether = 4 / kHalves;
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
