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

#include "../clamp.h"
#include "../spatial.h"

namespace sinter {

#define POOL_MAX_S8_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)           \
  F(int32_t, out_min)            \
  F(int32_t, out_max)

SINTER_PARAMS(PoolMaxS8Params, POOL_MAX_S8_PARAMS);

// One channel of a pixel.
static inline void max_one(const PoolMaxS8Params& p, const Window<int8_t>& window, int32_t c, int8_t* y) {
  int32_t best = -128;
  visit_window(window, [&](const int8_t* x) { best = x[c] > best ? x[c] : best; });
  y[c] = static_cast<int8_t>(clamp(best, p.out_min, p.out_max));
}

}  // namespace sinter
