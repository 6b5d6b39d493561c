// NEON under one name for AArch64 and ARMv7, where its instructions on the upper half of a vector, and its ways to load, differ.
#pragma once

#include <arm_neon.h>

namespace sinter {

#if defined(__aarch64__)
// Narrowed with saturation, a in the lower half.
static inline int16x8_t narrow(int32x4_t a, int32x4_t b) { return vqmovn_high_s32(vqmovn_s32(a), b); }
static inline int8x16_t narrow(int16x8_t a, int16x8_t b) { return vqmovn_high_s16(vqmovn_s16(a), b); }
static inline uint8x16_t narrow_unsigned(int16x8_t a, int16x8_t b) { return vqmovun_high_s16(vqmovun_s16(a), b); }
static inline int16x8_t mull_high(int8x16_t a, int8x16_t b) { return vmull_high_s8(a, b); }
static inline int16x8_t mlal_high(int16x8_t t, int8x16_t a, int8x16_t b) { return vmlal_high_s8(t, a, b); }
static inline int32x4_t addw_high(int32x4_t t, int16x8_t a) { return vaddw_high_s16(t, a); }
// Two pairs of bytes, each in all lanes of a vector.
static inline int8x16x2_t load_pairs(const int8_t* x) {
  const int16x8x2_t both = vld2q_dup_s16(reinterpret_cast<const int16_t*>(x));
  return {{vreinterpretq_s8_s16(both.val[0]), vreinterpretq_s8_s16(both.val[1])}};
}
static inline void store_high(int8_t* y, int8x16_t x) { vst1q_lane_s64(reinterpret_cast<int64_t*>(y), vreinterpretq_s64_s8(x), 1); }
#else
static inline int16x8_t narrow(int32x4_t a, int32x4_t b) { return vcombine_s16(vqmovn_s32(a), vqmovn_s32(b)); }
static inline int8x16_t narrow(int16x8_t a, int16x8_t b) { return vcombine_s8(vqmovn_s16(a), vqmovn_s16(b)); }
static inline uint8x16_t narrow_unsigned(int16x8_t a, int16x8_t b) { return vcombine_u8(vqmovun_s16(a), vqmovun_s16(b)); }
static inline int16x8_t mull_high(int8x16_t a, int8x16_t b) { return vmull_s8(vget_high_s8(a), vget_high_s8(b)); }
static inline int16x8_t mlal_high(int16x8_t t, int8x16_t a, int8x16_t b) { return vmlal_s8(t, vget_high_s8(a), vget_high_s8(b)); }
static inline int32x4_t addw_high(int32x4_t t, int16x8_t a) { return vaddw_s16(t, vget_high_s16(a)); }
static inline int8x16x2_t load_pairs(const int8_t* x) {
  const int16x4x2_t both = vld2_dup_s16(reinterpret_cast<const int16_t*>(x));
  const int8x8_t first = vreinterpret_s8_s16(both.val[0]), second = vreinterpret_s8_s16(both.val[1]);
  return {{vcombine_s8(first, first), vcombine_s8(second, second)}};
}
static inline void store_high(int8_t* y, int8x16_t x) { vst1_s8(y, vget_high_s8(x)); }
#endif

// Whether any bit is set.
static inline bool any(uint8x16_t x) {
  const uint8x8_t half = vorr_u8(vget_low_u8(x), vget_high_u8(x));
  return vget_lane_u64(vreinterpret_u64_u8(half), 0) != 0;
}

}  // namespace sinter
