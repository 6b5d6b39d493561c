// float32 maximum pooling.
//
//   output[c] = clamp(max over the taps t inside the input of input[t, c], low, high)
//
// The maximum of no taps is -infinity. A NaN is never the maximum; of 0 and -0 the first is.
//
// Operands: input float [batch, d, h, w, in_channels]; output float [batch, d, h, w, out_channels], out_channels = in_channels.
//
// Tiles: one row of output pixels.
#pragma once

#include "../spatial.h"

namespace sinter {

#define POOL_MAX_F32_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)            \
  F(float, low)                   \
  F(float, high)

SINTER_PARAMS(PoolMaxF32Params, POOL_MAX_F32_PARAMS);

}  // namespace sinter
