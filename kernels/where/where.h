// Choice between two tensors, element by element; all three inputs broadcast against each other.
//
//   output = condition != 0 ? a : b
//
// Elements of a, b and output are `size` bytes (1, 2, 4 or 8); condition is bool; output is contiguous. Strides count elements.
//
// Operands: condition, a, b; output.
//
// Tiles: 4096 output elements.
#pragma once

#include "../elementwise.h"
#include "../strided.h"

namespace sinter {

#define WHERE_PARAMS(F, A)        \
  A(int32_t, shape, 8)            \
  A(int32_t, condition_stride, 8) \
  A(int32_t, a_stride, 8)         \
  A(int32_t, b_stride, 8)         \
  F(int32_t, size)

SINTER_PARAMS(WhereParams, WHERE_PARAMS);

}  // namespace sinter
