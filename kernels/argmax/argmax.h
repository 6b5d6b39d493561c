// The index of the largest or smallest element along the middle axis of [outer, extent, inner].
//
//   output[o, i] = the first index a (the last one if `last`) with data[o, a, i] largest (smallest if `smallest`)
//
// dtype is float32 or an integer type; a NaN counts as minus infinity.
//
// Operands: data; output [outer, inner], int32 or int64 by `index_size`.
//
// Tiles: one output element.
#pragma once

#include "../index.h"

namespace sinter {

#define ARGMAX_PARAMS(F, A) \
  F(int32_t, outer)         \
  F(int32_t, extent)        \
  F(int32_t, inner)         \
  F(int32_t, dtype)         \
  F(int32_t, smallest)      \
  F(int32_t, last)          \
  F(int32_t, index_size)

SINTER_PARAMS(ArgmaxParams, ARGMAX_PARAMS);

}  // namespace sinter
