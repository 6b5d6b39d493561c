// The arithmetic of every kernel of the family, vectorised by the compiler for each instruction set.
#pragma once

#include "../requantize.h"
#include "matmul_s8.h"

namespace sinter {
namespace {

constexpr int32_t kBlock = 32;

// acc[j] += sum over k of a * b[j] for a block of columns, zero points taken off.
template <bool kWhole>
void accumulate(const MatmulS8Params& p, const int8_t* a, const int8_t* b, int32_t columns, uint32_t* acc) {
  for (ptrdiff_t i = 0; i < p.k; ++i) {
    const int32_t value = a[i * p.a_depth] - p.a_zero;
    const int8_t* line = b + i * p.b_depth;
    if (kWhole) {
      for (int32_t j = 0; j < kBlock; ++j) acc[j] += static_cast<uint32_t>(value * (line[j] - p.b_zero));
    } else {
      for (int32_t j = 0; j < columns; ++j) acc[j] += static_cast<uint32_t>(value * (line[ptrdiff_t{j} * p.b_column] - p.b_zero));
    }
  }
}

Status matmul_bytes(const void* params, void* const* operands, int32_t begin, int32_t end) {
  const MatmulS8Params& p = *static_cast<const MatmulS8Params*>(params);
  for (int32_t index = begin; index < end; ++index) {
    const MatmulTile tile = matmul_tile(p, index);
    for (int32_t row = 0; row < tile.rows; ++row) {
      const int8_t* a = static_cast<const int8_t*>(operands[0]) + tile.a + ptrdiff_t{row} * p.a_row;
      int8_t* y = static_cast<int8_t*>(operands[2]) + tile.y + ptrdiff_t{row} * p.n;
      for (int32_t first = 0; first < tile.columns; first += kBlock) {
        const int8_t* b = static_cast<const int8_t*>(operands[1]) + tile.b + ptrdiff_t{first} * p.b_column;
        const int32_t columns = tile.columns - first < kBlock ? tile.columns - first : kBlock;
        uint32_t acc[kBlock] = {};
        if (columns == kBlock && p.b_column == 1) {
          accumulate<true>(p, a, b, columns, acc);
        } else {
          accumulate<false>(p, a, b, columns, acc);
        }
        for (int32_t j = 0; j < columns; ++j) {
          y[first + j] = requantize(static_cast<int32_t>(acc[j]), p.multiplier, p.shift, p.out_zero, -128, 127);
        }
      }
    }
  }
  return kOk;
}

}  // namespace
}  // namespace sinter
