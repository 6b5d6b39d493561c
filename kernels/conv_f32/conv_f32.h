// float32 convolution with groups, strides and dilations; also matrix products, as 1x1 with one pixel a row.
//
//   output[o] = clamp(bias[o] + sum over taps t and channels c of input[t, c] * weight[o, t, c], low, high)
//
// A tap outside the input reads 0; weights are finite. The sum runs over K in order, in float, so that the error is at most
// (K + 1) * eps * sum of |terms|; kernels with fused multiply-add round less often. A NaN sum stays NaN.
//
// Operands: input float [batch, d, h, w, in_channels]; weights float, packed; bias float, one per packed column; output float
// [batch, d, h, w, out_channels]. Packing and tiles: conv_tile.h.
//
// Kernels with mr > 1 read K in segments, each contiguous in the input; scratch holds, for two tiles of mr pixels, where the
// segments start, and zeros for taps outside the input, or the depth of mr pixels gathered, where the lines of a window are short.
#pragma once

#include "../conv_tile.h"

namespace sinter {

#define CONV_F32_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)        \
  F(int32_t, groups)          \
  F(float, low)               \
  F(float, high)

SINTER_PARAMS(ConvF32Params, CONV_F32_PARAMS);

constexpr int32_t kSegmentDepth = 512, kSegments = 64, kGatherWidth = 32, kGatherDepth = 256;

// How K splits into segments. A tap's channels are `chunks` of them: all kSegmentDepth deep but the last.
struct ConvSegments {
  bool gathered;  // K is one segment
  int32_t chunks, count;
  int32_t last_depth;
  int32_t block;   // segments prepared at once
  int32_t floats;  // of zeros, or of one gathered pixel with room for a vector behind it
};

// Whether no tap lies outside the input.
static inline bool conv_inside(const ConvF32Params& p) {
  for (int i = 0; i < 3; ++i) {
    if (p.pad[i] != 0 || (p.out[i] - 1) * p.stride[i] + (p.kernel[i] - 1) * p.dilation[i] >= p.in[i]) return false;
  }
  return true;
}

static inline ConvSegments conv_segments(const ConvF32Params& p) {
  const int32_t channels = p.in_channels / p.groups;
  const int32_t depth = conv_depth(p);
  if (taps(p) == 1 && conv_inside(p)) return {false, 1, 1, depth, 1, 0};
  if (p.groups == 1 && p.dilation[2] == 1 && p.kernel[2] * channels <= kGatherWidth && depth <= kGatherDepth) {
    return {true, 1, 1, depth, 1, div_up(depth, 16) * 16 + 16};
  }
  ConvSegments plan;
  plan.gathered = false;
  plan.chunks = div_up(channels, kSegmentDepth);
  plan.count = taps(p) * plan.chunks;
  plan.block = plan.count < kSegments ? plan.count : kSegments;
  plan.last_depth = channels - (plan.chunks - 1) * kSegmentDepth;
  plan.floats = channels < kSegmentDepth ? channels : kSegmentDepth;
  return plan;
}

}  // namespace sinter
