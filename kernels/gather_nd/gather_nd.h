// Slices picked by tuples of indices.
//
//   output[b, r, :] = data[b, indices[b, r, 0], ..., indices[b, r, depth - 1], :]
//
// A negative index counts from the end; run() ends with kBadValue where one lies outside its axis.
//
// Operands: data [batch, extent[0], ..., extent[depth - 1], inner bytes]; indices [batch, rows, depth], `index_size` (4 or 8) bytes
// each; output [batch, rows, inner bytes].
//
// Tiles: one slice.
#pragma once

#include "../index.h"

namespace sinter {

#define GATHER_ND_PARAMS(F, A) \
  A(int32_t, extent, 8)        \
  F(int32_t, batch)            \
  F(int32_t, rows)             \
  F(int32_t, depth)            \
  F(int32_t, inner)            \
  F(int32_t, index_size)

SINTER_PARAMS(GatherNdParams, GATHER_ND_PARAMS);

}  // namespace sinter
