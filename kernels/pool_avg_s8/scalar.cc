#include "../clamp.h"
#include "pool_avg_s8.h"

namespace sinter {

extern "C" Status pool_avg_s8_1x16__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  constexpr int32_t kNr = 16;
  const PoolAvgS8Params& p = *static_cast<const PoolAvgS8Params*>(params);
  const int8_t* input = static_cast<const int8_t*>(operands[0]);
  int8_t* output = static_cast<int8_t*>(operands[1]);
  for (int32_t index = begin * p.out[2]; index < end * p.out[2]; ++index) {
    const Pixel pixel = locate(p, index);
    for (int32_t first = 0; first < p.in_channels; first += kNr) {
      const int32_t channels = p.in_channels - first < kNr ? p.in_channels - first : kNr;
      int32_t acc[kNr];
      for (int32_t c = 0; c < channels; ++c) acc[c] = 0;
      int32_t count = 0;
      visit_taps(p, pixel, [&](int32_t, int32_t position) {
        if (position < 0) return;
        const int8_t* x = input + ptrdiff_t{position} * p.in_channels + first;
        for (int32_t c = 0; c < channels; ++c) {
          acc[c] += x[c];
        }
        ++count;
      });
      int8_t* y = output + ptrdiff_t{index} * p.out_channels + first;
      for (int32_t c = 0; c < channels; ++c)
        y[c] = static_cast<int8_t>(
            clamp(count == 0 ? 0 : (acc[c] > 0 ? acc[c] + count / 2 : acc[c] - count / 2) / count, p.out_min, p.out_max));
    }
  }
  return kOk;
}

}  // namespace sinter
