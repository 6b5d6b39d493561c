// Slices picked along one axis.
//
//   output[b, o, i, :] = data[b, o, indices[b, i], :]
//
// A negative index counts from the end; run() ends with kBadValue where one lies outside -extent to extent - 1.
//
// Operands: data [batch, outer, extent, inner bytes]; indices [batch, count], `index_size` (4 or 8) bytes each;
// output [batch, outer, count, inner bytes].
//
// Tiles: one slice.
#pragma once

#include "../index.h"

namespace sinter {

#define GATHER_PARAMS(F, A) \
  F(int32_t, batch)         \
  F(int32_t, outer)         \
  F(int32_t, extent)        \
  F(int32_t, inner)         \
  F(int32_t, count)         \
  F(int32_t, index_size)

SINTER_PARAMS(GatherParams, GATHER_PARAMS);

}  // namespace sinter
