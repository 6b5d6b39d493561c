// Exponential, hyperbolic and logistic functions. See math.h.
#pragma once

#include "math_bits.h"

namespace sinter {
namespace detail {

constexpr float kLn2High = 0.69314575f, kLn2Low = 1.4286068e-06f;  // the first has 16 bits

// x = power * ln 2 + high + low with |high| <= 0.3467, for |x| <= 170 (after Cody and Waite 1980).
struct ExpArgument {
  float high;
  float low;
  int32_t power;
};

static inline ExpArgument reduce_exp(float x) {
  constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23
  const float shifted = x * 1.442695f + kRounder;
  const float multiple = shifted - kRounder;
  const float coarse = x - multiple * kLn2High;
  const float fine = multiple * kLn2Low;
  const float high = coarse - fine;
  return {high, (coarse - high) - fine, static_cast<int32_t>(float_bits(shifted) - float_bits(kRounder))};
}

// exp(high + low) - 1 - high for |high| <= 0.3467 and a tiny low.
static inline float exp_rest(float high, float low) {
  return low + high * high * polynomial(high, 0.49999994f, 0.16666521f, 0.041668292f, 0.008368721f, 0.0013818742f);
}

// exp(high + low) as an unevaluated sum.
static inline Pair exp_fraction(float high, float low) {
  const Pair one_plus = fast_two_sum(1.0f, high);
  return {one_plus.high, one_plus.low + exp_rest(high, low)};
}

// x limited to low..high; NaN stays NaN.
static inline float limit(float x, float low, float high) {
  const float raised = select(x < low, low, x);
  return select(raised > high, high, raised);
}

}  // namespace detail

// e^x, within 0.8 ulp.
static inline float exp(float x) {
  const detail::ExpArgument argument = detail::reduce_exp(detail::limit(x, -104.0f, 89.0f));
  const detail::Pair fraction = detail::exp_fraction(argument.high, argument.low);
  return detail::scale(fraction.high + fraction.low, argument.power);
}

// e^x - 1, within 1.2 ulp.
static inline float expm1(float x) {
  const detail::ExpArgument argument = detail::reduce_exp(detail::limit(x, -20.0f, 89.0f));
  const float half_power = bits_float(static_cast<uint32_t>(argument.power + 126) << 23);  // 2^(power - 1)
  const detail::Pair constant = detail::two_sum(half_power, -0.5f);
  const detail::Pair sum = detail::two_sum(constant.high, half_power * argument.high);
  const float rest = half_power * detail::exp_rest(argument.high, argument.low);
  const float half = sum.high + (sum.low + (constant.low + rest));
  return select(abs(x) < 2.9e-8f, x, half + half);
}

// The logistic function 1 / (1 + e^-x), within 1.7 ulp.
static inline float sigmoid(float x) {
  const float decay = exp(-abs(x));
  const float above = select(x < 0.0f, decay, 1.0f);
  return above - above * (decay / (1.0f + decay));
}

// Hyperbolic tangent, within 1.5 ulp.
static inline float tanh(float x) {
  const float magnitude = abs(x);
  const float square = x * x;
  const float near = magnitude + magnitude * (square * detail::polynomial(square, -0.33333316f, 0.13332544f, -0.053847548f,
                                                                          0.021050714f, -0.0062428494f));
  const float far = 1.0f - 2.0f / (exp(magnitude + magnitude) + 1.0f);
  return copysign(select(magnitude < 0.55f, near, far), x);
}

namespace detail {

// exp(|x|) / 4 and exp(-|x|) / 4, the first as an unevaluated sum; |x| <= 90.
struct ExpBoth {
  Pair growth;
  float decay;
};

static inline ExpBoth exp_both(float magnitude) {
  const ExpArgument argument = reduce_exp(limit(magnitude, 0.0f, 90.0f));
  const Pair fraction = exp_fraction(argument.high, argument.low);
  const int32_t decay_power = argument.power < 64 ? argument.power : 64;
  const float growth_scale = bits_float(static_cast<uint32_t>(argument.power + 125) << 23);
  const float decay_scale = bits_float(static_cast<uint32_t>(125 - decay_power) << 23);
  const float inverse = 1.0f / (fraction.high + fraction.low);
  return {{growth_scale * fraction.high, growth_scale * fraction.low}, decay_scale * inverse};
}

}  // namespace detail

// Hyperbolic sine, within 0.9 ulp.
static inline float sinh(float x) {
  const float magnitude = abs(x);
  const float square = x * x;
  const float near =
      magnitude + magnitude * (square * detail::polynomial(square, 0.16666667f, 0.0083333105f, 0.00019842896f, 2.7822132e-06f));
  const detail::ExpBoth both = detail::exp_both(magnitude);
  const float quarter = both.growth.high + (both.growth.low - both.decay);
  return copysign(select(magnitude < 1.0f, near, quarter + quarter), x);
}

// Hyperbolic cosine, within 0.9 ulp.
static inline float cosh(float x) {
  const detail::ExpBoth both = detail::exp_both(abs(x));
  const float quarter = both.growth.high + (both.growth.low + both.decay);
  return quarter + quarter;
}

}  // namespace sinter
