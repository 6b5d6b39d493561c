// float32 depthwise convolution: output channel o reads input channel o / (out_channels / in_channels) alone.
//
//   output[o] = clamp(bias[o] + sum over taps t of input[t, o * in_channels / out_channels] * weight[t, o], low, high)
//
// A tap outside the input adds nothing. The sum runs over the taps in order, in float, so that the error is at most
// (taps + 1) * eps * sum of |terms|; kernels with fused multiply-add round less often. A NaN sum stays NaN.
//
// Operands: input float [batch, d, h, w, in_channels]; weights float, packed; bias float, one per packed channel; output float
// [batch, d, h, w, out_channels].
//
// Packing n<nr>: output channels in blocks of nr: weight[block][tap][nr], padded with zeros to full blocks; the bias likewise.
//
// Tiles: one row of output pixels.
//
// Kernels with mr > 1 take only layers with one output channel for each input channel.
#pragma once

#include "../spatial.h"

namespace sinter {

#define DEPTHWISE_F32_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)             \
  F(float, low)                    \
  F(float, high)

SINTER_PARAMS(DepthwiseF32Params, DEPTHWISE_F32_PARAMS);

}  // namespace sinter
