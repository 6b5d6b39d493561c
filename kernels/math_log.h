// Logarithms and what is made of them. See math.h.
#pragma once

#include "math_arithmetic.h"
#include "math_bits.h"
#include "math_exp.h"

namespace sinter {
namespace detail {

// x = 2^power * (1 + fraction), with 1 + fraction in [sqrt(1/2), sqrt(2)); exact for positive finite x.
struct LogArgument {
  float power;
  float fraction;
};

static inline LogArgument reduce_log(float x) {
  constexpr uint32_t kSqrtHalf = 0x3f3504f3u;
  const bool subnormal = x < 1.1754944e-38f;
  const uint32_t bits = float_bits(select(subnormal, x * 8388608.0f, x)) - kSqrtHalf;
  const int32_t power = static_cast<int32_t>(bits) >> 23;
  return {static_cast<float>(power) - select(subnormal, 23.0f, 0.0f), bits_float((bits & 0x007fffffu) + kSqrtHalf) - 1.0f};
}

// ln(1 + fraction) - fraction for 1 + fraction in [sqrt(1/2), sqrt(2)).
static inline float log_rest(float fraction) {
  const float square = fraction * fraction;
  const float cubic = fraction * polynomial(fraction, 0.33333313f, -0.2500001f, 0.20002072f, -0.16667989f, 0.14220361f,
                                            -0.12406246f, 0.11883528f, -0.11669945f, 0.06749098f);
  return square * cubic - 0.5f * square;
}

// power * ln 2 + ln(1 + fraction) + correction.
static inline float log_sum(float power, float fraction, float correction) {
  const Pair sum = fast_two_sum(power * kLn2High, fraction);
  return sum.high + (sum.low + ((log_rest(fraction) + power * kLn2Low) + correction));
}

// `value` for positive finite x, and what a logarithm gives elsewhere.
static inline float log_special(float x, float value) {
  const float finite = select(x == 0.0f, -infinity(), select(x < 0.0f, quiet_nan(), value));
  return select(x < infinity(), finite, x);
}

// ln(1 + x) + extra_power * ln 2 for x > -1.
static inline float log1p_sum(float x, float extra_power) {
  const Pair one_plus = two_sum(1.0f, x);
  const LogArgument argument = reduce_log(one_plus.high);
  const bool small = argument.power == 0.0f;
  return log_sum(argument.power + extra_power, select(small, x, argument.fraction),
                 select(small, 0.0f, one_plus.low / one_plus.high));
}

}  // namespace detail

// Natural logarithm, within 0.9 ulp; -infinity at zero, NaN below.
static inline float log(float x) {
  const detail::LogArgument argument = detail::reduce_log(x);
  return detail::log_special(x, detail::log_sum(argument.power, argument.fraction, 0.0f));
}

// ln(1 + x), within 1 ulp; -infinity at -1, NaN below.
static inline float log1p(float x) {
  const float finite = detail::log_special(1.0f + x, detail::log1p_sum(x, 0.0f));
  return select(abs(x) < 2.9e-8f, x, finite);
}

// Binary logarithm, within 1 ulp and exact for powers of two; -infinity at zero, NaN below.
static inline float log2(float x) {
  constexpr float kLog2eLow = 1.925963e-08f;
  const detail::LogArgument argument = detail::reduce_log(x);
  const detail::Pair natural = detail::fast_two_sum(argument.fraction, detail::log_rest(argument.fraction));
  const detail::Pair binary = detail::two_product(natural.high, 1.442695f);
  const float rest = binary.low + (natural.high * kLog2eLow + natural.low * 1.442695f);
  const detail::Pair sum = detail::fast_two_sum(argument.power, binary.high);
  return detail::log_special(x, sum.high + (sum.low + rest));
}

// ln(1 + e^x), within 1.6 ulp.
static inline float softplus(float x) { return select(x > 0.0f, x, 0.0f) + detail::log1p_sum(exp(-abs(x)), 0.0f); }

// Inverse hyperbolic sine, within 1.8 ulp.
static inline float asinh(float x) {
  const float magnitude = abs(x);
  const bool large = magnitude > 4096.0f;
  const float square = magnitude * magnitude;
  const float excess = magnitude + square / (1.0f + sqrt(1.0f + square));
  const float value = detail::log1p_sum(select(large, magnitude - 1.0f, excess), select(large, 1.0f, 0.0f));
  return copysign(select(magnitude < infinity(), value, magnitude), x);
}

// Inverse hyperbolic cosine, within 2.5 ulp; NaN below 1.
static inline float acosh(float x) {
  const float above = x - 1.0f;
  const bool large = x > 4096.0f;
  const float excess = above + sqrt(above * (above + 2.0f));
  const float value = detail::log1p_sum(select(large, above, excess), select(large, 1.0f, 0.0f));
  return select(x < infinity(), select(x < 1.0f, quiet_nan(), value), x);
}

// Inverse hyperbolic tangent, within 2.1 ulp; infinite at 1 and -1, NaN beyond.
static inline float atanh(float x) {
  const float magnitude = abs(x);
  return copysign(0.5f * log1p((magnitude + magnitude) / (1.0f - magnitude)), x);
}

}  // namespace sinter
