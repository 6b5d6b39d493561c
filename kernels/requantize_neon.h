// requantize.h for four accumulators at a time, bit for bit.
#pragma once

#include <arm_neon.h>
#include <stdint.h>

namespace sinter {

// multiply_by_quantized_multiplier of four columns.
static inline int32x4_t rescale(int32x4_t x, const int32_t* multiplier, const int32_t* shift) {
  const int32x4_t s = vld1q_s32(shift), bits = vdupq_n_s32(31);
  const uint32x4_t is_left = vcgtq_s32(s, vdupq_n_s32(0));
  const int32x4_t left = vandq_s32(vandq_s32(s, bits), vreinterpretq_s32_u32(is_left));
  const int32x4_t right = vbicq_s32(vandq_s32(vnegq_s32(s), bits), vreinterpretq_s32_u32(is_left));
  const int32x4_t high = vqrdmulhq_s32(vshlq_s32(x, left), vld1q_s32(multiplier));
  // Halves away from zero: the rounding shift takes them up, so negative values that are shifted go down by one before.
  const int32x4_t shifted = vreinterpretq_s32_u32(vcgtq_s32(right, vdupq_n_s32(0)));
  const int32x4_t nudge = vandq_s32(vshrq_n_s32(high, 31), shifted);
  return vrshlq_s32(vqaddq_s32(high, nudge), vnegq_s32(right));
}

// Eight rescaled accumulators as int8; the zero point's addition wraps.
static inline int8x8_t pack_s8(int32x4_t low, int32x4_t high, int32_t zero, int32_t least, int32_t most) {
  const int32x4_t offset = vdupq_n_s32(zero);
  const int16x8_t words = vcombine_s16(vqmovn_s32(vaddq_s32(low, offset)), vqmovn_s32(vaddq_s32(high, offset)));
  const int8x8_t bytes = vqmovn_s16(words);
  return vmin_s8(vmax_s8(bytes, vdup_n_s8(static_cast<int8_t>(least))), vdup_n_s8(static_cast<int8_t>(most)));
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

}  // namespace sinter
