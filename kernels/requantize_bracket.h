// How wide x86 kernels requantise in float32 without giving up a bit.
//
// For s = -shift in 1..31 both roundings of requantize.h are one (requantize_avx512.h): with v = x * multiplier * 2^-(31 + s),
//   result = floor(w + 1/2), where w = v + 2^-(s+1) for x >= 0 and v - 2^-(s+1) for x < 0.
// Kernels compute w twice, |v| once a little too large and once a little too small, and round both to the nearest integer. If the
// integers are equal, w rounds to the same one; if not, the accumulators take the exact way.
//
// Proof. Let u = 2^-24, the relative error of one rounding to float32. A kernel computes
//   t = fma(float(x), float(float(scale) * (1 +- 8u)), +-2^-(s+1))
// from a scale = multiplier * 2^-(31 + s). Three roundings before the last put the product off by less than 3.1u, and the nudge is
// exact. If |w| < 1/2, the smaller t is at most 1/2 and rounds to 0, as w does. Else |v| >= 1/4 >= 2^-(s+1), so that |w| <= 2|v|
// and the last rounding moves t by less than 2.1u|v|: the larger t lies strictly beyond w, the smaller strictly within. Where both
// round to the same integer, w lies strictly between two neighbouring halves and rounds to it by any rule for halves. No t leaves
// int32, since |v| <= 2^30.
//
// Accumulators may come times a power of two, which the scale then takes out again: every error above is relative.
//
// Columns of other shifts, or of negative multipliers, get a NaN for the larger scale, which converts to the least int32, and 0 for
// the smaller, so that they always differ. Columns whose multiplier is 0, as those that fill a panel up, are 0 under any shift.
#pragma once

#include <stdint.h>

namespace sinter {

// Where a vector of columns has its multipliers and shifts.
struct Columns {
  const int32_t *multiplier, *shift;
};

constexpr float kAbove = 1 + 0x1p-21f, kBelow = 1 - 0x1p-21f;

// Bits of a float32's exponent, to which a negative shift is added: of 2^(shift - 31), and of 2^(shift - 1).
constexpr int kExponentBit = 23;
constexpr int32_t kScaleExponent = (127 - 31) << kExponentBit, kNudgeExponent = (127 - 1) << kExponentBit;

}  // namespace sinter
