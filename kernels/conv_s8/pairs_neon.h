// Tiles that multiply pairs of K in int16 and add them up in int32: three instructions for sixteen products. kSymmetric: the
// weights lie in -127..127, so that two products fit into int16; else each is widened by itself.
#pragma once

#include "../neon.h"
#include "../unroll.h"

namespace sinter {

// low, high += the products of eight columns' weights with two pairs of a row: `first` belongs to the first pair.
template <bool kSymmetric>
static inline __attribute__((always_inline)) void add_pairs(int32x4_t& low, int32x4_t& high, int8x16_t first, int8x16_t second,
                                                            const int8x16x2_t& pairs) {
  const int8x16_t a = pairs.val[0], b = pairs.val[1];
  const int16x8_t t = vmull_s8(vget_low_s8(first), vget_low_s8(a)), u = mull_high(first, a);
  if (kSymmetric) {
    low = vpadalq_s16(low, vmlal_s8(t, vget_low_s8(second), vget_low_s8(b)));
    high = vpadalq_s16(high, mlal_high(u, second, b));
  } else {
    low = vpadalq_s16(vpadalq_s16(low, t), vmull_s8(vget_low_s8(second), vget_low_s8(b)));
    high = vpadalq_s16(vpadalq_s16(high, u), mull_high(second, b));
  }
}

template <class Isa, int kRows, int kWidth>
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
      int8x16_t first[kVectors / 2], second[kVectors / 2];
      SINTER_UNROLL
      for (int i = 0; i < kVectors / 2; ++i) first[i] = vld1q_s8(w + i * 16);
      SINTER_UNROLL
      for (int i = 0; i < kVectors / 2; ++i) second[i] = vld1q_s8(w + kPair + i * 16);
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) {
        const int8x16x2_t pairs = load_pairs(x[row]);
        x[row] += 4;
        SINTER_UNROLL
        for (int i = 0; i < kVectors / 2; ++i) {
          add_pairs<Isa::kSymmetric>(acc_[row][2 * i], acc_[row][2 * i + 1], first[i], second[i], pairs);
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
