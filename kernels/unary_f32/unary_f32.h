// An elementary function of every element: y[i] = f(x[i]), f a row of UNARY_F32_FUNCTIONS with parameters alpha and beta.
// Errors as kernels/math.h states them; NaN where the function has no real value.
//
// Operands: x, y float32 [count].
#pragma once

#include "../elementwise.h"

namespace sinter {

// F(name, value for x with parameters a and b). Rows are numbered in this order.
#define UNARY_F32_FUNCTIONS(F)                                           \
  F(abs, abs(x))                                                         \
  F(neg, -x)                                                             \
  F(sign, select(x != x, x, select(x == 0.0f, 0.0f, copysign(1.0f, x)))) \
  F(floor, floor(x))                                                     \
  F(ceil, ceil(x))                                                       \
  F(round, round_half_even(x))                                           \
  F(sqrt, sqrt(x))                                                       \
  F(rsqrt, rsqrt(x))                                                     \
  F(reciprocal, 1.0f / x)                                                \
  F(square, x* x)                                                        \
  F(exp, exp(x))                                                         \
  F(log, log(x))                                                         \
  F(sin, sin(x))                                                         \
  F(cos, cos(x))                                                         \
  F(tan, tan(x))                                                         \
  F(asin, asin(x))                                                       \
  F(acos, acos(x))                                                       \
  F(atan, atan(x))                                                       \
  F(sinh, sinh(x))                                                       \
  F(cosh, cosh(x))                                                       \
  F(tanh, tanh(x))                                                       \
  F(asinh, asinh(x))                                                     \
  F(acosh, acosh(x))                                                     \
  F(atanh, atanh(x))                                                     \
  F(erf, erf(x))                                                         \
  F(sigmoid, sigmoid(x))                                                 \
  F(softplus, softplus(x))                                               \
  F(softsign, x / (1.0f + abs(x)))                                       \
  F(gelu, gelu(x))                                                       \
  F(tanh_gelu, gelu_tanh(x))                                             \
  F(swish, x* sigmoid(a* x))                                             \
  F(mish, x* tanh(softplus(x)))                                          \
  F(hard_sigmoid, clamp(a* x + b, 0.0f, 1.0f))                           \
  F(hard_swish, x*(clamp(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f)))         \
  F(leaky_relu, select(x < 0.0f, a * x, x))                              \
  F(elu, select(x < 0.0f, a * expm1(x), x))                              \
  F(selu, b* select(x < 0.0f, a * expm1(x), x))                          \
  F(celu, select(x < 0.0f, a * expm1(x / a), x))                         \
  F(thresholded_relu, select(x > a, x, 0.0f))                            \
  F(shrink, select(x < -a, x + b, select(x > a, x - b, 0.0f)))           \
  F(finite, select(is_finite(x), x, 0.0f))                               \
  F(clip, clamp(x, a, b))

#define UNARY_F32_PARAMS(F, A) \
  F(int32_t, count)            \
  F(int32_t, function)         \
  F(float, alpha)              \
  F(float, beta)

SINTER_PARAMS(UnaryF32Params, UNARY_F32_PARAMS);

enum UnaryF32Function : int32_t {
#define SINTER_ROW(name, value) kUnary_##name,
  UNARY_F32_FUNCTIONS(SINTER_ROW)
#undef SINTER_ROW
      kUnaryFunctions
};

}  // namespace sinter
