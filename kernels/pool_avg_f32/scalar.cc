#include "../clamp.h"
#include "pool_avg_f32.h"

namespace sinter {

extern "C" Status pool_avg_f32_1x16__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  constexpr int32_t kNr = 16;
  const PoolAvgF32Params& p = *static_cast<const PoolAvgF32Params*>(params);
  const float* input = static_cast<const float*>(operands[0]);
  float* output = static_cast<float*>(operands[1]);
  for (int32_t index = begin * p.out[2]; index < end * p.out[2]; ++index) {
    const Pixel pixel = locate(p, index);
    for (int32_t first = 0; first < p.in_channels; first += kNr) {
      const int32_t channels = p.in_channels - first < kNr ? p.in_channels - first : kNr;
      float acc[kNr];
      for (int32_t c = 0; c < channels; ++c) acc[c] = 0.0f;
      int32_t count = 0;
      visit_taps(p, pixel, [&](int32_t, int32_t position) {
        if (position < 0) return;
        const float* x = input + ptrdiff_t{position} * p.in_channels + first;
        for (int32_t c = 0; c < channels; ++c) {
          acc[c] += x[c];
        }
        ++count;
      });
      if (p.count_include_pad != 0) count = padded_taps(p, pixel);
      float* y = output + ptrdiff_t{index} * p.out_channels + first;
      for (int32_t c = 0; c < channels; ++c) y[c] = clamp(count == 0 ? 0.0f : acc[c] / static_cast<float>(count), p.low, p.high);
    }
  }
  return kOk;
}

}  // namespace sinter
