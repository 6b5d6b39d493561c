// The walk over tiles that all kernels of the family share, and rows of one element type.
#pragma once

#include "move.h"

namespace sinter {

// One row of the last axis.
template <class T>
static inline void move_row(const T* in, T* out, int32_t count, ptrdiff_t in_stride, ptrdiff_t out_stride) {
  if (in_stride == 1 && out_stride == 1) {
    if (count >= 64 / static_cast<int32_t>(sizeof(T))) {
      __builtin_memcpy(out, in, static_cast<size_t>(count) * sizeof(T));
      return;
    }
    for (int32_t i = 0; i < count; ++i) out[i] = in[i];
  } else if (out_stride == 1) {
    for (int32_t i = 0; i < count; ++i) out[i] = in[i * in_stride];
  } else {
    for (int32_t i = 0; i < count; ++i) out[i * out_stride] = in[i * in_stride];
  }
}

// A block of the last two axes, `rows` by `count`.
template <class T>
struct MoveBlock {
  const T* in;
  T* out;
  int32_t rows, count;
  ptrdiff_t in_row, in_step, out_row, out_step;  // strides of the last but one and the last axis
};

// Rows whose input runs along the rows and not along the last axis: short stretches of each row in turn, so that a cache line of
// the input serves every row while it is near. Few columns are walked along the rows instead.
template <class T>
static inline void move_transposed(const MoveBlock<T>& b) {
  constexpr int32_t kStretch = 64 / static_cast<int32_t>(sizeof(T));
  if (b.count < 8) {
    for (int32_t i = 0; i < b.count; ++i) {
      move_row(b.in + i * b.in_step, b.out + i * b.out_step, b.rows, b.in_row, b.out_row);
    }
    return;
  }
  for (int32_t first = 0; first < b.count; first += kStretch) {
    const int32_t count = b.count - first < kStretch ? b.count - first : kStretch;
    for (int32_t row = 0; row < b.rows; ++row) {
      move_row(b.in + first * b.in_step + row * b.in_row, b.out + first * b.out_step + row * b.out_row, count, b.in_step,
               b.out_step);
    }
  }
}

// Runs tiles [begin, end); transposed(block) does those whose input is contiguous along the rows.
template <class T, class Transposed>
static inline void move_tiles(const MoveParams& p, void* const* operands, int32_t begin, int32_t end, Transposed transposed) {
  const T* input = static_cast<const T*>(operands[0]);
  T* output = static_cast<T*>(operands[1]);
  const int32_t blocks = div_up(p.shape[6], kMoveRows);
  for (int32_t tile = begin; tile < end; ++tile) {
    const int32_t first = tile % blocks * kMoveRows;
    ptrdiff_t in = p.in_offset + ptrdiff_t{first} * p.in_stride[6], out = p.out_offset + ptrdiff_t{first} * p.out_stride[6];
    int32_t rest = tile / blocks;
    for (int axis = 5; axis >= 0 && rest != 0; --axis) {
      in += ptrdiff_t{rest % p.shape[axis]} * p.in_stride[axis];
      out += ptrdiff_t{rest % p.shape[axis]} * p.out_stride[axis];
      rest /= p.shape[axis];
    }
    const int32_t rows = p.shape[6] - first < kMoveRows ? p.shape[6] - first : kMoveRows;
    const MoveBlock<T> block{input + in,     output + out,    rows,           p.shape[7], p.in_stride[6],
                             p.in_stride[7], p.out_stride[6], p.out_stride[7]};
    if (block.in_row == 1 && block.in_step != 1) {
      transposed(block);
      continue;
    }
    for (int32_t row = 0; row < rows; ++row) {
      move_row(block.in + row * block.in_row, block.out + row * block.out_row, block.count, block.in_step, block.out_step);
    }
  }
}

}  // namespace sinter
