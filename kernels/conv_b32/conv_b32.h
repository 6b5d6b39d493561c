// float32 convolution with groups, strides and dilations, its weights and its input quantised in blocks of 32 channels; also matrix
// products, as 1x1 with one pixel a row.
//
//   output[o] = clamp(bias[o] + sum over blocks b of (dot[b] * input.scale[b]) * weight.scale[o, b], low, high)
//   dot[b]    = sum over the block's channels c of input.value[b, c] * (weight[o, b, c] - zero)              (int32, exact)
//
// A window's blocks are those of its taps in order, a tap's channels padded with zeros to whole blocks. The float sum starts with
// the bias and takes the blocks in order; with B blocks it is within (B + 2) * eps * (|bias| + sum of |terms|) of the exact one. A
// NaN sum stays NaN. Weights are 4 bits with zero 8 (conv_q4b32), or 8 bits with zero 128 (conv_q8b32).
//
// Operands: input Block32 [batch, d, h, w, groups, B / taps], offsets for the same zero, and behind it one blank pixel of a group
// if the window reaches outside the input; weights and scales, packed; bias float, one per packed column; output float [batch, d,
// h, w, out_channels]. Tiles: conv_tile.h.
//
// Packing n<nr>k4: per group, columns in panels of nr, padded with zeros. Scales: float16 [group][panel][block][nr]. Weights:
// [group][panel][block] and then, for 8 bits, [8][nr][4], four channels of each column at a time; for 4 bits [4][nr][4], where byte
// [j] holds channels of quarter j in its low half, and of quarter j + 4 in its high half.
//
// Kernels with mr > 1 keep in scratch where the blocks of mr pixels lie, kTaps taps at once.
#pragma once

#include "../block32.h"
#include "../conv_tile.h"

namespace sinter {

#define CONV_B32_PARAMS(F, A) \
  SINTER_SPATIAL(F, A)        \
  F(int32_t, groups)          \
  F(float, low)               \
  F(float, high)

SINTER_PARAMS(ConvB32Params, CONV_B32_PARAMS);

constexpr int32_t kTaps = 64;

// Blocks of one tap in one group.
static inline int32_t tap_blocks(const ConvB32Params& p) { return div_up(p.in_channels / p.groups, kBlockDepth); }

// Input blocks, without the blank pixel.
static inline int32_t input_blocks(const ConvB32Params& p) {
  return p.batch * p.in[0] * p.in[1] * p.in[2] * p.groups * tap_blocks(p);
}

// Taps whose blocks scratch locates at once.
static inline int32_t located_taps(const ConvB32Params& p) { return taps(p) < kTaps ? taps(p) : kTaps; }

// Bytes of the weights of one column and block.
static constexpr int32_t block_bytes(int bits) { return kBlockDepth * bits / 8; }

}  // namespace sinter
