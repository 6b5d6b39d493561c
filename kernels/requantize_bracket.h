// How wide x86 kernels requantise in float32 without giving up a bit.
//
// For s = -shift in 1..31 both roundings of requantize.h are one: with p = x * multiplier,
//   floor((floor((p + 2^30) / 2^31) + 2^(s-1) - [x < 0]) / 2^s) = floor((p + 2^30 + 2^(s+30) - [x < 0] * 2^31) / 2^(s+31)),
// since floors of quotients nest. With v = p * 2^-(31 + s), the result is
//   floor(r), where r = v + zero + 1/2 + 2^-(s+1) for x >= 0 and r = v + zero + 1/2 - 2^-(s+1) for x < 0.
// Kernels compute 2^16 * r as an integer t, a little too large. Where its low word is at least kWindow, its high word is the
// result; where others are in doubt, they are computed step by step.
//
// Proof. A kernel rounds fma(float(x), scale, constant) to the nearest integer, where scale = 2^(-15 - s) * float(multiplier) and
// constant = 2^16 * (zero + 1/2 +- 2^-(s+1)) + kMargin. Let u = 2^-24, the relative error of one rounding to float32.
// If |v| > 256, |r| > 128.2 and t is off by less than 8u * 2^16 * |v|: both saturate, unless t leaves int32 and becomes the least
// one, whose low word is 0. Else the roundings of x and of the multiplier put the product off by at most 2^24 * (2u + u^2). Numbers
// below 2^23 are rounded by at most 1/4: the constant is, and the last two roundings put t off by 1/4 + 1/2; if it is greater, r
// saturates but for 1/2 + 0. In all, t - 2^16 * r lies within 3 + 2^-23 of kMargin: above -1, so that the high word of t is never
// the lesser one, and below kWindow, so that it is the greater one only where the low word of t is below kWindow.
//
// Where no output is below the zero point, all accumulators below 0 give the least one, by the rule for x >= 0 too.
// Accumulators may come times a power of two, which the scale then takes out again: the error of rounding x is relative.
//
// Columns of other shifts, or of negative multipliers, get a NaN for the scale, which converts to the least int32. Columns whose
// multiplier is 0, as those that fill a panel up, are zero under any shift.
#pragma once

#include "requantize.h"

namespace sinter {

// Where a vector of columns has its multipliers and shifts.
struct Columns {
  const int32_t *multiplier, *shift;
};

constexpr float kMargin = 2.5f;
constexpr int16_t kWindow = 6;

// 2^16, 2^15.
constexpr float kWord = 0x1p16f, kHalfWord = 0x1p15f;

// Bits of a float32's exponent, to which a negative shift is added: of 2^(shift - 31), and of 2^(shift - 1), both times 2^16.
constexpr int kExponentBit = 23;
constexpr int32_t kScaleExponent = (127 - 31 + 16) << kExponentBit, kNudgeExponent = (127 - 1 + 16) << kExponentBit;

// Calls settle(vector, lane) for those of four vectors in doubt; a lane has 32 / kLanes bits of which the first tells.
template <int kLanes, class Settle>
static inline void for_each_doubtful(const uint32_t (&doubtful)[4], Settle settle) {
  for (int i = 0; i < 4; ++i) {
    for (uint32_t left = doubtful[i]; left != 0; left &= left - 1) settle(i, __builtin_ctz(left) * kLanes / 32);
  }
}

}  // namespace sinter
