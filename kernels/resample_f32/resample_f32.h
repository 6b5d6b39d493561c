// float32 weighted sums along two adjacent axes, as kernels/resample.h states. The weights are multiplied first, all in float, and
// the products are summed in order.
//
// Operands: elements and weights float.
#pragma once

#include "../resample.h"

namespace sinter {

#define RESAMPLE_F32_PARAMS(F, A) SINTER_RESAMPLE(F, A)

SINTER_PARAMS(ResampleF32Params, RESAMPLE_F32_PARAMS);

}  // namespace sinter
