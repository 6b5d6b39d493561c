// Elements written along one axis, each at an index of its own, over a copy of the data.
//
//   output = data;  then, in row-major order of i:
//   output[sum(i * data_stride) + indices[i] * axis_stride] <reduction>= updates[i]
//
// data_stride is 0 along the axis that the indices run along; strides count elements. Reductions other than replacing need float32
// or integers, which wrap. A negative index counts from the end; run() ends with kBadValue where one lies outside -extent to extent
// - 1.
//
// Operands: data, `elements` of them; indices, `index_size` (4 or 8) bytes each, and updates, both contiguous of `shape`; output
// like data.
//
// Tiles: one in all, since updates may meet.
#pragma once

#include "../scatter.h"

namespace sinter {

#define SCATTER_ELEMENTS_PARAMS(F, A) \
  A(int32_t, shape, 8)                \
  A(int32_t, data_stride, 8)          \
  F(int32_t, elements)                \
  F(int32_t, axis_stride)             \
  F(int32_t, extent)                  \
  F(int32_t, index_size)              \
  F(int32_t, dtype)                   \
  F(int32_t, reduction)

SINTER_PARAMS(ScatterElementsParams, SCATTER_ELEMENTS_PARAMS);

}  // namespace sinter
