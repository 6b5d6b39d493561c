// float32 rows to int8 in blocks of 32, each with a scale of its own.
//
//   scale = max|x| / 127,   value = x * (127 / max|x|) rounded to nearest, halves to even   (all in float32)
//
// A row ends with a block padded with zeros. Where max|x| is below 2^-120 the block is all zeros with scale 0; where an x is
// infinite or NaN its scale is NaN and its values 0, so that every product with it is NaN.
//
// Operands: input float [rows, depth]; output Block32 [rows + blank_rows, ceil(depth / 32)], the last blank_rows all zeros.
//
// Tiles: kQuantizedBlocks blocks.
#pragma once

#include "../block32.h"

namespace sinter {

// weight_zero: the zero point of the weights, for the blocks' offsets.
#define QUANTIZE_B32_PARAMS(F, A) \
  F(int32_t, rows)                \
  F(int32_t, depth)               \
  F(int32_t, blank_rows)          \
  F(int32_t, weight_zero)

SINTER_PARAMS(QuantizeB32Params, QUANTIZE_B32_PARAMS);

constexpr int32_t kQuantizedBlocks = 256;

// The bits of 2^-120, of infinity and of a NaN.
constexpr uint32_t kLeastMaximum = 7u << 23, kInfinity = 255u << 23, kNotANumber = 0x7fc00000u;

static inline int32_t row_blocks(const QuantizeB32Params& p) { return div_up(p.depth, kBlockDepth); }

// Calls quantise(x, count, block) for the input's blocks among those of tiles [begin, end), and clears blank ones.
template <class Quantise>
static inline void for_each_block(const QuantizeB32Params& p, void* const* operands, int32_t begin, int32_t end,
                                  Quantise quantise) {
  const float* input = static_cast<const float*>(operands[0]);
  Block32* output = static_cast<Block32*>(operands[1]);
  const int32_t blocks = row_blocks(p), full = p.rows * blocks, all = full + p.blank_rows * blocks;
  const int32_t last = all - begin * kQuantizedBlocks < (end - begin) * kQuantizedBlocks ? all : end * kQuantizedBlocks;
  int32_t index = begin * kQuantizedBlocks, row = index / blocks, at = index % blocks;
  for (; index < last && index < full; ++row, at = 0) {
    const float* x = input + ptrdiff_t{row} * p.depth;
    for (; at < blocks && index < last; ++at, ++index) {
      const int32_t left = p.depth - at * kBlockDepth;
      quantise(x + at * kBlockDepth, left < kBlockDepth ? left : kBlockDepth, output[index]);
    }
  }
  for (; index < last; ++index) output[index] = Block32{};
}

}  // namespace sinter
