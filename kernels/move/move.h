// A strided copy: transposition, slicing with steps, repetition, and the pieces of concatenation and padding.
//
//   output[out_offset + sum(index * out_stride)] = input[in_offset + sum(index * in_stride)]     for every index below shape
//
// Elements are `size` bytes (1, 2, 4 or 8); offsets and strides count elements. What the indices do not reach stays as it is.
//
// Operands: input and output of such elements.
//
// Tiles: 32 indices of the last but one axis by all of the last.
#pragma once

#include "../strided.h"

namespace sinter {

#define MOVE_PARAMS(F, A)   \
  A(int32_t, shape, 8)      \
  A(int32_t, in_stride, 8)  \
  A(int32_t, out_stride, 8) \
  F(int32_t, in_offset)     \
  F(int32_t, out_offset)    \
  F(int32_t, size)

SINTER_PARAMS(MoveParams, MOVE_PARAMS);

constexpr int32_t kMoveRows = 32;

}  // namespace sinter
