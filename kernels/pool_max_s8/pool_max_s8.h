// int8 maximum pooling.
//
//   output[c] = clamp(max over the taps t inside the input of input[t, c], out_min, out_max)
//
// The maximum of no taps is -128. Input and output share one quantisation.
//
// Operands: input int8 [batch, d, h, w, in_channels]; output int8 [batch, d, h, w, out_channels], out_channels = in_channels.
//
// Tiles: one row of output pixels.
#pragma once

#include "../spatial.h"

namespace sinter {

#define POOL_MAX_S8_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)           \
  F(int32_t, out_min)            \
  F(int32_t, out_max)

SINTER_PARAMS(PoolMaxS8Params, POOL_MAX_S8_PARAMS);

}  // namespace sinter
