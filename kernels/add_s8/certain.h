// How x86 kernels add in fixed point without giving up a bit.
//
// With f = multiplier * 2^(shift - 31), the law gives floor(S * f +- 2^(shift - 1) + zero + 1/2) (requantize_avx512.h), where S is
// the sum of both scaled operands. Each of them was rounded twice, by at most 1 in all, so that the law's number lies within
// 2f + 2^(shift - 1) of
//   r = (a - a_zero) * a_real + (b - b_zero) * b_real + zero + 1/2,
// the reals being 2^20 * f times the operand's own multiplier. A kernel computes
//   t = a * a_factor + b * b_factor + constant
// in int32, in units of 2^-(16 + shift), with factors rounded to integers: t is within `off` of the law's number and a constant,
// which makes it the greater one by 0 to 2 * off. Where the low word of t >> shift is at least `window`, the high word is the
// result; elsewhere the kernel takes the exact way.
//
// Factors have two digits, high * 256 + low, low in -128..127, for the words 256 * a and a: products of words, two to a sum.
#pragma once

#include "add_s8.h"

namespace sinter {

struct CertainSum {
  int32_t high, low;  // digits, as words: a's, then b's
  int32_t constant, shift;
  uint16_t window;
};

// 2^exponent, which is in -1022..1023.
static inline double power_of_two(int32_t exponent) {
  const uint64_t bits = static_cast<uint64_t>(exponent + 1023) << 52;
  double power;
  __builtin_memcpy(&power, &bits, sizeof(power));
  return power;
}

static inline double magnitude(double x) { return x < 0 ? -x : x; }
static inline int32_t nearest(double x) { return static_cast<int32_t>(x < 0 ? x - 0.5 : x + 0.5); }
static inline int32_t words(int32_t a, int32_t b) { return static_cast<int32_t>((static_cast<uint32_t>(b) << 16) | (a & 0xffff)); }

static inline CertainSum certain_sum(const AddS8Params& p) {
  constexpr CertainSum kNever = {0, 0, 0, 0, 1};
  const bool inside = in_range(p.a_shift, -31, 0) && in_range(p.b_shift, -31, 0) && in_range(p.shift, -31, -1);
  if (!inside || p.multiplier < 0) return kNever;
  const double f = p.multiplier * power_of_two(p.shift - 31);
  const double a = f * p.a_multiplier * power_of_two(kAddLeftShift + p.a_shift - 31);
  const double b = f * p.b_multiplier * power_of_two(kAddLeftShift + p.b_shift - 31);
  // The finest unit in which sums of any bytes fit int32, and factors two digits.
  const double size = 256 * (magnitude(a) + magnitude(b)) + 130;
  int32_t shift = 7;
  while (shift >= 0 && size * power_of_two(16 + shift) >= power_of_two(31)) --shift;
  if (shift < 0) return kNever;
  const double one = power_of_two(16 + shift);
  const int32_t a_factor = nearest(a * one), b_factor = nearest(b * one);
  const double off =
      128 * (magnitude(a * one - a_factor) + magnitude(b * one - b_factor)) + (2 * f + power_of_two(p.shift - 1)) * one + 1;
  if (2 * off >= one) return kNever;
  const int32_t a_high = (a_factor + 128) >> 8, b_high = (b_factor + 128) >> 8;
  return {words(a_high, b_high), words(a_factor - a_high * 256, b_factor - b_high * 256),
          nearest((p.out_zero + 0.5 - p.a_zero * a - p.b_zero * b) * one + off), shift,
          static_cast<uint16_t>((static_cast<int32_t>(2 * off) >> shift) + 1)};
}

}  // namespace sinter
