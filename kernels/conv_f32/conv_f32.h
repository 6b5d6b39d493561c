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
// Kernels with mr > 1 read K in segments, each contiguous in the input: the lines of the window where these are short, else the
// channels under one tap. Scratch holds where the segments of mr pixels start, zeros for what lies outside the input, and the
// lines that hang over its left or right edge.
#pragma once

#include "../conv_tile.h"

namespace sinter {

#define CONV_F32_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)        \
  F(int32_t, groups)          \
  F(float, low)               \
  F(float, high)

SINTER_PARAMS(ConvF32Params, CONV_F32_PARAMS);

constexpr int32_t kSegmentDepth = 512, kSegments = 64, kLineSlack = 16;

// How K splits into segments.
struct ConvSegments {
  bool lines;            // a segment is a line of the window; else the channels under a tap
  int32_t chunks;        // of a tap's channels: all kSegmentDepth deep but the last
  int32_t count, block;  // segments of all taps, and how many are prepared at once
  int32_t last_depth;
  int32_t floats;  // of zeros, and of one line that hangs over an edge
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
  if (taps(p) == 1 && conv_inside(p)) return {false, 1, 1, 1, channels, 0};
  const int32_t lines = p.kernel[0] * p.kernel[1];
  if (p.groups == 1 && p.dilation[2] == 1 && lines <= kSegments && conv_depth(p) <= kSegmentDepth) {
    const int32_t width = p.kernel[2] * channels;
    return {true, 1, lines, lines, width, div_up(width, kLineSlack) * kLineSlack};
  }
  ConvSegments plan;
  plan.lines = false;
  plan.chunks = div_up(channels, kSegmentDepth);
  plan.count = taps(p) * plan.chunks;
  plan.block = plan.count < kSegments ? plan.count : kSegments;
  plan.last_depth = channels - (plan.chunks - 1) * kSegmentDepth;
  plan.floats = channels < kSegmentDepth ? channels : kSegmentDepth;
  return plan;
}

}  // namespace sinter
