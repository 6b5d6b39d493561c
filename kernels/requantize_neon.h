// requantize.h for four accumulators at a time, bit for bit.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "neon.h"
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

// Eight rescaled accumulators as int8; the zero point's addition wraps.
static inline int8x8_t pack_s8(int32x4_t low, int32x4_t high, int32_t zero, int32_t least, int32_t most) {
  const int32x4_t offset = vdupq_n_s32(zero);
  const int16x8_t words = narrow(vaddq_s32(low, offset), vaddq_s32(high, offset));
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

// What is known of the columns of a layer.
enum class Rescaling {
  kAny,
  kDown,      // all shifts lie in -31..-1, so that rescaled values lie within 2^30
  kPositive,  // besides, the zero point is the least output: it does not matter what becomes of values below 0
};

// Params has out_zero, out_min, out_max; `columns` is a multiple of four. A multiplier of 0, as that of columns which fill a panel
// up, gives 0 under any shift.
template <class Params>
static inline Rescaling rescaling(const Params& p, const int32_t* multiplier, const int32_t* shift, int32_t columns) {
  int32x4_t least = vdupq_n_s32(-1), most = least;
  for (int32_t c = 0; c < columns; c += 4) {
    const uint32x4_t unused = vceqq_s32(vld1q_s32(multiplier + c), vdupq_n_s32(0));
    const int32x4_t used = vorrq_s32(vld1q_s32(shift + c), vreinterpretq_s32_u32(unused));
    least = vminq_s32(least, used);
    most = vmaxq_s32(most, used);
  }
  const uint32x4_t bad = vorrq_u32(vcltq_s32(least, vdupq_n_s32(-31)), vcgtq_s32(most, vdupq_n_s32(-1)));
  if (any(vreinterpretq_u8_u32(bad))) return Rescaling::kAny;
  return p.out_min == p.out_zero ? Rescaling::kPositive : Rescaling::kDown;
}

// Rescales accumulators under shifts in -31..-1; kPositive: as Rescaling::kPositive states.
template <bool kPositive>
class RescaleDown {
 public:
  template <class Params>
  explicit __attribute__((always_inline)) RescaleDown(const Params& p)
      : zero_(vdupq_n_s16(static_cast<int16_t>(p.out_zero))),
        least_(vdupq_n_s8(static_cast<int8_t>(p.out_min))),
        most_(vdupq_n_s8(static_cast<int8_t>(p.out_max))),
        room_(vdupq_n_u8(static_cast<uint8_t>(p.out_max - p.out_zero))),
        base_(vdupq_n_u8(static_cast<uint8_t>(p.out_zero))) {}

  static __attribute__((always_inline)) int32x4_t rescale(int32x4_t x, int32x4_t multiplier, int32x4_t shift) {
    const int32x4_t high = vqrdmulhq_s32(x, multiplier);
    return vrshlq_s32(kPositive ? high : vsraq_n_s32(high, high, 31), shift);
  }

  // Rescaled values as int8. Saturating to int16 before the zero point is added changes nothing.
  __attribute__((always_inline)) int8x8_t pack(int32x4_t a, int32x4_t b) const {
    const int16x8_t words = narrow(a, b);
    if constexpr (kPositive) {
      return vreinterpret_s8_u8(vadd_u8(vmin_u8(vqmovun_s16(words), vget_low_u8(room_)), vget_low_u8(base_)));
    }
    return vmin_s8(vmax_s8(vqmovn_s16(vqaddq_s16(words, zero_)), vget_low_s8(least_)), vget_low_s8(most_));
  }

  __attribute__((always_inline)) int8x16_t pack(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d) const {
    const int16x8_t low = narrow(a, b), high = narrow(c, d);
    if constexpr (kPositive) {
      return vreinterpretq_s8_u8(vaddq_u8(vminq_u8(narrow_unsigned(low, high), room_), base_));
    }
    const int8x16_t bytes = narrow(vqaddq_s16(low, zero_), vqaddq_s16(high, zero_));
    return vminq_s8(vmaxq_s8(bytes, least_), most_);
  }

 private:
  const int16x8_t zero_;
  const int8x16_t least_, most_;
  const uint8x16_t room_, base_;
};

// Stores rows of kVectors * 4 accumulators, `stride` apart.
template <bool kPositive, int kRows, int kVectors, class Params>
static inline __attribute__((always_inline)) void store_rescaled(const int32x4_t (&acc)[kRows][kVectors], const int32_t* multiplier,
                                                                 const int32_t* shift, const Params& p, int8_t* y,
                                                                 ptrdiff_t stride) {
  const RescaleDown<kPositive> down(p);
  SINTER_UNROLL
  for (int first = 0; first < kVectors; first += 4) {
    constexpr int kCount = kVectors < 4 ? kVectors : 4;
    int32x4_t factor[kCount], by[kCount];
    SINTER_UNROLL
    for (int v = 0; v < kCount; ++v) {
      factor[v] = vld1q_s32(multiplier + (first + v) * 4);
      by[v] = vld1q_s32(shift + (first + v) * 4);
    }
    int8_t* to = y + first * 4;
    if constexpr (kCount == 4) {
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row, to += stride) {
        int32x4_t x[4];
        SINTER_UNROLL
        for (int v = 0; v < 4; ++v) x[v] = down.rescale(acc[row][first + v], factor[v], by[v]);
        vst1q_s8(to, down.pack(x[0], x[1], x[2], x[3]));
      }
    } else {
      int row = 0;
      SINTER_UNROLL
      for (; row + 2 <= kRows; row += 2, to += 2 * stride) {
        const int32x4_t a = down.rescale(acc[row][0], factor[0], by[0]), b = down.rescale(acc[row][1], factor[1], by[1]);
        const int32x4_t c = down.rescale(acc[row + 1][0], factor[0], by[0]), d = down.rescale(acc[row + 1][1], factor[1], by[1]);
        const int8x16_t bytes = down.pack(a, b, c, d);
        vst1_s8(to, vget_low_s8(bytes));
        store_high(to + stride, bytes);
      }
      if constexpr (kRows % 2 != 0) {
        const int32x4_t a = down.rescale(acc[kRows - 1][0], factor[0], by[0]);
        vst1_s8(to, down.pack(a, down.rescale(acc[kRows - 1][1], factor[1], by[1])));
      }
    }
  }
}

// Copies the first `columns` of rows.
template <int kRows, int kWidth>
static inline __attribute__((always_inline)) void copy_columns(const int8_t (&from)[kRows][kWidth], int8_t* y, ptrdiff_t stride,
                                                               int32_t columns) {
  int32_t at = 0;
  SINTER_UNROLL
  for (int32_t n = kWidth / 2; n > 0; n /= 2) {
    if ((columns & n) == 0) continue;
    int8_t* to = y + at;
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row, to += stride) __builtin_memcpy(to, from[row] + at, static_cast<size_t>(n));
    at += n;
  }
}

// Rows of kVectors * 4 accumulators as int8, `stride` apart, the first `columns` of each, which are rescaled as `how` states.
template <int kRows, int kVectors, class Params>
static inline __attribute__((always_inline)) void requantize_rows(const int32x4_t (&acc)[kRows][kVectors],
                                                                  const int32_t* multiplier, const int32_t* shift, const Params& p,
                                                                  Rescaling how, int8_t* y, ptrdiff_t stride, int32_t columns) {
  // Rows cut short are stored whole here first, so that no accumulator outlives a call.
  int8_t all[kRows][kVectors * 4];
  const bool whole = columns >= kVectors * 4;
  int8_t* to = whole ? y : all[0];
  const ptrdiff_t step = whole ? stride : kVectors * 4;
  if (how == Rescaling::kPositive) {
    store_rescaled<true>(acc, multiplier, shift, p, to, step);
  } else if (how == Rescaling::kDown) {
    store_rescaled<false>(acc, multiplier, shift, p, to, step);
  } else {
    // A copy, so that the accumulators themselves stay in registers.
    int32x4_t sums[kRows][kVectors];
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      SINTER_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[row][v] = acc[row][v];
    }
    for (int row = 0; row < kRows; ++row) {
      for (int v = 0; v < kVectors; v += 2) {
        const int32x4_t low = rescale(sums[row][v], load_rescaler(multiplier + v * 4, shift + v * 4));
        const int32x4_t high = rescale(sums[row][v + 1], load_rescaler(multiplier + v * 4 + 4, shift + v * 4 + 4));
        vst1_s8(to + row * step + v * 4, pack_s8(low, high, p.out_zero, p.out_min, p.out_max));
      }
    }
  }
  if (!whole) copy_columns(all, y, stride, columns);
}

// The same, of columns of which nothing is known.
template <int kRows, int kVectors, class Params>
static inline __attribute__((always_inline)) void requantize_rows(const int32x4_t (&acc)[kRows][kVectors],
                                                                  const int32_t* multiplier, const int32_t* shift, const Params& p,
                                                                  int8_t* y, ptrdiff_t stride, int32_t columns) {
  requantize_rows(acc, multiplier, shift, p, rescaling(p, multiplier, shift, kVectors * 4), y, stride, columns);
}

}  // namespace sinter
