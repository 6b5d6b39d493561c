// pool_max_s8 for both Arm architectures; Isa is a type that no other source file has.
#pragma once

#include <arm_neon.h>

#include "../clamp.h"
#include "pool_max_s8.h"

namespace sinter {

template <class Isa>
struct PoolMaxS8 {
  static void max16(const PoolMaxS8Params& p, const Window<int8_t>& window, int32_t c, int8_t* y) {
    int8x16_t best = vdupq_n_s8(-128);
    visit_window(window, [&](const int8_t* x) { best = vmaxq_s8(best, vld1q_s8(x + c)); });
    best = vmaxq_s8(best, vdupq_n_s8(static_cast<int8_t>(p.out_min)));
    vst1q_s8(y + c, vminq_s8(best, vdupq_n_s8(static_cast<int8_t>(p.out_max))));
  }

  static void max8(const PoolMaxS8Params& p, const Window<int8_t>& window, int32_t c, int8_t* y) {
    int8x8_t best = vdup_n_s8(-128);
    visit_window(window, [&](const int8_t* x) { best = vmax_s8(best, vld1_s8(x + c)); });
    best = vmax_s8(best, vdup_n_s8(static_cast<int8_t>(p.out_min)));
    vst1_s8(y + c, vmin_s8(best, vdup_n_s8(static_cast<int8_t>(p.out_max))));
  }

  static Status run(const void* params, void* const* operands, int32_t begin, int32_t end) {
    const PoolMaxS8Params& p = *static_cast<const PoolMaxS8Params*>(params);
    const int8_t* input = static_cast<const int8_t*>(operands[0]);
    const int32_t channels = p.in_channels;
    int8_t* y = static_cast<int8_t*>(operands[1]) + ptrdiff_t{begin} * p.out[2] * channels;
    for (PixelWalk walk = walk_from(p, begin * p.out[2]); walk.index < end * p.out[2]; next(p, walk), y += channels) {
      const Window<int8_t> window = window_inside_input(p, walk.pixel, input);
      // The last vector of a pixel overlaps the one before it.
      if (channels >= 16) {
        for (int32_t c = 0; c < channels; c += 16) max16(p, window, c + 16 <= channels ? c : channels - 16, y);
      } else if (channels >= 8) {
        for (int32_t c = 0; c < channels; c += 8) max8(p, window, c + 8 <= channels ? c : channels - 8, y);
      } else {
        for (int32_t c = 0; c < channels; ++c) {
          int32_t best = -128;
          visit_window(window, [&](const int8_t* x) { best = x[c] > best ? x[c] : best; });
          y[c] = static_cast<int8_t>(clamp(best, p.out_min, p.out_max));
        }
      }
    }
    return kOk;
  }
};

}  // namespace sinter
