#include <arm_neon.h>

#include "../requantize_neon.h"
#include "widened.h"

namespace sinter {
namespace {

struct Neon {
  static void widen16(int16_t* to, const int8_t* x) {
    const int8x16_t bytes = vld1q_s8(x);
    vst1q_s16(to, vmovl_s8(vget_low_s8(bytes)));
    vst1q_s16(to + 8, vmovl_high_s8(bytes));
  }
  static void fill16(int16_t* to, int16_t value) {
    vst1q_s16(to, vdupq_n_s16(value));
    vst1q_s16(to + 8, vdupq_n_s16(value));
  }

  template <int kRows, int kHalves>
  struct Tile {
    int32x4_t acc[kRows][kHalves * 2];

    explicit Tile(const int32_t* bias) {
      SINTER_UNROLL
      for (int v = 0; v < kHalves * 2; ++v) {
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) acc[row][v] = vld1q_s32(bias + v * 4);
      }
    }

    // One pair of K: the weights of 8 columns by 2 lie side by side.
    template <int kLane>
    __attribute__((always_inline)) void multiply_pair(const int16x8_t x[kRows], const int8_t* w) {
      SINTER_UNROLL
      for (int half = 0; half < kHalves; ++half) {
        const int8x8x2_t pair = vld2_s8(w + half * 16);
        const int16x8_t even = vmovl_s8(pair.val[0]), odd = vmovl_s8(pair.val[1]);
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) {
          int32x4_t& low = acc[row][half * 2];
          int32x4_t& high = acc[row][half * 2 + 1];
          low = vmlal_laneq_s16(low, vget_low_s16(even), x[row], kLane);
          high = vmlal_high_laneq_s16(high, even, x[row], kLane);
          low = vmlal_laneq_s16(low, vget_low_s16(odd), x[row], kLane + 1);
          high = vmlal_high_laneq_s16(high, odd, x[row], kLane + 1);
        }
      }
    }

    __attribute__((always_inline)) void multiply(const int16_t* a, ptrdiff_t stride, const int8_t* w, int32_t pairs) {
      int16x8_t x[kRows];
      for (; pairs >= 4; pairs -= 4, a += 8, w += 128) {
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) x[row] = vld1q_s16(a + row * stride);
        multiply_pair<0>(x, w);
        multiply_pair<2>(x, w + 32);
        multiply_pair<4>(x, w + 64);
        multiply_pair<6>(x, w + 96);
      }
      for (; pairs > 0; --pairs, a += 2, w += 32) {
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) {
          int32_t pair;
          __builtin_memcpy(&pair, a + row * stride, sizeof(pair));
          x[row] = vreinterpretq_s16_s32(vdupq_n_s32(pair));
        }
        multiply_pair<0>(x, w);
      }
    }

    void store(const int32_t* multiplier, const int32_t* shift, const ConvS8Params& p, int8_t* y, int32_t columns) const {
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row, y += p.out_channels) {
        SINTER_UNROLL
        for (int half = 0; half < kHalves; ++half) {
          const int32x4_t low = rescale(acc[row][half * 2], multiplier + half * 8, shift + half * 8);
          const int32x4_t high = rescale(acc[row][half * 2 + 1], multiplier + half * 8 + 4, shift + half * 8 + 4);
          store_s8(y + half * 8, pack_s8(low, high, p.out_zero, p.out_min, p.out_max), columns - half * 8);
        }
      }
    }
  };
};

}  // namespace

extern "C" Status conv_s8_4x16k2__neon(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return conv_widened<Neon>(params, operands, scratch, begin, end);
}

}  // namespace sinter
