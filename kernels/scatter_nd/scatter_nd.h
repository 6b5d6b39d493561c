// Slices written at tuples of indices, over a copy of the data.
//
//   output = data;  then, for each row r in order:
//   output[indices[r, 0], ..., indices[r, depth - 1], :] <reduction>= updates[r, :]
//
// Reductions other than replacing need float32 or integers, which wrap. A negative index counts from the end; run() ends with
// kBadValue where one lies outside its axis.
//
// Operands: data [extent[0], ..., extent[depth - 1], inner]; indices [rows, depth], `index_size` (4 or 8) bytes each;
// updates [rows, inner]; output like data.
//
// Tiles: one in all, since updates may meet.
#pragma once

#include "../scatter.h"

namespace sinter {

#define SCATTER_ND_PARAMS(F, A) \
  A(int32_t, extent, 8)         \
  F(int32_t, rows)              \
  F(int32_t, depth)             \
  F(int32_t, inner)             \
  F(int32_t, index_size)        \
  F(int32_t, dtype)             \
  F(int32_t, reduction)

SINTER_PARAMS(ScatterNdParams, SCATTER_ND_PARAMS);

}  // namespace sinter
