// Parametric rectifier of int8 tensors, the slope b broadcast to a.
//
//   y = clamp(rescaled + out_zero, -128, 127), where for a >= a_zero
//   rescaled = multiply_by_quantized_multiplier(a - a_zero, multiplier, shift), and else
//   rescaled = multiply_by_quantized_multiplier((a - a_zero) * (b - b_zero), negative_multiplier, negative_shift)
//
// Operands: a, b, y int8.
#pragma once

#include "../elementwise.h"

namespace sinter {

#define PRELU_S8_PARAMS(F, A)     \
  SINTER_BROADCAST(F, A)          \
  F(int32_t, a_zero)              \
  F(int32_t, b_zero)              \
  F(int32_t, multiplier)          \
  F(int32_t, shift)               \
  F(int32_t, negative_multiplier) \
  F(int32_t, negative_shift)      \
  F(int32_t, out_zero)

SINTER_PARAMS(PreluS8Params, PRELU_S8_PARAMS);

}  // namespace sinter
