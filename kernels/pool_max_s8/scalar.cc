#include "../clamp.h"
#include "pool_max_s8.h"

namespace sinter {

extern "C" Status pool_max_s8_1x16__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  constexpr int32_t kNr = 16;
  const PoolMaxS8Params& p = *static_cast<const PoolMaxS8Params*>(params);
  const int8_t* input = static_cast<const int8_t*>(operands[0]);
  int8_t* y = static_cast<int8_t*>(operands[1]) + ptrdiff_t{begin} * p.out[2] * p.out_channels;
  for (PixelWalk walk = walk_from(p, begin * p.out[2]); walk.index < end * p.out[2]; next(p, walk)) {
    const Window<int8_t> window = window_inside_input(p, walk.pixel, input);
    for (int32_t first = 0; first < p.in_channels; first += kNr) {
      const int32_t channels = p.in_channels - first < kNr ? p.in_channels - first : kNr;
      int8_t best[kNr];
      for (int32_t c = 0; c < channels; ++c) best[c] = -128;
      visit_window(window, [&](const int8_t* x) {
        for (int32_t c = 0; c < channels; ++c) best[c] = x[first + c] > best[c] ? x[first + c] : best[c];
      });
      for (int32_t c = 0; c < channels; ++c) *y++ = static_cast<int8_t>(clamp(best[c], p.out_min, p.out_max));
    }
  }
  return kOk;
}

}  // namespace sinter
