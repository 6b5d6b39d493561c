// Matrix products of quantised int8 tensors that are both computed.
//
//   acc = sum over k of (a - a_zero) * (b - b_zero)                                           int32, wrapping
//   y   = clamp(multiply_by_quantized_multiplier(acc, multiplier, shift) + out_zero, -128, 127)
//
// Operands: a, b; y, contiguous; int8.
#pragma once

#include "../matmul.h"

namespace sinter {

#define MATMUL_S8_PARAMS(F, A) \
  SINTER_MATMUL(F, A)          \
  F(int32_t, a_zero)           \
  F(int32_t, b_zero)           \
  F(int32_t, out_zero)         \
  F(int32_t, multiplier)       \
  F(int32_t, shift)

SINTER_PARAMS(MatmulS8Params, MATMUL_S8_PARAMS);

}  // namespace sinter
