#include <arm_neon.h>

#include "../unroll.h"
#include "rows.h"

namespace sinter {
namespace {

// Accumulators are squares of two rows by two columns.
template <int kRows, int kWidth>
class SquaresTile {
 public:
  static constexpr int kPairs = kRows / 2, kSquares = kWidth / 2;
  explicit SquaresTile(const int32_t* bias) {
    SINTER_UNROLL
    for (int s = 0; s < kSquares; ++s) {
      const int32x2_t pair = vld1_s32(bias + s * 2);
      SINTER_UNROLL
      for (int i = 0; i < kPairs; ++i) acc_[i][s] = vcombine_s32(pair, pair);
    }
  }

  __attribute__((always_inline)) void multiply(const int8_t* x, const int8_t* w, int32_t depth) {
    for (; depth >= 16; depth -= 16, x += 16 * kRows, w += 16 * kWidth) {
      add<0>(x, w);
      add<1>(x, w);
    }
    if (depth != 0) add<0>(x, w);
  }

  int32x4_t sum(int row, int v) const {
    const int64x2_t a = vreinterpretq_s64_s32(acc_[row / 2][2 * v]), b = vreinterpretq_s64_s32(acc_[row / 2][2 * v + 1]);
    return vreinterpretq_s32_s64(row % 2 == 0 ? vzip1q_s64(a, b) : vzip2q_s64(a, b));
  }

 private:
  // Eight of K, the kAt-th.
  template <int kAt>
  __attribute__((always_inline)) void add(const int8_t* x, const int8_t* w) {
    int8x16_t weights[kSquares];
    SINTER_UNROLL
    for (int s = 0; s < kSquares; ++s) weights[s] = vld1q_s8(w + (kAt * kSquares + s) * 16);
    SINTER_UNROLL
    for (int i = 0; i < kPairs; ++i) {
      const int8x16_t pair = vld1q_s8(x + (kAt * kPairs + i) * 16);
      SINTER_UNROLL
      for (int s = 0; s < kSquares; ++s) acc_[i][s] = vmmlaq_s32(acc_[i][s], pair, weights[s]);
    }
  }

  int32x4_t acc_[kPairs][kSquares];
};

// One row by kPanels panels of eight columns: the other row of its squares is the same.
template <int kPanels>
class SquaresRow {
 public:
  static constexpr int kSquares = kPanels * 4;
  explicit SquaresRow(const int32_t* bias) {
    SINTER_UNROLL
    for (int s = 0; s < kSquares; ++s) acc_[s] = vcombine_s32(vld1_s32(bias + s * 2), vdup_n_s32(0));
  }

  __attribute__((always_inline)) void multiply(const int8_t* x, const int8_t* weights, ptrdiff_t panel, int32_t depth) {
    const int8_t* w[kPanels];
    SINTER_UNROLL
    for (int i = 0; i < kPanels; ++i) w[i] = weights + i * panel;
    for (; depth > 0; depth -= 8, x += 8) {
      const int8x8_t half = vld1_s8(x);
      const int8x16_t pair = vcombine_s8(half, half);
      SINTER_UNROLL
      for (int i = 0; i < kPanels; ++i) {
        int8x16_t v[4];
        SINTER_UNROLL
        for (int j = 0; j < 4; ++j) v[j] = vld1q_s8(w[i] + j * 16);
        // All in registers at once, so that they are loaded in pairs.
        __asm__("" ::"w"(v[0]), "w"(v[1]), "w"(v[2]), "w"(v[3]));
        SINTER_UNROLL
        for (int j = 0; j < 4; ++j) acc_[i * 4 + j] = vmmlaq_s32(acc_[i * 4 + j], pair, v[j]);
        w[i] += 64;
      }
    }
  }

  int32x4_t sum(int v) const {
    return vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(acc_[2 * v]), vreinterpretq_s64_s32(acc_[2 * v + 1])));
  }

 private:
  int32x4_t acc_[kSquares];
};

template <int kWidth>
class SquaresTile<1, kWidth> {
 public:
  explicit SquaresTile(const int32_t* bias) : row_(bias) {}
  __attribute__((always_inline)) void multiply(const int8_t* const* rows, const int8_t* w, int32_t depth) {
    row_.multiply(rows[0], w, 0, depth);
  }
  int32x4_t sum(int, int v) const { return row_.sum(v); }

 private:
  SquaresRow<kWidth / 8> row_;
};

struct I8mm {
  static constexpr int32_t kMr = 8, kNr = 8, kKr = 8, kColumns = 8;
  template <int kRows, int kWidth>
  using Tile = SquaresTile<kRows, kWidth>;

  template <int kRows>
  static __attribute__((always_inline)) void pair(const int8_t* const* rows, int32_t depth, int8_t* to) {
    const int8_t* x[kRows];
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) x[row] = rows[row];
    const ptrdiff_t whole = depth & ~15;
    ptrdiff_t k = 0;
    for (; k != whole; k += 16, to += 16 * kRows) {
      SINTER_UNROLL
      for (int row = 0; row < kRows; row += 2) {
        const int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(x[row] + k)), b = vreinterpretq_s64_s8(vld1q_s8(x[row + 1] + k));
        vst1q_s8(to + row * 8, vreinterpretq_s8_s64(vzip1q_s64(a, b)));
        vst1q_s8(to + (kRows + row) * 8, vreinterpretq_s8_s64(vzip2q_s64(a, b)));
      }
    }
    if (k == depth) return;
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) vst1_s8(to + row * 8, vld1_s8(x[row] + k));
  }
};

}  // namespace

extern "C" Status conv_s8_8x8k8__neon_i8mm(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return conv_rows<I8mm, SquaresRow, 4>(params, operands, scratch, begin, end);
}

}  // namespace sinter
