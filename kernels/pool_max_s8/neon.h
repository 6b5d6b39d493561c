// pool_max_s8 for both Arm architectures; Isa is a type that no other source file has.
#pragma once

#include <arm_neon.h>

#include "../pool_s8.h"
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
    return pool_s8<PoolMaxS8Params, 16, 8>(params, operands, begin, end, max16, max8, max_one);
  }
};

}  // namespace sinter
