#include "tile_neon.h"

namespace sinter {
namespace {

struct Neon {
  static constexpr int32_t kMr = 4;

  template <int kBits, int kRows>
  using Tile = TileNeon<Neon, kBits, kRows>;

  // An int16 lane holds one product of each of so many quarters: eight of 4-bit weights, two of 8-bit ones.
  template <int kBits, int kRows>
  static void dot(const Block32* const* x, ptrdiff_t b, const uint8_t* w, int32x4_t (&sum)[kRows][4]) {
    constexpr int kFit = kBits == 4 ? 8 : 2;
    // Eight columns at a time, two of them in each of four vectors.
    for (int half = 0; half < 2; ++half) {
      int32x4_t wide[kRows][4];
      SINTER_UNROLL
      for (int k = 0; k < 8; k += kFit) {
        int16x8_t products[kRows][4];
        SINTER_UNROLL
        for (int at = k; at < k + kFit; ++at) {
          const int8x16_t left = weights_at<kBits>(w, at, half * 8), right = weights_at<kBits>(w, at, half * 8 + 4);
          SINTER_UNROLL
          for (int row = 0; row < kRows; ++row) {
            const int8x16_t values = four_values(x[row][b].values + at * 4);
            if (at == k) {
              products[row][0] = vmull_s8(vget_low_s8(left), vget_low_s8(values));
              products[row][1] = vmull_high_s8(left, values);
              products[row][2] = vmull_s8(vget_low_s8(right), vget_low_s8(values));
              products[row][3] = vmull_high_s8(right, values);
            } else {
              products[row][0] = vmlal_s8(products[row][0], vget_low_s8(left), vget_low_s8(values));
              products[row][1] = vmlal_high_s8(products[row][1], left, values);
              products[row][2] = vmlal_s8(products[row][2], vget_low_s8(right), vget_low_s8(values));
              products[row][3] = vmlal_high_s8(products[row][3], right, values);
            }
          }
        }
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) {
          SINTER_UNROLL
          for (int pair = 0; pair < 4; ++pair) {
            wide[row][pair] = k == 0 ? vpaddlq_s16(products[row][pair]) : vpadalq_s16(wide[row][pair], products[row][pair]);
          }
        }
      }
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) {
        const int32x4_t offset = vdupq_n_s32(kBits == 4 ? x[row][b].offset : 0);
        sum[row][half * 2] = vaddq_s32(vpaddq_s32(wide[row][0], wide[row][1]), offset);
        sum[row][half * 2 + 1] = vaddq_s32(vpaddq_s32(wide[row][2], wide[row][3]), offset);
      }
    }
  }
};

}  // namespace

#define SINTER_CONV(name, bits)                                                                                          \
  extern "C" Status name##__neon(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) { \
    return conv_located<Neon, bits>(params, operands, scratch, begin, end);                                              \
  }

SINTER_CONV(conv_q4b32_4x16, 4)
SINTER_CONV(conv_q8b32_4x16, 8)

}  // namespace sinter
