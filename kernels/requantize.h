// Integer rescaling as the TFLite quantisation specification does it.
#pragma once

#include <stdint.h>

namespace sinter {

// round(a * b / 2^31), halves away from zero, saturating where a == b == INT32_MIN.
inline int32_t rounding_doubling_high_mul(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  int64_t product = int64_t{a} * b;
  int64_t nudge = product >= 0 ? (int64_t{1} << 30) : 1 - (int64_t{1} << 30);
  return static_cast<int32_t>((product + nudge) / (int64_t{1} << 31));
}

// round(x / 2^exponent), halves away from zero; exponent in 0..31.
inline int32_t rounding_divide_by_power_of_two(int32_t x, int32_t exponent) {
  int32_t mask = static_cast<int32_t>((int64_t{1} << exponent) - 1);
  int32_t remainder = x & mask;
  int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

// x * multiplier * 2^(shift - 31) with the specification's double rounding; shift in -31..30, masked to that
// range so that a hostile value stays defined.
inline int32_t multiply_by_quantized_multiplier(int32_t x, int32_t multiplier, int32_t shift) {
  int32_t left = shift > 0 ? shift & 31 : 0;
  int32_t right = shift > 0 ? 0 : -shift & 31;
  int32_t shifted = static_cast<int32_t>(static_cast<uint32_t>(x) << left);
  return rounding_divide_by_power_of_two(rounding_doubling_high_mul(shifted, multiplier), right);
}

inline int32_t wrapping_add(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}

inline int32_t clamp(int32_t x, int32_t low, int32_t high) { return x < low ? low : (x > high ? high : x); }

}  // namespace sinter
