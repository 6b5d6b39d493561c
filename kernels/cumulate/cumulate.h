// Running sums or products along the middle axis of [outer, extent, inner].
//
//   output[o, a, i] = data[o, 0, i] + ... + data[o, a, i], in this order; without the last term if `exclusive`; from the end
//   backwards if `reverse`; products if `product`. The sum of nothing is 0, the product 1.
//
// dtype is float32 or an integer type, which wraps.
//
// Operands: data; output, both alike.
//
// Tiles: one (outer, inner).
#pragma once

#include "../strided.h"

namespace sinter {

#define CUMULATE_PARAMS(F, A) \
  F(int32_t, outer)           \
  F(int32_t, extent)          \
  F(int32_t, inner)           \
  F(int32_t, dtype)           \
  F(int32_t, exclusive)       \
  F(int32_t, reverse)         \
  F(int32_t, product)

SINTER_PARAMS(CumulateParams, CUMULATE_PARAMS);

}  // namespace sinter
