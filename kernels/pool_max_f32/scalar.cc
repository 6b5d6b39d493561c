#include "../clamp.h"
#include "pool_max_f32.h"

namespace sinter {

extern "C" Status pool_max_f32_1x16__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  constexpr int32_t kNr = 16;
  const PoolMaxF32Params& p = *static_cast<const PoolMaxF32Params*>(params);
  const float* input = static_cast<const float*>(operands[0]);
  float* y = static_cast<float*>(operands[1]) + ptrdiff_t{begin} * p.out[2] * p.out_channels;
  for (PixelWalk walk = walk_from(p, begin * p.out[2]); walk.index < end * p.out[2]; next(p, walk)) {
    const Window<float> window = window_inside_input(p, walk.pixel, input);
    for (int32_t first = 0; first < p.in_channels; first += kNr) {
      const int32_t channels = p.in_channels - first < kNr ? p.in_channels - first : kNr;
      float best[kNr];
      for (int32_t c = 0; c < channels; ++c) best[c] = -__builtin_inff();
      visit_window(window, [&](const float* x) {
        for (int32_t c = 0; c < channels; ++c) best[c] = x[first + c] > best[c] ? x[first + c] : best[c];
      });
      for (int32_t c = 0; c < channels; ++c) *y++ = clamp(best[c], p.low, p.high);
    }
  }
  return kOk;
}

}  // namespace sinter
