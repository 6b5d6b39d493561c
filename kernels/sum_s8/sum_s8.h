// Sum or mean of quantised int8 over some axes.
//
//   acc = sum of x - in_zero over the reduced elements                                        int32, wrapping
//   y   = clamp(multiply_by_quantized_multiplier(acc, multiplier, shift) + out_zero, -128, 127)
//
// Operands: x; y, contiguous; int8.
#pragma once

#include "../reduction.h"

namespace sinter {

#define SUM_S8_PARAMS(F, A) \
  SINTER_REDUCTION(F, A)    \
  F(int32_t, in_zero)       \
  F(int32_t, out_zero)      \
  F(int32_t, multiplier)    \
  F(int32_t, shift)

SINTER_PARAMS(SumS8Params, SUM_S8_PARAMS);

}  // namespace sinter
