// Exact sums of products of bytes, zero points known only when it runs (ONNX ConvInteger; MatMulInteger as 1x1 with one pixel a
// row).
//
//   output[o] = sum over taps t and channels c of (input[t, c] - input_zero) * (weight[o, t, c] - weight_zero[o]), wrapping
//
// A tap outside the input adds nothing. Input and weights are int8, or uint8 where input_unsigned, weight_unsigned is 1; zero
// points have the types of what they belong to.
//
// Operands: input [batch, d, h, w, in_channels]; weights [out_channels, taps, in_channels / groups]; input_zero [1];
// weight_zero [out_channels]; output int32 [batch, d, h, w, out_channels].
//
// Tiles: kIntegerColumns outputs of one output pixel.
#pragma once

#include "../spatial.h"

namespace sinter {

#define CONV_S32_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)        \
  F(int32_t, groups)          \
  F(int32_t, input_unsigned)  \
  F(int32_t, weight_unsigned)

SINTER_PARAMS(ConvS32Params, CONV_S32_PARAMS);

constexpr int32_t kIntegerColumns = 64;

static inline int32_t conv_s32_blocks(const ConvS32Params& p) { return div_up(p.out_channels, kIntegerColumns); }

}  // namespace sinter
