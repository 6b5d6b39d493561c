// Softmax of int8 over the middle axis of [outer, depth, inner], with output scale 1/256 and zero point -128.
//
//   e[i] = exponentials[255 + x[i] - max(x)]                                          Q0.31
//   sum  = sum over i of e[i] / 2^12, each rounded                                    Q12.19
//   y[i] = clamp(round(e[i] * reciprocal(sum)) - 128, -128, 127)
//
// in the fixed-point arithmetic of gemmlowp (fixedpoint.h): rounding_doubling_high_mul for products and
// rounding_divide_by_power_of_two for scaling, the reciprocal by three Newton steps. Divisions by more than 2^31 give 0.
//
// Operands: x int8, exponentials int32 [256], y int8. The last of the exponentials, e^0, is INT32_MAX.
#pragma once

#include "../check.h"

namespace sinter {

#define SOFTMAX_S8_PARAMS(F, A) \
  F(int32_t, outer)             \
  F(int32_t, depth)             \
  F(int32_t, inner)

SINTER_PARAMS(SoftmaxS8Params, SOFTMAX_S8_PARAMS);

// More terms could overflow the sum.
constexpr int32_t kSoftmaxMaxDepth = 4095;

}  // namespace sinter
