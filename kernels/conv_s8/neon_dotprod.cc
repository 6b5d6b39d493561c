#include <arm_neon.h>

#include "../unroll.h"
#include "rows.h"

namespace sinter {
namespace {

template <int kRows, int kWidth>
class DotTile {
 public:
  static constexpr int kVectors = kWidth / 4;

  explicit DotTile(const int32_t* bias) {
    SINTER_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) acc_[row][v] = vld1q_s32(bias + v * 4);
    }
  }

  __attribute__((always_inline)) void multiply(const int8_t* const* rows, const int8_t* w, int32_t depth) {
    const int8_t* x[kRows];
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) x[row] = rows[row];
    ptrdiff_t k = 0;
    for (; k + 16 <= depth; k += 16, w += 16 * kWidth) {
      int8x16_t weights[4][kVectors];
      SINTER_UNROLL
      for (int i = 0; i < 4 * kVectors; ++i) weights[i / kVectors][i % kVectors] = vld1q_s8(w + i * 16);
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) {
        const int8x16_t a = vld1q_s8(x[row] + k);
        SINTER_UNROLL
        for (int v = 0; v < kVectors; ++v) {
          int32x4_t& acc = acc_[row][v];
          acc = vdotq_laneq_s32(acc, weights[0][v], a, 0);
          acc = vdotq_laneq_s32(acc, weights[1][v], a, 1);
          acc = vdotq_laneq_s32(acc, weights[2][v], a, 2);
          acc = vdotq_laneq_s32(acc, weights[3][v], a, 3);
        }
      }
    }
    if (k + 8 <= depth) {
      int8x16_t weights[2][kVectors];
      SINTER_UNROLL
      for (int i = 0; i < 2 * kVectors; ++i) weights[i / kVectors][i % kVectors] = vld1q_s8(w + i * 16);
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) {
        const int8x8_t a = vld1_s8(x[row] + k);
        SINTER_UNROLL
        for (int v = 0; v < kVectors; ++v) {
          acc_[row][v] = vdotq_lane_s32(vdotq_lane_s32(acc_[row][v], weights[0][v], a, 0), weights[1][v], a, 1);
        }
      }
      k += 8;
      w += 8 * kWidth;
    }
    if (k == depth) return;
    int8x16_t weights[kVectors];
    SINTER_UNROLL
    for (int v = 0; v < kVectors; ++v) weights[v] = vld1q_s8(w + v * 16);
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      const int8x16_t a = vreinterpretq_s8_s32(vld1q_dup_s32(reinterpret_cast<const int32_t*>(x[row] + k)));
      SINTER_UNROLL
      for (int v = 0; v < kVectors; ++v) acc_[row][v] = vdotq_s32(acc_[row][v], weights[v], a);
    }
  }

  int32x4_t sum(int row, int v) const { return acc_[row][v]; }

 private:
  int32x4_t acc_[kRows][kVectors];
};

struct Dotprod {
  static constexpr int32_t kMr = 8, kNr = 8, kKr = 4, kColumns = 8;
  template <int kRows, int kWidth>
  using Tile = DotTile<kRows, kWidth>;
};

}  // namespace

extern "C" Status conv_s8_8x8k4__neon_dotprod(const void* params, void* const* operands, void* scratch, int32_t begin,
                                              int32_t end) {
  return conv_rows<Dotprod>(params, operands, scratch, begin, end);
}

}  // namespace sinter
