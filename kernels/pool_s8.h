// How int8 pools go through the pixels of output rows and their channels.
#pragma once

#include "spatial.h"

namespace sinter {

// Calls wide(p, window, c, y) for each kWide channels of a pixel from c on, of pixels with fewer narrow() for each kNarrow, else
// one() for each; the last call for a pixel's channels may overlap the one before.
template <class Params, int32_t kWide, int32_t kNarrow, class Wide, class Narrow, class One>
static inline __attribute__((always_inline)) Status pool_s8(const void* params, void* const* operands, int32_t begin, int32_t end,
                                                            Wide wide, Narrow narrow, One one) {
  const Params& p = *static_cast<const Params*>(params);
  const int8_t* input = static_cast<const int8_t*>(operands[0]);
  const int32_t channels = p.in_channels;
  int8_t* y = static_cast<int8_t*>(operands[1]) + ptrdiff_t{begin} * p.out[2] * channels;
  for (PixelWalk walk = walk_from(p, begin * p.out[2]); walk.index < end * p.out[2]; next(p, walk), y += channels) {
    const Window<int8_t> window = window_inside_input(p, walk.pixel, input);
    if (channels >= kWide) {
      for (int32_t c = 0; c < channels; c += kWide) wide(p, window, c + kWide <= channels ? c : channels - kWide, y);
    } else if (channels >= kNarrow) {
      for (int32_t c = 0; c < channels; c += kNarrow) narrow(p, window, c + kNarrow <= channels ? c : channels - kNarrow, y);
    } else {
      for (int32_t c = 0; c < channels; ++c) one(p, window, c, y);
    }
  }
  return kOk;
}

}  // namespace sinter
