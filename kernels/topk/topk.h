// The k largest or smallest elements along the middle axis of [outer, extent, inner], best first, and where they stand.
//
//   values[o, j, i] = data[o, indices[o, j, i], i];  of equal elements the one with the lower index comes first
//
// dtype is float32 or an integer type; a NaN counts as minus infinity.
//
// Operands: data; values [outer, k, inner]; indices [outer, k, inner], int32 or int64 by `index_size`.
//
// Tiles: one (outer, inner). Scratch: k indices.
#pragma once

#include "../index.h"

namespace sinter {

#define TOPK_PARAMS(F, A) \
  F(int32_t, outer)       \
  F(int32_t, extent)      \
  F(int32_t, inner)       \
  F(int32_t, k)           \
  F(int32_t, dtype)       \
  F(int32_t, smallest)    \
  F(int32_t, index_size)

SINTER_PARAMS(TopkParams, TOPK_PARAMS);

}  // namespace sinter
