// Integer rescaling as the TFLite quantisation specification does it.
#pragma once

#include "clamp.h"

namespace sinter {

// round(a * b / 2^31), halves up; b is not negative.
static inline int32_t rounding_doubling_high_mul(int32_t a, int32_t b) {
  return static_cast<int32_t>((int64_t{a} * b + (int64_t{1} << 30)) >> 31);
}

// round(x / 2^exponent), halves away from zero; exponent in 0..31.
static inline int32_t rounding_divide_by_power_of_two(int32_t x, int32_t exponent) {
  const int32_t mask = static_cast<int32_t>((int64_t{1} << exponent) - 1);
  const int32_t remainder = x & mask;
  const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

// x * multiplier * 2^(shift - 31) with the specification's double rounding; shift in -31..30, taken modulo 32 on either side of
// zero so that any other value stays defined.
static inline int32_t multiply_by_quantized_multiplier(int32_t x, int32_t multiplier, int32_t shift) {
  const uint32_t left = shift > 0 ? static_cast<uint32_t>(shift) & 31 : 0;
  const uint32_t right = shift > 0 ? 0 : (0u - static_cast<uint32_t>(shift)) & 31;
  const int32_t shifted = static_cast<int32_t>(static_cast<uint32_t>(x) << left);
  return rounding_divide_by_power_of_two(rounding_doubling_high_mul(shifted, multiplier), static_cast<int32_t>(right));
}

static inline int32_t wrapping_add(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}

// An accumulator as int8: clamp(rescaled + zero, low, high), the addition wrapping; low and high are int8 values.
static inline int8_t requantize(int32_t acc, int32_t multiplier, int32_t shift, int32_t zero, int32_t low, int32_t high) {
  const int32_t scaled = multiply_by_quantized_multiplier(acc, multiplier, shift);
  return static_cast<int8_t>(clamp(wrapping_add(scaled, zero), low, high));
}

}  // namespace sinter
