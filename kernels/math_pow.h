// Powers. See math.h.
#pragma once

#include "math_arithmetic.h"
#include "math_bits.h"
#include "math_exp.h"
#include "math_log.h"

namespace sinter {
namespace detail {

// log2(x) as an unevaluated sum, good to 2^-33 of its value, for positive finite x.
static inline Pair log2_pair(float x) {
  const LogArgument argument = reduce_log(x);
  // ln(1 + f) = 2 (s + s^3 / 3 + s^5 R(s^2)) with s = f / (2 + f).
  const Pair divisor = fast_two_sum(2.0f, argument.fraction);
  const float quotient = argument.fraction / divisor.high;
  const Pair back = two_product(quotient, divisor.high);
  const float quotient_low = (((argument.fraction - back.high) - back.low) - quotient * divisor.low) / divisor.high;
  const Pair square = two_product(quotient, quotient);
  const float square_low = square.low + 2.0f * quotient * quotient_low;
  // 1 + s^2 / 3 + s^4 R, the second term in double width.
  const Pair third = two_product(square.high, 0.33333334f);
  const float third_low = third.low + (square.high * -9.934108e-09f + square_low * 0.33333334f);
  const float rest = square.high * square.high * polynomial(square.high, 0.20000076f, 0.14273545f, 0.11709815f);
  const Pair tail = fast_two_sum(third.high, rest);
  const Pair series = fast_two_sum(1.0f, tail.high);
  const float series_low = series.low + (tail.low + third_low);
  // log2(1 + f) = (2 / ln 2) * s * series.
  const Pair factor = two_product(quotient, 2.88539f);
  const float factor_low = factor.low + (quotient * 3.851926e-08f + quotient_low * 2.88539f);
  const Pair product = two_product(factor.high, series.high);
  const float product_low = product.low + (factor.high * series_low + factor_low * series.high);
  const Pair sum = fast_two_sum(argument.power, product.high);
  return fast_two_sum(sum.high, sum.low + product_low);
}

// 2^(high + low) for |high| <= 160.
static inline float exp2_pair(float high, float low) {
  constexpr float kLn2 = 0.6931472f, kLn2Low = -1.9046542e-09f;
  const float power = round_half_even(high);
  const float fraction = high - power;
  const Pair natural = two_product(fraction, kLn2);
  const Pair sum = two_sum(natural.high, natural.low + (fraction * kLn2Low + low * kLn2));
  const Pair result = exp_fraction(sum.high, sum.low);
  return scale(result.high + result.low, static_cast<int32_t>(power));
}

}  // namespace detail

// x^y, within 0.8 ulp, with the special cases of IEEE 754-2019, 9.2.1.
static inline float pow(float x, float y) {
  const float magnitude = abs(x);
  if (y == 0.0f || x == 1.0f) return 1.0f;
  if (is_nan(x) || is_nan(y)) return x + y;
  const bool even = abs(y) >= 16777216.0f || floor(0.5f * y) == 0.5f * y;
  const bool integer = floor(y) == y;
  if (x < 0.0f && !integer && is_finite(x)) return quiet_nan();
  const bool negative = (float_bits(x) & kSignBit) != 0u && integer && !even;

  float result;
  if (magnitude == 1.0f) {
    result = 1.0f;
  } else if (magnitude == 0.0f || is_infinite(x) || is_infinite(y)) {
    result = (magnitude > 1.0f) == (y > 0.0f) ? infinity() : 0.0f;
  } else {
    const detail::Pair logarithm = detail::log2_pair(magnitude);
    const detail::Pair product = detail::two_product(logarithm.high, y);
    const bool inside = abs(product.high) < 160.0f;
    const float high = detail::limit(product.high, -160.0f, 160.0f);
    result = detail::exp2_pair(high, select(inside, product.low + logarithm.low * y, 0.0f));
  }
  return negative ? -result : result;
}

}  // namespace sinter
