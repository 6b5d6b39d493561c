// Sums, products and extrema of float32 over some axes: y = fold of the reduced elements / divisor. Extrema of a NaN are NaN.
//
// Operands: x; y, contiguous; float32.
#pragma once

#include "../reduction.h"

namespace sinter {

enum ReduceF32Kind : int32_t { kFoldSum, kFoldSumAbs, kFoldSumSquare, kFoldProduct, kFoldMaximum, kFoldMinimum };

#define REDUCE_F32_PARAMS(F, A) \
  SINTER_REDUCTION(F, A)        \
  F(int32_t, kind)              \
  F(float, divisor)

SINTER_PARAMS(ReduceF32Params, REDUCE_F32_PARAMS);

}  // namespace sinter
