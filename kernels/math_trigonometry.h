// Trigonometric functions and their inverses, for every float. See math.h.
#pragma once

#include "math_arithmetic.h"
#include "math_bits.h"

namespace sinter {
namespace detail {

constexpr float kHalfPi = 1.5707964f, kHalfPiLow = -4.371139e-08f;

// A magnitude x = quarter * pi / 2 + high + low with |high| <= pi / 4, quarter modulo 4.
struct QuarterTurns {
  float high;
  float low;
  uint32_t quarter;
};

// Reduction of a finite x >= 0 in fixed point, after Payne and Hanek 1983: only the 96 bits of 2 / pi whose product
// with the significand reaches from 2 to 2^-94 are multiplied.
static inline QuarterTurns reduce_quarter_turns(float x) {
  static constexpr uint32_t kTwoOverPi[8] = {0u,          0xa2f9836eu, 0x4e441529u, 0xfc2757d1u,
                                             0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu};
  if (x < 0.7853982f) return {x, 0.0f, 0u};
  const uint32_t bits = float_bits(x);
  const uint32_t significand = (bits & 0x007fffffu) | 0x00800000u;
  const uint32_t start = (bits >> 23) - 120u;
  const uint32_t* word = kTwoOverPi + (start >> 5);
  const uint32_t shift = start & 31u;
  uint32_t window[3];
  for (int i = 0; i < 3; ++i) window[i] = (word[i] << shift) | ((word[i + 1] >> 1) >> (31u - shift));
  const uint64_t turns = (static_cast<uint64_t>(significand * window[0]) << 32) + static_cast<uint64_t>(significand) * window[1] +
                         ((static_cast<uint64_t>(significand) * window[2]) >> 32);
  // The upper two bits count quarters; the rest, as a signed number, is the fraction of one in -1/2..1/2.
  const uint32_t upper = static_cast<uint32_t>(turns >> 32), lower = static_cast<uint32_t>(turns);
  const uint32_t quarter = ((upper >> 30) + ((upper >> 29) & 1u)) & 3u;
  const int32_t fraction = static_cast<int32_t>((upper << 2) | (lower >> 30));
  const float first = static_cast<float>(fraction >> 8) * 5.9604645e-08f;
  const float second =
      static_cast<float>(((static_cast<uint32_t>(fraction) & 0xffu) << 16) | ((lower >> 14) & 0xffffu)) * 3.5527137e-15f;
  const float third = static_cast<float>(lower & 0x3fffu) * 2.1684043e-19f;
  const Pair sum = fast_two_sum(first, second);
  const Pair part = fast_two_sum(sum.high, sum.low + third);
  const Pair radians = two_product(part.high, kHalfPi);
  const Pair result = fast_two_sum(radians.high, radians.low + (part.high * kHalfPiLow + part.low * kHalfPi));
  return {result.high, result.low, quarter};
}

// sin(high + low) for |high| <= pi / 4.
static inline Pair sin_pair(float high, float low) {
  const float square = high * high;
  const float cubic = high * (square * polynomial(square, -0.16666667f, 0.008333379f, -0.00019853064f, 2.83251e-06f));
  return {high, cubic + low * (1.0f - 0.5f * square)};
}

// cos(high + low) for |high| <= pi / 4.
static inline Pair cos_pair(float high, float low) {
  const float square = high * high;
  const Pair sum = fast_two_sum(1.0f, -0.5f * square);
  const float quartic = square * square * polynomial(square, 0.041666646f, -0.001388731f, 2.4432327e-05f);
  return {sum.high, sum.low + (quartic - high * low)};
}

// The sine (shift 0) or cosine (shift 1) of a finite x: sin(|x| + shift * pi / 2).
static inline float shifted_sine(float x, uint32_t shift) {
  const QuarterTurns turns = reduce_quarter_turns(abs(x));
  const Pair sine = sin_pair(turns.high, turns.low);
  const Pair cosine = cos_pair(turns.high, turns.low);
  const uint32_t quarter = turns.quarter + shift;
  const float value = select((quarter & 1u) != 0u, cosine.high + cosine.low, sine.high + sine.low);
  return bits_float(float_bits(value) ^ ((quarter & 2u) << 30));
}

}  // namespace detail

// Sine of x radians, within 0.8 ulp for every float; NaN for an infinity.
static inline float sin(float x) {
  if (!is_finite(x)) return quiet_nan();
  return bits_float(float_bits(detail::shifted_sine(x, 0u)) ^ (float_bits(x) & kSignBit));
}

// Cosine of x radians, within 0.8 ulp for every float; NaN for an infinity.
static inline float cos(float x) {
  if (!is_finite(x)) return quiet_nan();
  return detail::shifted_sine(x, 1u);
}

// Tangent of x radians, within 1.1 ulp for every float; NaN for an infinity.
static inline float tan(float x) {
  if (!is_finite(x)) return quiet_nan();
  const detail::QuarterTurns turns = detail::reduce_quarter_turns(abs(x));
  const detail::Pair sine = detail::sin_pair(turns.high, turns.low);
  const detail::Pair cosine = detail::cos_pair(turns.high, turns.low);
  const bool odd = (turns.quarter & 1u) != 0u;
  const detail::Pair top = detail::fast_two_sum(select(odd, -cosine.high, sine.high), select(odd, -cosine.low, sine.low));
  const detail::Pair bottom = detail::fast_two_sum(select(odd, sine.high, cosine.high), select(odd, sine.low, cosine.low));
  const float quotient = top.high / bottom.high;
  const detail::Pair back = detail::two_product(quotient, bottom.high);
  const float remainder = ((top.high - back.high) - back.low) + (top.low - quotient * bottom.low);
  const float value = quotient + remainder / bottom.high;
  return bits_float(float_bits(value) ^ (float_bits(x) & kSignBit));
}

namespace detail {

// asin(high + low) = high + rest: high is the magnitude itself up to 1/2, and beyond it the upper half of
// sqrt((1 - magnitude) / 2), whose arc sine is pi / 4 less half the one sought.
struct ArcSine {
  float high;
  float rest;
  bool beyond_half;
};

static inline ArcSine reduce_arc(float magnitude) {
  const bool beyond_half = magnitude > 0.5f;
  const float square = select(beyond_half, 0.5f - 0.5f * magnitude, magnitude * magnitude);
  const float root = select(beyond_half, sqrt(square), magnitude);
  const float series =
      root * (square * polynomial(square, 0.1666666f, 0.07500522f, 0.044513386f, 0.031838764f, 0.014317499f, 0.037690382f));
  const float high = select(beyond_half, upper_half(root), root);
  const float low = (square - high * high) / (root + high + 1e-30f);
  return {high, select(beyond_half, low, 0.0f) + series, beyond_half};
}

}  // namespace detail

// Inverse sine in radians, within 0.7 ulp; NaN beyond 1.
static inline float asin(float x) {
  const detail::ArcSine arc = detail::reduce_arc(abs(x));
  const detail::Pair sum = detail::fast_two_sum(detail::kHalfPi, -2.0f * arc.high);
  const float beyond = sum.high + (sum.low + (detail::kHalfPiLow - 2.0f * arc.rest));
  return copysign(select(arc.beyond_half, beyond, arc.high + arc.rest), x);
}

// Inverse cosine in radians, within 0.7 ulp; NaN beyond 1.
static inline float acos(float x) {
  const detail::ArcSine arc = detail::reduce_arc(abs(x));
  const bool negative = x < 0.0f;
  const float turns = select(arc.beyond_half, select(negative, 2.0f, 0.0f), 1.0f);  // quarter turns before the arc
  const float factor = copysign(select(arc.beyond_half, 2.0f, 1.0f), select(arc.beyond_half == negative, -1.0f, 1.0f));
  const detail::Pair sum = detail::fast_two_sum(turns * detail::kHalfPi, factor * arc.high);
  return sum.high + (sum.low + (turns * detail::kHalfPiLow + factor * arc.rest));
}

// Inverse tangent in radians, within 1 ulp.
static inline float atan(float x) {
  const float magnitude = abs(x);
  const bool middle = magnitude > 0.5463025f;  // tan(1 / 2), so that the result is in the binade above
  const bool large = magnitude > 2.4142136f;   // tan(3 pi / 8)
  // atan(x) = pi / 4 + atan((x - 1) / (x + 1)) = pi / 2 + atan(-1 / x).
  const float numerator = select(large, -1.0f, select(middle, magnitude - 1.0f, magnitude));
  const float denominator = select(large, magnitude, select(middle, magnitude + 1.0f, 1.0f));
  const float eighths = select(large, 1.0f, select(middle, 0.5f, 0.0f));
  const float ratio = numerator / denominator;
  const float square = ratio * ratio;
  const float series =
      ratio * (square * detail::polynomial(square, -0.33333316f, 0.19998877f, -0.1426059f, 0.10847977f, -0.0764486f, 0.03414733f));
  const detail::Pair sum = detail::fast_two_sum(eighths * detail::kHalfPi, ratio);
  return copysign(sum.high + (sum.low + (eighths * detail::kHalfPiLow + series)), x);
}

}  // namespace sinter
