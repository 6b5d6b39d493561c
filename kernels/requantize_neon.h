// requantize.h for four accumulators at a time, bit for bit.
#pragma once

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll.h"

namespace sinter {

// multiply_by_quantized_multiplier of four columns: `right` is negative, or zero.
struct Rescaler {
  int32x4_t multiplier, left, right;
};

static inline int32x4_t rescale(int32x4_t x, const Rescaler& by) {
  const int32x4_t high = vqrdmulhq_s32(vshlq_s32(x, by.left), by.multiplier);
  // Halves away from zero: the rounding shift takes them up, so negative values that are shifted go down by one before.
  return vrshlq_s32(vsraq_n_s32(high, vandq_s32(high, by.right), 31), by.right);
}

static inline Rescaler load_rescaler(const int32_t* multiplier, const int32_t* shift) {
  const int32x4_t s = vld1q_s32(shift), bits = vdupq_n_s32(31);
  const uint32x4_t is_left = vcgtq_s32(s, vdupq_n_s32(0));
  const int32x4_t left = vandq_s32(vandq_s32(s, bits), vreinterpretq_s32_u32(is_left));
  return {vld1q_s32(multiplier), left, vnegq_s32(vbicq_s32(vandq_s32(vnegq_s32(s), bits), vreinterpretq_s32_u32(is_left)))};
}

// One multiplier and shift for every lane, of values that are shifted left by `before` first.
static inline Rescaler load_rescaler(int32_t multiplier, int32_t shift, int32_t before) {
  const int32_t multipliers[4] = {multiplier, multiplier, multiplier, multiplier}, shifts[4] = {shift, shift, shift, shift};
  Rescaler by = load_rescaler(multipliers, shifts);
  by.left = vaddq_s32(by.left, vdupq_n_s32(before));
  return by;
}

// The same for shifts in -31..-1.
static inline int32x4_t rescale_down(int32x4_t x, int32x4_t multiplier, int32x4_t shift) {
  const int32x4_t high = vqrdmulhq_s32(x, multiplier);
  return vrshlq_s32(vsraq_n_s32(high, high, 31), shift);
}

// Eight rescaled accumulators as int8; the zero point's addition wraps.
static inline int8x8_t pack_s8(int32x4_t low, int32x4_t high, int32_t zero, int32_t least, int32_t most) {
  const int32x4_t offset = vdupq_n_s32(zero);
  const int16x8_t words = vcombine_s16(vqmovn_s32(vaddq_s32(low, offset)), vqmovn_s32(vaddq_s32(high, offset)));
  const int8x8_t bytes = vqmovn_s16(words);
  return vmin_s8(vmax_s8(bytes, vdup_n_s8(static_cast<int8_t>(least))), vdup_n_s8(static_cast<int8_t>(most)));
}

// The same of what rescale_down gives, which lies within 2^30: saturating to int16 before the zero point is added changes nothing.
static inline int8x8_t pack_down(int32x4_t low, int32x4_t high, int16x8_t zero, int8x8_t least, int8x8_t most) {
  const int16x8_t words = vqaddq_s16(vcombine_s16(vqmovn_s32(low), vqmovn_s32(high)), zero);
  return vmin_s8(vmax_s8(vqmovn_s16(words), least), most);
}

// Stores the first n of eight bytes, all if n >= 8, none if n <= 0.
static inline void store_s8(int8_t* y, int8x8_t values, int32_t n) {
  if (n >= 8) {
    vst1_s8(y, values);
    return;
  }
  int8_t all[8];
  vst1_s8(all, values);
  for (int32_t i = 0; i < n; ++i) y[i] = all[i];
}

// Whether shifts[i] of kVectors * 4 columns all lie in -31..-1.
template <int kVectors>
static inline bool shifts_down(const int32_t* shift) {
  uint32x4_t bad = vdupq_n_u32(0);
  SINTER_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    bad = vorrq_u32(bad, vcgeq_u32(vreinterpretq_u32_s32(vaddq_s32(vld1q_s32(shift + v * 4), vdupq_n_s32(31))), vdupq_n_u32(31)));
  }
  const uint32x2_t any = vorr_u32(vget_low_u32(bad), vget_high_u32(bad));
  return vget_lane_u64(vreinterpret_u64_u32(any), 0) == 0;
}

// Rows of kVectors * 4 accumulators as int8, `stride` apart, the first `columns` of each. Params has out_zero, out_min, out_max.
template <int kRows, int kVectors, class Params>
static inline __attribute__((always_inline)) void requantize_rows(const int32x4_t (&acc)[kRows][kVectors],
                                                                  const int32_t* multiplier, const int32_t* shift, const Params& p,
                                                                  int8_t* y, ptrdiff_t stride, int32_t columns) {
  // Rows cut short are stored whole here first, so that no accumulator outlives a call.
  int8_t all[kRows][kVectors * 4];
  const bool whole = columns >= kVectors * 4;
  int8_t* to = whole ? y : all[0];
  const ptrdiff_t step = whole ? stride : kVectors * 4;
  if (!shifts_down<kVectors>(shift)) {
    // A copy, so that the accumulators themselves stay in registers.
    int32x4_t sums[kRows][kVectors];
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      SINTER_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[row][v] = acc[row][v];
    }
    for (int row = 0; row < kRows; ++row) {
      SINTER_UNROLL
      for (int v = 0; v < kVectors; v += 2) {
        const int32x4_t low = rescale(sums[row][v], load_rescaler(multiplier + v * 4, shift + v * 4));
        const int32x4_t high = rescale(sums[row][v + 1], load_rescaler(multiplier + v * 4 + 4, shift + v * 4 + 4));
        vst1_s8(to + row * step + v * 4, pack_s8(low, high, p.out_zero, p.out_min, p.out_max));
      }
    }
  } else {
    const int16x8_t zero = vdupq_n_s16(static_cast<int16_t>(p.out_zero));
    const int8x8_t least = vdup_n_s8(static_cast<int8_t>(p.out_min)), most = vdup_n_s8(static_cast<int8_t>(p.out_max));
    SINTER_UNROLL
    for (int v = 0; v < kVectors; v += 2) {
      const int32x4_t factor[2] = {vld1q_s32(multiplier + v * 4), vld1q_s32(multiplier + v * 4 + 4)};
      const int32x4_t by[2] = {vld1q_s32(shift + v * 4), vld1q_s32(shift + v * 4 + 4)};
      int8_t* next = to + v * 4;
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row, next += step) {
        const int32x4_t low = rescale_down(acc[row][v], factor[0], by[0]), high = rescale_down(acc[row][v + 1], factor[1], by[1]);
        vst1_s8(next, pack_down(low, high, zero, least, most));
      }
    }
  }
  if (whole) return;
  for (int row = 0; row < kRows; ++row) {
    for (int32_t i = 0; i < columns; ++i) y[row * stride + i] = all[row][i];
  }
}

}  // namespace sinter
