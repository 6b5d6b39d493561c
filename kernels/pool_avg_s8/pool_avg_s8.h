// int8 average pooling as TFLite defines it.
//
//   sum       = sum over the taps t inside the input of input[t, c], count = the number of those taps
//   output[c] = clamp((sum > 0 ? sum + count / 2 : sum - count / 2) / count, out_min, out_max)      (divisions truncate)
//
// The average of no taps is 0. Input and output share one quantisation. At most 2^23 taps may lie inside the input.
//
// Operands: input int8 [batch, d, h, w, in_channels]; output int8 [batch, d, h, w, out_channels], out_channels = in_channels.
//
// Tiles: one row of output pixels.
#pragma once

#include "../clamp.h"
#include "../spatial.h"

namespace sinter {

#define POOL_AVG_S8_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)           \
  F(int32_t, out_min)            \
  F(int32_t, out_max)

SINTER_PARAMS(PoolAvgS8Params, POOL_AVG_S8_PARAMS);

// One output from the sum of `count` taps.
static inline int8_t average_s8(const PoolAvgS8Params& p, int32_t sum, int32_t count) {
  const int32_t rounded = sum > 0 ? sum + count / 2 : sum - count / 2;
  return static_cast<int8_t>(clamp(count == 0 ? 0 : rounded / count, p.out_min, p.out_max));
}

// One channel of a pixel.
static inline void average_one(const PoolAvgS8Params& p, const Window<int8_t>& window, int32_t c, int8_t* y) {
  int32_t sum = 0;
  visit_window(window, [&](const int8_t* x) { sum += x[c]; });
  y[c] = average_s8(p, sum, window.count);
}

}  // namespace sinter
