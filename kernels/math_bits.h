// Bit patterns, selection, rounding to integers, float16 and error-free arithmetic. See math.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__FAST_MATH__)
#error "kernels/math.h needs IEEE arithmetic: build without -ffast-math"
#endif

namespace sinter {

// Functions here are static: an inline function with external linkage would be merged by the linker across files
// built for different instruction sets, and the copy kept might not run on the core at hand.

// The 32 bits of a float.
static inline uint32_t float_bits(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}

// The float that has these 32 bits.
static inline float bits_float(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}

// `condition ? a : b` on bits, which a compiler keeps free of branches.
static inline uint32_t select_bits(bool condition, uint32_t a, uint32_t b) {
  const uint32_t mask = 0u - static_cast<uint32_t>(condition);
  return (a & mask) | (b & ~mask);
}

// `condition ? a : b` without a branch; both are computed.
static inline float select(bool condition, float a, float b) {
  return bits_float(select_bits(condition, float_bits(a), float_bits(b)));
}

constexpr uint32_t kSignBit = 0x80000000u;

static inline float infinity() { return bits_float(0x7f800000u); }
static inline float quiet_nan() { return bits_float(0x7fc00000u); }

// |x|, exact; clears the sign of a NaN too.
static inline float abs(float x) { return bits_float(float_bits(x) & ~kSignBit); }

// The magnitude of `x` with the sign bit of `sign`.
static inline float copysign(float x, float sign) {
  return bits_float((float_bits(x) & ~kSignBit) | (float_bits(sign) & kSignBit));
}

static inline bool is_nan(float x) { return (float_bits(x) & ~kSignBit) > 0x7f800000u; }
static inline bool is_infinite(float x) { return (float_bits(x) & ~kSignBit) == 0x7f800000u; }
static inline bool is_finite(float x) { return (float_bits(x) & ~kSignBit) < 0x7f800000u; }

// Nearest integer, ties to even; keeps the sign of zero. Exact.
static inline float round_half_even(float x) {
  const float magnitude = abs(x);
  const float rounded = (magnitude + 8388608.0f) - 8388608.0f;
  return copysign(select(magnitude < 8388608.0f, rounded, magnitude), x);
}

// Largest integer not above x; keeps the sign of zero. Exact.
static inline float floor(float x) {
  const float nearest = round_half_even(x);
  return copysign(nearest - select(nearest > x, 1.0f, 0.0f), x);
}

// Smallest integer not below x; keeps the sign of zero. Exact.
static inline float ceil(float x) {
  const float nearest = round_half_even(x);
  return copysign(nearest + select(nearest < x, 1.0f, 0.0f), x);
}

// The integer part of x; keeps the sign of zero. Exact.
static inline float trunc(float x) {
  const float magnitude = abs(x);
  const float nearest = round_half_even(magnitude);
  return copysign(nearest - select(nearest > magnitude, 1.0f, 0.0f), x);
}

// Nearest integer, ties away from zero; keeps the sign of zero. Exact.
static inline float round_half_away(float x) {
  const float magnitude = abs(x);
  const float whole = trunc(magnitude);
  return copysign(whole + select(magnitude - whole >= 0.5f, 1.0f, 0.0f), x);
}

// IEEE binary16 to float32, exact; a NaN becomes quiet.
static inline float half_to_float(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t magnitude = half & 0x7fffu;
  const uint32_t normal = (magnitude << 13) + (112u << 23);
  const uint32_t subnormal = float_bits(bits_float(0x3f000000u | (magnitude & 0x3ffu)) - 0.5f);
  const uint32_t special = (magnitude << 13) | select_bits(magnitude > 0x7c00u, 0x7fc00000u, 0x7f800000u);
  const uint32_t finite = select_bits(magnitude < 0x400u, subnormal, normal);
  return bits_float(sign | select_bits(magnitude < 0x7c00u, finite, special));
}

// float32 to IEEE binary16, to nearest, ties to even; overflows to infinity, a NaN becomes quiet.
static inline uint16_t float_to_half(float x) {
  const uint32_t sign = (float_bits(x) & kSignBit) >> 16;
  const uint32_t magnitude = float_bits(x) & ~kSignBit;
  const uint32_t normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  const uint32_t subnormal = float_bits(bits_float(magnitude) + 0.5f) - 0x3f000000u;
  const uint32_t finite = select_bits(magnitude < 0x38800000u, subnormal, normal);
  const uint32_t special = select_bits(magnitude > 0x7f800000u, 0x7e00u | ((magnitude >> 13) & 0x1ffu), 0x7c00u);
  return static_cast<uint16_t>(sign | select_bits(magnitude < 0x477ff000u, finite, special));
}

namespace detail {

// c0 + x (c1 + x (c2 + ...)), by Horner's rule.
static inline float polynomial(float, float c0) { return c0; }
template <typename... Rest>
static inline float polynomial(float x, float c0, Rest... rest) {
  return c0 + x * polynomial(x, rest...);
}

// An unevaluated sum, `low` being at most a small part of `high`.
struct Pair {
  float high;
  float low;
};

// a + b without error, for |a| >= |b| or a = 0. Dekker 1971.
static inline Pair fast_two_sum(float a, float b) {
  const float sum = a + b;
  return {sum, b - (sum - a)};
}

// a + b without error. Knuth, TAOCP 4.2.2.
static inline Pair two_sum(float a, float b) {
  const float sum = a + b;
  const float b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part)};
}

// The upper 12 bits of the significand; the rest, x minus it, fits 12 bits too.
static inline float upper_half(float x) { return bits_float(float_bits(x) & 0xfffff000u); }

// a * b without error unless it over- or underflows. Dekker 1971.
static inline Pair two_product(float a, float b) {
  const float product = a * b;
  const float a_high = upper_half(a), a_low = a - a_high;
  const float b_high = upper_half(b), b_low = b - b_high;
  const float error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
  return {product, error};
}

// x * 2^power for power in -252..254, rounded once when |x| is near 1.
static inline float scale(float x, int32_t power) {
  const int32_t half = power >> 1;
  const float first = bits_float(static_cast<uint32_t>(half + 127) << 23);
  const float second = bits_float(static_cast<uint32_t>(power - half + 127) << 23);
  return x * first * second;
}

}  // namespace detail
}  // namespace sinter
