// Elements picked along one axis, each by an index of its own.
//
//   output[i] = data[sum(i * data_stride) + indices[i] * axis_stride]
//
// data_stride is 0 along the axis that the indices run along. Elements are `size` bytes (1, 2, 4 or 8), strides count elements. A
// negative index counts from the end; run() ends with kBadValue where one lies outside -extent to extent - 1.
//
// Operands: data; indices, `index_size` (4 or 8) bytes each, and output, both contiguous of `shape`.
//
// Tiles: 4096 output elements.
#pragma once

#include "../elementwise.h"
#include "../index.h"

namespace sinter {

#define GATHER_ELEMENTS_PARAMS(F, A) \
  A(int32_t, shape, 8)               \
  A(int32_t, data_stride, 8)         \
  F(int32_t, axis_stride)            \
  F(int32_t, extent)                 \
  F(int32_t, size)                   \
  F(int32_t, index_size)

SINTER_PARAMS(GatherElementsParams, GATHER_ELEMENTS_PARAMS);

}  // namespace sinter
