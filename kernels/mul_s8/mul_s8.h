// Product of two int8 tensors, broadcast against each other.
//
//   y = clamp(multiply_by_quantized_multiplier((a - a_zero) * (b - b_zero), multiplier, shift) + out_zero, out_min, out_max)
//
// Operands: a, b, y int8.
#pragma once

#include "../elementwise.h"

namespace sinter {

#define MUL_S8_PARAMS(F, A) \
  SINTER_BROADCAST(F, A)    \
  F(int32_t, a_zero)        \
  F(int32_t, b_zero)        \
  F(int32_t, multiplier)    \
  F(int32_t, shift)         \
  F(int32_t, out_zero)      \
  F(int32_t, out_min)       \
  F(int32_t, out_max)

SINTER_PARAMS(MulS8Params, MUL_S8_PARAMS);

}  // namespace sinter
