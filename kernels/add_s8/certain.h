// How x86 kernels add in float32 without giving up a bit.
//
// With f = multiplier * 2^(shift - 31), the law rounds w = S * f +- 2^(shift - 1) to the nearest integer (requantize_avx512.h),
// where S is the sum of both scaled operands. Each of them was rounded twice, by at most 1 in all, so that w lies within 2f +
// 2^(shift - 1) of
//   t = (a - a_zero) * a_factor + (b - b_zero) * b_factor,
// the factors being 2^20 * f times the operand's own multiplier. A kernel computes t as fma(a, a_factor, fma(b, b_factor,
// constant)): three roundings of factors and constant and two of sums, each below 2^-24 of 256 * (|a_factor| + |b_factor|). Where
// the result is nearer to an integer than 1/2 less all that, w rounds to the same integer; elsewhere the kernel takes the exact
// way.
#pragma once

#include "add_s8.h"

namespace sinter {

struct CertainSum {
  float a_factor, b_factor, constant;
  float reach;  // how far from an integer a sum may be; 0 where no sum is certain
};

// 2^exponent, which is in -1022..1023.
static inline double power_of_two(int32_t exponent) {
  const uint64_t bits = static_cast<uint64_t>(exponent + 1023) << 52;
  double power;
  __builtin_memcpy(&power, &bits, sizeof(power));
  return power;
}

static inline CertainSum certain_sum(const AddS8Params& p) {
  const bool inside = in_range(p.a_shift, -31, 0) && in_range(p.b_shift, -31, 0) && in_range(p.shift, -31, -1);
  if (!inside || p.multiplier < 0) return {0, 0, 0, 0};
  const double f = p.multiplier * power_of_two(p.shift - 31);
  const double a = f * p.a_multiplier * power_of_two(kAddLeftShift + p.a_shift - 31);
  const double b = f * p.b_multiplier * power_of_two(kAddLeftShift + p.b_shift - 31);
  const double size = 256 * ((a < 0 ? -a : a) + (b < 0 ? -b : b));
  const double reach = 0.5 - 2 * f - power_of_two(p.shift - 1) - (size * 5 + 1) * power_of_two(-24);
  return {static_cast<float>(a), static_cast<float>(b), static_cast<float>(-p.a_zero * a - p.b_zero * b),
          reach > 0 ? static_cast<float>(reach) : 0};
}

}  // namespace sinter
