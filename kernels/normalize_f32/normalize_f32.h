// Normalisation of float32 over some axes, whose elements become as many with mean 0 and variance 1:
//
//   y = (x - mean) / sqrt(mean of (x - mean)^2 + epsilon), where centre != 0; else y = x / sqrt(mean of x^2 + epsilon)
//
// The geometry is that of a reduction, whose outputs are the groups that are normalised; y lies as x does.
//
// Operands: x, y.
#pragma once

#include "../reduction.h"

namespace sinter {

#define NORMALIZE_F32_PARAMS(F, A) \
  SINTER_REDUCTION(F, A)           \
  F(int32_t, centre)               \
  F(float, epsilon)

SINTER_PARAMS(NormalizeF32Params, NORMALIZE_F32_PARAMS);

}  // namespace sinter
