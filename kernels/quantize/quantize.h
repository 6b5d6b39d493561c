// float32 to integers, by one scale and zero point or by one for each channel.
//
//   y = clamp(round(x / scale) + zero), halves away from zero, NaN as 0, clamped to the output's element type
//
// Operands: x float32 [outer, channels, inner]; scale float32 [channels]; zero int32 [channels]; y [outer, channels, inner] of the
// element type `dtype` (numbered as plan::DType): int8, uint8, int16, uint16 or int32. Zeros outside the element type saturate.
#pragma once

#include "../elementwise.h"

namespace sinter {

#define QUANTIZE_PARAMS(F, A) \
  F(int32_t, outer)           \
  F(int32_t, channels)        \
  F(int32_t, inner)           \
  F(int32_t, dtype)

SINTER_PARAMS(QuantizeParams, QUANTIZE_PARAMS);

}  // namespace sinter
