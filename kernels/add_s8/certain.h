// How kernels with vectors add in fixed point without giving up a bit.
//
// With f = multiplier * 2^(shift - 31), the law gives floor(S * f +- 2^(shift - 1) + zero + 1/2) (requantize_avx512.h), where S is
// the sum of both scaled operands. Each of them was rounded twice, by at most 1 in all, so that the law's number lies within
// 2f + 2^(shift - 1) of
//   r = (a - a_zero) * a_real + (b - b_zero) * b_real + zero + 1/2,
// the reals being 2^20 * f times the operand's own multiplier. A kernel computes
//   t = a * a_factor + b * b_factor + constant
// in int32, in units of 2^-(16 + shift), with factors rounded to integers: t is within `off` of the law's number and a constant,
// which makes it the greater one by 0 to 2 * off. Where t and t - (2 * off + 1) have the same integer, that is the result;
// elsewhere the kernel takes the exact way. On x86 it looks whether the low word of t >> shift is at least `window`.
//
// There factors have two digits, high * 256 + low, low in -128..127, for the words 256 * a and a: products of words, two to a sum.
#pragma once

#include "add_s8.h"

namespace sinter {

// The factors and the constant of t, of which 2 * off + 1 is taken for doubt, and the shift; a negative shift: the exact way only.
struct FixedSum {
  int32_t a, b, constant, doubt, shift;
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

// With the finest unit, of shifts from `most` down to `least`, in which sums of any bytes fit int32.
static inline FixedSum fixed_sum(const AddS8Params& p, int32_t most, int32_t least) {
  constexpr FixedSum kNever = {0, 0, 0, 0, -1};
  const bool inside = in_range(p.a_shift, -31, 0) && in_range(p.b_shift, -31, 0) && in_range(p.shift, -31, -1);
  if (!inside || p.multiplier < 0) return kNever;
  const double f = p.multiplier * power_of_two(p.shift - 31);
  const double a = f * p.a_multiplier * power_of_two(kAddLeftShift + p.a_shift - 31);
  const double b = f * p.b_multiplier * power_of_two(kAddLeftShift + p.b_shift - 31);
  const double size = 256 * (magnitude(a) + magnitude(b)) + 130;
  int32_t shift = most;
  while (shift >= least && size * power_of_two(16 + shift) >= power_of_two(31)) --shift;
  if (shift < least) return kNever;
  const double one = power_of_two(16 + shift);
  const int32_t a_factor = nearest(a * one), b_factor = nearest(b * one);
  const double off =
      128 * (magnitude(a * one - a_factor) + magnitude(b * one - b_factor)) + (2 * f + power_of_two(p.shift - 1)) * one + 1;
  if (2 * off >= one) return kNever;
  const int32_t constant = nearest((p.out_zero + 0.5 - p.a_zero * a - p.b_zero * b) * one + off);
  return {a_factor, b_factor, constant, static_cast<int32_t>(2 * off) + 1, shift};
}

struct CertainSum {
  int32_t high, low;  // digits, as words: a's, then b's
  int32_t constant, shift;
  uint16_t window;
};

// Factors in two digits.
static inline CertainSum certain_sum(const AddS8Params& p) {
  const FixedSum sum = fixed_sum(p, 7, 0);
  if (sum.shift < 0) return {0, 0, 0, 0, 1};
  const int32_t a_high = (sum.a + 128) >> 8, b_high = (sum.b + 128) >> 8;
  return {words(a_high, b_high), words(sum.a - a_high * 256, sum.b - b_high * 256), sum.constant, sum.shift,
          static_cast<uint16_t>(((sum.doubt - 1) >> sum.shift) + 1)};
}

}  // namespace sinter
