// Conversion between element types.
//
//   output = input as the target type
//
// Floats become integers by truncation, clamped to the target's range, and 0 for a NaN. Integers wrap. Anything but zero becomes
// true. Integers and float64 round to the nearest float, ties to even. float16 is read and written through float32.
//
// source and target are DTypes. Operands: input and output, `count` elements each.
//
// Tiles: 4096 elements.
#pragma once

#include "../elementwise.h"

namespace sinter {

#define CAST_PARAMS(F, A) \
  F(int32_t, count)       \
  F(int32_t, source)      \
  F(int32_t, target)

SINTER_PARAMS(CastParams, CAST_PARAMS);

}  // namespace sinter
