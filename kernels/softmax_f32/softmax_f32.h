// Softmax, or its logarithm, over the middle axis of [outer, depth, inner].
//
//   e[i] = exp(beta * (x[i] - max(x)));  y[i] = e[i] / sum(e);  or, where log != 0,  y[i] = beta * (x[i] - max(x)) - ln(sum(e))
//
// The sum is taken in kLanes partial sums, element i in number i % kLanes, where inner is 1; else in order.
//
// Operands: x, y float32.
#pragma once

#include "../check.h"

namespace sinter {

#define SOFTMAX_F32_PARAMS(F, A) \
  F(int32_t, outer)              \
  F(int32_t, depth)              \
  F(int32_t, inner)              \
  F(int32_t, log)                \
  F(float, beta)

SINTER_PARAMS(SoftmaxF32Params, SOFTMAX_F32_PARAMS);

// Columns of one tile where inner is more than 1.
constexpr int32_t kSoftmaxColumns = 16;

}  // namespace sinter
