// Square root and remainder. See math.h.
#pragma once

#include "math_bits.h"

// Cores without a square root instruction take the software one, whose results are the same bits.
#if !defined(SINTER_SOFTWARE_SQRT)
#if defined(__arm__)
#if !defined(__ARM_FP) || !(__ARM_FP & 4)
#define SINTER_SOFTWARE_SQRT 1
#endif
#elif defined(__riscv) && !defined(__riscv_flen)
#define SINTER_SOFTWARE_SQRT 1
#endif
#endif

#if !defined(SINTER_SOFTWARE_SQRT) && !defined(__NO_MATH_ERRNO__)
#error "kernels/math.h: build with -fno-math-errno, else the square root instruction is followed by a call of sqrtf"
#endif

namespace sinter {
namespace detail {

// Correctly rounded square root in integer arithmetic: 24 bits of the root, one a step, and one more for rounding. No root
// of a float lies halfway between two floats.
static inline float software_sqrt(float x) {
  const uint32_t bits = float_bits(x);
  if ((bits << 1) == 0u || bits == 0x7f800000u) return x;
  if (bits > 0x7f800000u) return quiet_nan();
  const bool subnormal = bits < 0x00800000u;
  const uint32_t normal = subnormal ? float_bits(x * 16777216.0f) : bits;
  const int32_t exponent = static_cast<int32_t>(normal >> 23) - 127 - (subnormal ? 24 : 0);
  uint32_t remainder = (normal & 0x007fffffu) | 0x00800000u;
  if (exponent & 1) remainder <<= 1;
  uint32_t root = 0, doubled = 0;
  for (uint32_t bit = 0x01000000u; bit != 0u; bit >>= 1) {
    const uint32_t trial = doubled + bit;
    remainder <<= 1;
    if (trial <= remainder) {
      doubled = trial + bit;
      remainder -= trial;
      root += bit;
    }
  }
  root = (root + (root & 1u)) >> 1;
  return bits_float(root + (static_cast<uint32_t>((exponent >> 1) + 126) << 23));
}

}  // namespace detail

// Square root, correctly rounded; NaN below zero.
static inline float sqrt(float x) {
#if defined(SINTER_SOFTWARE_SQRT)
  return detail::software_sqrt(x);
#else
  return __builtin_sqrtf(x);
#endif
}

// 1 / sqrt(x), within 1.5 ulp; infinite at zero, NaN below.
static inline float rsqrt(float x) { return 1.0f / sqrt(x); }

// x - y * trunc(x / y) with the sign of x, exact; NaN for an infinite x or y = 0 (C's fmod).
static inline float fmod(float x, float y) {
  const uint32_t x_bits = float_bits(x) & ~kSignBit;
  const uint32_t y_bits = float_bits(y) & ~kSignBit;
  if (x_bits >= 0x7f800000u || y_bits > 0x7f800000u || y_bits == 0u) return quiet_nan();
  if (x_bits < y_bits) return x;
  const uint32_t x_biased = x_bits >> 23, y_biased = y_bits >> 23;
  const uint32_t x_exponent = x_biased == 0u ? 1u : x_biased;
  const uint32_t y_exponent = y_biased == 0u ? 1u : y_biased;
  const uint32_t divisor = (y_bits & 0x007fffffu) | (y_biased == 0u ? 0u : 0x00800000u);
  uint32_t remainder = ((x_bits & 0x007fffffu) | (x_biased == 0u ? 0u : 0x00800000u)) % divisor;
  for (uint32_t shift = x_exponent - y_exponent; shift != 0u && remainder != 0u;) {
    const uint32_t step = shift < 8u ? shift : 8u;
    remainder = (remainder << step) % divisor;
    shift -= step;
  }
  const float magnitude = detail::scale(static_cast<float>(remainder), static_cast<int32_t>(y_exponent) - 150);
  return copysign(magnitude, x);
}

}  // namespace sinter
