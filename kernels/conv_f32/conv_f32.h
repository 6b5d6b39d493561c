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
// Kernels with mr > 1 read K in segments, each contiguous in the input. Scratch holds where the segments start in each of mr
// pixels, and zeros for taps outside the input. Where the lines of a window are short, it holds in their stead the depth of mr
// pixels, gathered, or, with mr >= kLinesMr, a few padded lines of the input.
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
constexpr int32_t kLinesMr = 6, kLinesWidth = 96, kLinesFloats = 16 << 10, kLinesNear = 6 << 10, kBatch = 8;

// How K splits into segments. A tap's channels are `chunks` of them: all kSegmentDepth deep but the last.
struct ConvSegments {
  bool gathered;  // K is one segment
  int32_t chunks, count;
  int32_t last_depth;
  int32_t block;   // segments prepared at once
  int32_t floats;  // of zeros, of lines, or of one gathered pixel with room for a vector behind it
};

// Whether no tap lies outside the input.
static inline bool conv_inside(const ConvF32Params& p) {
  for (int i = 0; i < 3; ++i) {
    if (p.pad[i] != 0 || (p.out[i] - 1) * p.stride[i] + (p.kernel[i] - 1) * p.dilation[i] >= p.in[i]) return false;
  }
  return true;
}

static inline ConvSegments conv_segments(const ConvF32Params& p, bool gather) {
  const int32_t channels = p.in_channels / p.groups;
  const int32_t depth = conv_depth(p);
  if (taps(p) == 1 && conv_inside(p)) return {false, 1, 1, depth, 1, 0};
  if (gather && p.groups == 1 && p.dilation[2] == 1 && p.kernel[2] * channels <= kGatherWidth && depth <= kGatherDepth) {
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

// Entries for each row of a tile in the table of where segments start: those of one segment, of several tiles.
static constexpr int32_t conv_entries(const ConvSegments& plan) { return plan.count == 1 ? kBatch : plan.block; }

// Bytes of that table.
static constexpr size_t conv_table(int32_t mr, int32_t segments) {
  return static_cast<size_t>(round_up(static_cast<uint64_t>(mr * segments) * sizeof(void*), 64));
}

// Lines of the input, each with its padding, so that all taps of a window lie inside, kernel[0] lines of different depth side by
// side; those of one output depth after those of another.
struct ConvLines {
  int64_t all, image;  // lines, and lines of one output depth
  int32_t extent;      // lines that a window reaches over
  int32_t count;       // lines in scratch at once; 0 where K is read in segments
  int32_t pitch;       // floats of a line, rounded up to whole vectors
};

static inline ConvLines conv_lines(const ConvF32Params& p, int32_t mr) {
  ConvLines lines = {};
  lines.extent = (p.kernel[1] - 1) * p.dilation[1] + 1;
  const bool dense = p.dilation[2] == 1 && p.stride[2] <= p.kernel[2] && p.stride[1] <= lines.extent;
  if (mr < kLinesMr || taps(p) == 1 || p.groups != 1 || !dense) return lines;
  if (int64_t{p.kernel[2]} * p.in_channels > kLinesWidth || p.kernel[0] > kSegments) return lines;
  const int64_t width = (int64_t{p.out[2] - 1} * p.stride[2] + p.kernel[2]) * p.in_channels;
  const int64_t pitch = (width + 15) / 16 * 16, images = int64_t{p.batch} * p.out[0];
  lines.image = int64_t{p.out[1] - 1} * p.stride[1] + lines.extent;
  lines.all = images * lines.image;
  // The rows of output in the tiles prepared at once, wherever they start, are at most `extent` lines apart.
  const int64_t rows = (mr * (p.kernel[0] == 1 ? kBatch : 1) - 2) / p.out[2] + 2, floats = pitch * p.kernel[0];
  const int64_t least = rows * lines.extent < lines.all ? rows * lines.extent : lines.all;
  if (pitch > kLinesFloats || least * floats > kLinesFloats) return lines;
  const int64_t near = kLinesNear / floats < lines.all ? kLinesNear / floats : lines.all;
  lines.count = static_cast<int32_t>(near < least ? least : near);
  lines.pitch = static_cast<int32_t>(pitch);
  return lines;
}

// What kernels with mr >= kLinesMr read: a segment is the lines of one depth, where there are lines.
static inline ConvSegments conv_segments(const ConvF32Params& p, const ConvLines& lines) {
  if (lines.count == 0) return conv_segments(p, false);
  return {false, 1, p.kernel[0], p.kernel[2] * p.in_channels, p.kernel[0], lines.count * p.kernel[0] * lines.pitch};
}

}  // namespace sinter
