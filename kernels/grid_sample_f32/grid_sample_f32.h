// Sampling of float32 images at computed positions (ONNX GridSample over two spatial axes).
//
//   output[b, h, w, c] = interpolation of input[b, :, :, c] at grid[b, h, w] = (x, y), -1 the first and 1 the last position of an
//   axis
//
// -1 and 1 mean the centres of the outermost pixels with align_corners, their outer edges without. mode: 0 nearest (ties to even),
// 1 linear, 2 cubic (a = -0.75). padding, for what lies outside: 0 zeros, 1 the nearest pixel, 2 reflection. A position that is not
// finite reads as 0 before the first pixel. At most 16 products are summed, in float.
//
// Operands: input float [batch, in_height, in_width, channels]; grid float [batch, height, width, 2]; output float
// [batch, height, width, channels]. Tiles: one row of output pixels.
#pragma once

#include "../check.h"

namespace sinter {

#define GRID_SAMPLE_F32_PARAMS(F, A) \
  F(int32_t, batch)                  \
  F(int32_t, in_height)              \
  F(int32_t, in_width)               \
  F(int32_t, height)                 \
  F(int32_t, width)                  \
  F(int32_t, channels)               \
  F(int32_t, mode)                   \
  F(int32_t, padding)                \
  F(int32_t, align_corners)

SINTER_PARAMS(GridSampleF32Params, GRID_SAMPLE_F32_PARAMS);

}  // namespace sinter
