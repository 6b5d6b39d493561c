#include <arm_neon.h>

#include "../unroll.h"
#include "rows.h"

namespace sinter {
namespace {

// Accumulators are squares of two rows by two columns.
template <int kRows, int kWidth>
class SquaresTile {
 public:
  static constexpr int kPairs = (kRows + 1) / 2, kSquares = kWidth / 2;
  explicit SquaresTile(const int32_t* bias) {
    SINTER_UNROLL
    for (int s = 0; s < kSquares; ++s) {
      const int32x2_t pair = vld1_s32(bias + s * 2);
      SINTER_UNROLL
      for (int i = 0; i < kPairs; ++i) acc_[i][s] = vcombine_s32(pair, pair);
    }
  }

  __attribute__((always_inline)) void multiply(const int8_t* const* rows, const int8_t* w, int32_t depth) {
    const int8_t* x[kPairs * 2];
    SINTER_UNROLL
    for (int row = 0; row < kPairs * 2; ++row) x[row] = rows[row < kRows ? row : kRows - 1];
    ptrdiff_t k = 0;
    for (; k + 16 <= depth; k += 16, w += 16 * kWidth) {
      int8x16_t weights[2][kSquares];
      SINTER_UNROLL
      for (int s = 0; s < 2 * kSquares; ++s) weights[s / kSquares][s % kSquares] = vld1q_s8(w + s * 16);
      SINTER_UNROLL
      for (int i = 0; i < kPairs; ++i) {
        const int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(x[2 * i] + k)), b = vreinterpretq_s64_s8(vld1q_s8(x[2 * i + 1] + k));
        const int8x16_t low = vreinterpretq_s8_s64(vzip1q_s64(a, b)), high = vreinterpretq_s8_s64(vzip2q_s64(a, b));
        SINTER_UNROLL
        for (int s = 0; s < kSquares; ++s) {
          acc_[i][s] = vmmlaq_s32(vmmlaq_s32(acc_[i][s], low, weights[0][s]), high, weights[1][s]);
        }
      }
    }
    if (k == depth) return;
    SINTER_UNROLL
    for (int i = 0; i < kPairs; ++i) {
      const int8x16_t a = vcombine_s8(vld1_s8(x[2 * i] + k), vld1_s8(x[2 * i + 1] + k));
      SINTER_UNROLL
      for (int s = 0; s < kSquares; ++s) acc_[i][s] = vmmlaq_s32(acc_[i][s], a, vld1q_s8(w + s * 16));
    }
  }

  int32x4_t sum(int row, int v) const {
    const int64x2_t a = vreinterpretq_s64_s32(acc_[row / 2][2 * v]), b = vreinterpretq_s64_s32(acc_[row / 2][2 * v + 1]);
    return vreinterpretq_s32_s64(row % 2 == 0 ? vzip1q_s64(a, b) : vzip2q_s64(a, b));
  }

 private:
  int32x4_t acc_[kPairs][kSquares];
};

struct I8mm {
  static constexpr int32_t kMr = 8, kNr = 8, kKr = 8, kColumns = 8;
  template <int kRows, int kWidth>
  using Tile = SquaresTile<kRows, kWidth>;
};

}  // namespace

extern "C" Status conv_s8_8x8k8__neon_i8mm(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return conv_rows<I8mm>(params, operands, scratch, begin, end);
}

}  // namespace sinter
