// The error function and the activations built on it. See math.h.
#pragma once

#include "math_bits.h"
#include "math_exp.h"

namespace sinter {

// The error function, within 1.4 ulp.
static inline float erf(float x) {
  const float magnitude = abs(x);
  const float square = x * x;
  const float near = magnitude + magnitude * detail::polynomial(square, 0.12837917f, -0.37612632f, 0.112836786f, -0.026858736f,
                                                                0.005199781f, -0.0008131398f, 8.33088e-05f);
  // -ln(1 - erf) as a polynomial.
  const float clamped = detail::limit(magnitude, 0.0f, 3.95f);
  const float exponent = detail::polynomial(clamped, 0.0002070686f, 1.1276271f, 0.6372662f, 0.10385597f, -0.022189595f,
                                            0.0030336545f, -0.00019494415f);
  return copysign(select(magnitude < 0.92f, near, 1.0f - exp(-exponent)), x);
}

// The Gaussian error linear unit x * Phi(x), Phi being the normal distribution function, within 4.7 ulp; -0 at -infinity.
static inline float gelu(float x) {
  const float limited = detail::limit(x, -15.0f, 15.0f);
  const float near = x * (0.5f + x * detail::polynomial(x * x, 0.3989423f, -0.06649054f, 0.009974163f, -0.0011880201f,
                                                        0.00011501942f, -8.170046e-06f));
  // Phi(-m) = exp(-m^2 / 2) * P(t) / (m + 2.75), with t = (m - 2.75) / (m + 2.75).
  const float magnitude = abs(limited);
  const float inverse = 1.0f / (magnitude + 2.75f);
  const float ratio = (magnitude - 2.75f) * inverse;
  const float numerator = detail::polynomial(ratio, 0.71898603f, -0.47435412f, 0.18233453f, -0.016567051f, -0.016445784f,
                                             0.0032245829f, 0.002492438f, -0.00035046396f, -0.00039450647f);
  const detail::Pair square = detail::two_product(magnitude, magnitude);
  const detail::ExpArgument argument = detail::reduce_exp(-0.5f * square.high);
  const detail::Pair reduced = detail::two_sum(argument.high, argument.low - 0.5f * square.low);
  const detail::Pair fraction = detail::exp_fraction(reduced.high, reduced.low);
  const float tail = (fraction.high + fraction.low) * (numerator * inverse);
  const float negative = detail::scale(limited * tail, argument.power);
  const float positive = x - limited * detail::scale(tail, argument.power);
  return select(magnitude < 1.0f, near, select(x < 0.0f, negative, positive));
}

// The tanh form of the Gaussian error linear unit, 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), within 3.2 ulp from -1
// upwards and 6e-8 below; -0 at -infinity.
static inline float gelu_tanh(float x) {
  const float limited = select(x < -20.0f, -20.0f, x);
  return limited * sigmoid(limited * (1.5957691f + 0.07135481f * (limited * limited)));
}

}  // namespace sinter
