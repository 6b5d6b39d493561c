// Matrix products of two tensors that are both computed: y[batch, m, n] = sum over k of a[batch, m, k] * b[batch, k, n].
// Batches have up to six axes, leading ones filled with 1, and strides of 0 where an operand is repeated; rows and columns have any
// stride, the output is contiguous.
//
// Tiles: kRows rows by kColumnBlock columns of one batch.
#pragma once

#include "check.h"

namespace sinter {

#define SINTER_MATMUL(F, A) \
  A(int32_t, batch, 6)      \
  A(int32_t, a_stride, 6)   \
  A(int32_t, b_stride, 6)   \
  F(int32_t, m)             \
  F(int32_t, k)             \
  F(int32_t, n)             \
  F(int32_t, a_row)         \
  F(int32_t, a_depth)       \
  F(int32_t, b_depth)       \
  F(int32_t, b_column)

constexpr int32_t kRows = 24, kColumnBlock = 64;

template <class Params>
constexpr Count matmul_batches(const Params& p) {
  Count count(int32_t{1});
  for (int i = 0; i < 6; ++i) count = count * Count(p.batch[i]);
  return count;
}

template <class Params>
constexpr Count matmul_outputs(const Params& p) {
  return matmul_batches(p) * Count(p.m) * Count(p.n);
}

template <class Params>
constexpr bool matmul_valid(const Params& p) {
  if (p.m < 1 || p.k < 1 || p.n < 1 || p.a_row < 0 || p.a_depth < 0 || p.b_depth < 0 || p.b_column < 0) return false;
  for (int i = 0; i < 6; ++i) {
    if (p.batch[i] < 1 || p.a_stride[i] < 0 || p.b_stride[i] < 0) return false;
  }
  return matmul_outputs(p).value <= INT32_MAX - kColumnBlock && (Count(p.m) * Count(p.k)).value <= INT32_MAX;
}

// Elements from an operand's first to its last one that is read.
template <class Params>
constexpr Count matmul_reach(const Params& p, const int32_t* stride, int32_t rows, int32_t row, int32_t columns, int32_t column) {
  Count last = Count(int32_t{1}) + Count(rows - 1) * Count(row) + Count(columns - 1) * Count(column);
  for (int i = 0; i < 6; ++i) last = last + Count(p.batch[i] - 1) * Count(stride[i]);
  return last;
}

template <class T, class Params>
constexpr Status matmul_operands(const Params& p, const Extent* operands, size_t count) {
  if (count != 3 || operands[2].writable == 0) return kBadOperands;
  const Count a = matmul_reach(p, p.a_stride, p.m, p.a_row, p.k, p.a_depth);
  const Count b = matmul_reach(p, p.b_stride, p.k, p.b_depth, p.n, p.b_column);
  if (a.value > INT32_MAX || b.value > INT32_MAX) return kBadParams;
  return holds<T>(operands[0], a) && holds<T>(operands[1], b) && holds<T>(operands[2], matmul_outputs(p)) ? kOk : kBadOperands;
}

template <class Params>
constexpr int32_t matmul_tiles(const Params& p) {
  return static_cast<int32_t>(matmul_batches(p).value) * div_up(p.m, kRows) * div_up(p.n, kColumnBlock);
}

// One tile: its first element in each operand and in the output, and its extents.
struct MatmulTile {
  ptrdiff_t a, b, y;
  int32_t rows, columns;
};

template <class Params>
static inline MatmulTile matmul_tile(const Params& p, int32_t index) {
  const int32_t row_blocks = div_up(p.m, kRows), column_blocks = div_up(p.n, kColumnBlock);
  const int32_t column = index % column_blocks * kColumnBlock, row = index / column_blocks % row_blocks * kRows;
  const int32_t batch = index / column_blocks / row_blocks;
  MatmulTile tile;
  tile.a = ptrdiff_t{row} * p.a_row;
  tile.b = ptrdiff_t{column} * p.b_column;
  tile.y = (ptrdiff_t{batch} * p.m + row) * p.n + column;
  tile.rows = p.m - row < kRows ? p.m - row : kRows;
  tile.columns = p.n - column < kColumnBlock ? p.n - column : kColumnBlock;
  for (int32_t i = 5, rest = batch; i >= 0; --i) {
    tile.a += ptrdiff_t{rest % p.batch[i]} * p.a_stride[i];
    tile.b += ptrdiff_t{rest % p.batch[i]} * p.b_stride[i];
    rest /= p.batch[i];
  }
  return tile;
}

}  // namespace sinter
