#include "pool_avg_s8.h"

namespace sinter {

extern "C" Status pool_avg_s8_1x16__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  constexpr int32_t kNr = 16;
  const PoolAvgS8Params& p = *static_cast<const PoolAvgS8Params*>(params);
  const int8_t* input = static_cast<const int8_t*>(operands[0]);
  int8_t* y = static_cast<int8_t*>(operands[1]) + ptrdiff_t{begin} * p.out[2] * p.out_channels;
  for (PixelWalk walk = walk_from(p, begin * p.out[2]); walk.index < end * p.out[2]; next(p, walk)) {
    const Window<int8_t> window = window_inside_input(p, walk.pixel, input);
    const int32_t count = window.count;
    for (int32_t first = 0; first < p.in_channels; first += kNr) {
      const int32_t channels = p.in_channels - first < kNr ? p.in_channels - first : kNr;
      int32_t sum[kNr];
      for (int32_t c = 0; c < channels; ++c) sum[c] = 0;
      visit_window(window, [&](const int8_t* x) {
        for (int32_t c = 0; c < channels; ++c) sum[c] += x[first + c];
      });
      for (int32_t c = 0; c < channels; ++c) *y++ = average_s8(p, sum[c], count);
    }
  }
  return kOk;
}

}  // namespace sinter
