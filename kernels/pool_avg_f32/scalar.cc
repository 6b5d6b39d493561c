#include "../clamp.h"
#include "pool_avg_f32.h"

namespace sinter {

extern "C" Status pool_avg_f32_1x16__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  constexpr int32_t kNr = 16;
  const PoolAvgF32Params& p = *static_cast<const PoolAvgF32Params*>(params);
  const float* input = static_cast<const float*>(operands[0]);
  float* y = static_cast<float*>(operands[1]) + ptrdiff_t{begin} * p.out[2] * p.out_channels;
  for (PixelWalk walk = walk_from(p, begin * p.out[2]); walk.index < end * p.out[2]; next(p, walk)) {
    const Window<float> window = window_inside_input(p, walk.pixel, input);
    const float divisor = pool_divisor(p, walk.pixel, window.count);
    for (int32_t first = 0; first < p.in_channels; first += kNr) {
      const int32_t channels = p.in_channels - first < kNr ? p.in_channels - first : kNr;
      float sum[kNr];
      for (int32_t c = 0; c < channels; ++c) sum[c] = 0.0f;
      visit_window(window, [&](const float* x) {
        for (int32_t c = 0; c < channels; ++c) sum[c] += x[first + c];
      });
      for (int32_t c = 0; c < channels; ++c) *y++ = clamp(sum[c] / divisor, p.low, p.high);
    }
  }
  return kOk;
}

}  // namespace sinter
