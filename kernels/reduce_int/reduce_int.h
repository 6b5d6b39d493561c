// Sums, products and extrema of integers over some axes. Sums and products wrap; bool counts as uint8.
//
// Operands: x; y, contiguous; both of the type `dtype` of dtype.h.
#pragma once

#include "../reduction.h"

namespace sinter {

enum ReduceIntKind : int32_t { kReduceIntSum, kReduceIntProduct, kReduceIntMaximum, kReduceIntMinimum };

#define REDUCE_INT_PARAMS(F, A) \
  SINTER_REDUCTION(F, A)        \
  F(int32_t, kind)              \
  F(int32_t, dtype)

SINTER_PARAMS(ReduceIntParams, REDUCE_INT_PARAMS);

}  // namespace sinter
