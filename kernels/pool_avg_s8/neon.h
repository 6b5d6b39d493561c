// pool_avg_s8 for both Arm architectures; Isa is a type that no other source file has.
#pragma once

#include "../neon.h"
#include "../pool_s8.h"
#include "../unroll.h"
#include "pool_avg_s8.h"

namespace sinter {

template <class Isa>
struct PoolAvgS8 {
  static void average16(const PoolAvgS8Params& p, const Window<int8_t>& window, int32_t c, int8_t* y) {
    int32x4_t sums[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
    visit_window(window, [&](const int8_t* x) {
      const int8x16_t bytes = vld1q_s8(x + c);
      const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_s8(vget_high_s8(bytes));
      sums[0] = vaddw_s16(sums[0], vget_low_s16(low)), sums[1] = addw_high(sums[1], low);
      sums[2] = vaddw_s16(sums[2], vget_low_s16(high)), sums[3] = addw_high(sums[3], high);
    });
    int32_t sum[16];
    SINTER_UNROLL
    for (int i = 0; i < 4; ++i) vst1q_s32(sum + i * 4, sums[i]);
    for (int i = 0; i < 16; ++i) y[c + i] = average_s8(p, sum[i], window.count);
  }

  static Status run(const void* params, void* const* operands, int32_t begin, int32_t end) {
    return pool_s8<PoolAvgS8Params, 16, 16>(params, operands, begin, end, average16, average16, average_one);
  }
};

}  // namespace sinter
