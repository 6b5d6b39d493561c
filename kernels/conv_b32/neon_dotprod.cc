#include "tile_neon.h"

namespace sinter {
namespace {

struct NeonDotprod {
  static constexpr int32_t kMr = 4;

  template <int kBits, int kRows>
  using Tile = TileNeon<NeonDotprod, kBits, kRows>;

  template <int kBits, int kRows>
  static void dot(const Block32* const* x, ptrdiff_t b, const uint8_t* w, int32x4_t (&sum)[kRows][4]) {
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      SINTER_UNROLL
      for (int quarter = 0; quarter < 4; ++quarter) sum[row][quarter] = vdupq_n_s32(kBits == 4 ? x[row][b].offset : 0);
    }
    // Sixteen values lie in a vector of four lanes: those of quarters 0 to 3, then those of quarters 4 to 7.
    SINTER_UNROLL
    for (int part = 0; part < 2; ++part) {
      int8x16_t values[kRows];
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) values[row] = vld1q_s8(x[row][b].values + part * 16);
      SINTER_UNROLL
      for (int quarter = 0; quarter < 4; ++quarter) {
        multiply<kBits, kRows, 0>(w, part, quarter, values, sum);
        multiply<kBits, kRows, 1>(w, part, quarter, values, sum);
        multiply<kBits, kRows, 2>(w, part, quarter, values, sum);
        multiply<kBits, kRows, 3>(w, part, quarter, values, sum);
      }
    }
  }

 private:
  template <int kBits, int kRows, int kLane>
  static inline __attribute__((always_inline)) void multiply(const uint8_t* w, int part, int quarter,
                                                             const int8x16_t (&values)[kRows], int32x4_t (&sum)[kRows][4]) {
    const int8x16_t weights = weights_at<kBits>(w, part * 4 + kLane, quarter * 4);
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      sum[row][quarter] = vdotq_laneq_s32(sum[row][quarter], weights, values[row], kLane);
    }
  }
};

}  // namespace

#define SINTER_CONV(name, bits)                                                                                                  \
  extern "C" Status name##__neon_dotprod(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) { \
    return conv_located<NeonDotprod, bits>(params, operands, scratch, begin, end);                                               \
  }

SINTER_CONV(conv_q4b32_4x16, 4)
SINTER_CONV(conv_q8b32_4x16, 8)

}  // namespace sinter
