// Transposed convolution by gathering: input pixel i contributes to the output coordinates i * stride - pad + tap * dilation of
// each axis. The spatial fields are those of the ordinary convolution whose gradient this is, with `in` and `out` as they are here,
// so pad counts the output elements cut off before the first; output padding is part of `out`.
#pragma once

#include "conv_tile.h"

namespace sinter {

// Calls visit(tap, input pixel) for every tap that reaches this output pixel.
template <class Params, class Visit>
static inline void visit_transposed_taps(const Params& p, int32_t index, Visit visit) {
  int32_t origin[3];
  for (int i = 2; i >= 0; --i) {
    origin[i] = index % p.out[i] + p.pad[i];
    index /= p.out[i];
  }
  int32_t tap = 0;
  for (int32_t kd = 0; kd < p.kernel[0]; ++kd) {
    const int32_t d = origin[0] - kd * p.dilation[0];
    for (int32_t kh = 0; kh < p.kernel[1]; ++kh) {
      const int32_t h = origin[1] - kh * p.dilation[1];
      for (int32_t kw = 0; kw < p.kernel[2]; ++kw, ++tap) {
        const int32_t w = origin[2] - kw * p.dilation[2];
        if (d % p.stride[0] != 0 || h % p.stride[1] != 0 || w % p.stride[2] != 0) continue;
        const int32_t position = input_pixel(p, index, d / p.stride[0], h / p.stride[1], w / p.stride[2]);
        if (position >= 0) visit(tap, position);
      }
    }
  }
}

}  // namespace sinter
