// Tiles that multiply pairs of K in int16 and add them up in int32: three instructions for sixteen products. kSymmetric: the
// weights lie in -127..127, so that two products fit into int16; else each is widened by itself.
#pragma once

#include <arm_neon.h>

#include "../unroll.h"

namespace sinter {

template <int kRows, int kWidth, bool kSymmetric>
class PairsTile {
 public:
  static constexpr int kVectors = kWidth / 4;

  explicit PairsTile(const int32_t* bias) {
    SINTER_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) acc_[row][v] = vld1q_s32(bias + v * 4);
    }
  }

  __attribute__((always_inline)) void multiply(const int8_t* const* rows, const int8_t* w, int32_t depth) {
    constexpr int32_t kPair = 32;  // bytes of one pair of all columns of a panel
    const int8_t* x[kRows];
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) x[row] = rows[row];
    for (; depth >= 4; depth -= 4, w += 2 * kPair) {
      int8x8_t first[kVectors], second[kVectors];
      SINTER_UNROLL
      for (int v = 0; v < kVectors; ++v) first[v] = vld1_s8(w + v * 8);
      SINTER_UNROLL
      for (int v = 0; v < kVectors; ++v) second[v] = vld1_s8(w + kPair + v * 8);
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) {
        const int16x4x2_t pairs = vld2_dup_s16(reinterpret_cast<const int16_t*>(x[row]));
        x[row] += 4;
        const int8x8_t a = vreinterpret_s8_s16(pairs.val[0]), b = vreinterpret_s8_s16(pairs.val[1]);
        SINTER_UNROLL
        for (int v = 0; v < kVectors; ++v) {
          int16x8_t products = vmull_s8(first[v], a);
          if (kSymmetric) {
            products = vmlal_s8(products, second[v], b);
          } else {
            acc_[row][v] = vpadalq_s16(acc_[row][v], products);
            products = vmull_s8(second[v], b);
          }
          acc_[row][v] = vpadalq_s16(acc_[row][v], products);
        }
      }
    }
    if (depth == 0) return;
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      const int8x8_t a = vreinterpret_s8_s16(vld1_dup_s16(reinterpret_cast<const int16_t*>(x[row])));
      SINTER_UNROLL
      for (int v = 0; v < kVectors; ++v) acc_[row][v] = vpadalq_s16(acc_[row][v], vmull_s8(vld1_s8(w + v * 8), a));
    }
  }

  int32x4_t sum(int row, int v) const { return acc_[row][v]; }

 private:
  int32x4_t acc_[kRows][kVectors];
};

}  // namespace sinter
