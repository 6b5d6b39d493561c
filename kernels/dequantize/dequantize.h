// Integers to float32, by one scale and zero point or by one for each channel: y = float(x - zero) * scale.
//
// Operands: x [outer, channels, inner] of the element type `dtype` (numbered as plan::DType): int8, uint8, int16, uint16 or int32;
// scale float32 [channels]; zero int32 [channels]; y float32 [outer, channels, inner]. Zeros outside the element type saturate.
#pragma once

#include "../elementwise.h"

namespace sinter {

#define DEQUANTIZE_PARAMS(F, A) \
  F(int32_t, outer)             \
  F(int32_t, channels)          \
  F(int32_t, inner)             \
  F(int32_t, dtype)

SINTER_PARAMS(DequantizeParams, DEQUANTIZE_PARAMS);

}  // namespace sinter
