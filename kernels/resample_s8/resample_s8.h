// int8 weighted sums along two adjacent axes, as kernels/resample.h states. Weights are multiples of 2^-10: the exact sum in int32,
// which wraps, is divided by 2^20, halves rounded away from zero, and clamped to int8. A zero point passes where weights sum to 1.
//
// Operands: elements int8, weights int32.
#pragma once

#include "../resample.h"

namespace sinter {

#define RESAMPLE_S8_PARAMS(F, A) SINTER_RESAMPLE(F, A)

SINTER_PARAMS(ResampleS8Params, RESAMPLE_S8_PARAMS);

}  // namespace sinter
