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
    const ptrdiff_t whole = depth & ~15;
    ptrdiff_t k = 0;
    for (; k != whole; k += 16, w += 16 * kWidth) {
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
      __asm__("" : "+r"(w));  // or the compiler computes it once more behind the loop
    }
    if ((depth & 8) != 0) {
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
    if ((depth & 4) == 0) return;
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

// One row by kPanels panels of eight columns.
template <int kPanels>
class DotRow {
 public:
  explicit DotRow(const int32_t* bias) {
    SINTER_UNROLL
    for (int v = 0; v < 2 * kPanels; ++v) acc_[v] = vld1q_s32(bias + v * 4);
  }

  __attribute__((always_inline)) void multiply(const int8_t* x, const int8_t* weights, ptrdiff_t panel, int32_t depth) {
    const int8_t* w[kPanels];
    SINTER_UNROLL
    for (int i = 0; i < kPanels; ++i) w[i] = weights + i * panel;
    for (; depth >= 32; depth -= 32, x += 32) {
      add<0>(vld1q_s8(x), w);
      add<128>(vld1q_s8(x + 16), w);
      SINTER_UNROLL
      for (int i = 0; i < kPanels; ++i) w[i] += 256;
    }
    if (depth >= 16) {
      add<0>(vld1q_s8(x), w);
      depth -= 16;
      x += 16;
      SINTER_UNROLL
      for (int i = 0; i < kPanels; ++i) w[i] += 128;
    }
    for (; depth > 0; depth -= 4, x += 4) {
      const int8x16_t a = vreinterpretq_s8_s32(vld1q_dup_s32(reinterpret_cast<const int32_t*>(x)));
      SINTER_UNROLL
      for (int v = 0; v < 2 * kPanels; ++v) acc_[v] = vdotq_s32(acc_[v], vld1q_s8(w[v / 2] + v % 2 * 16), a);
      SINTER_UNROLL
      for (int i = 0; i < kPanels; ++i) w[i] += 32;
    }
  }

  int32x4_t sum(int v) const { return acc_[v]; }

 private:
  // Sixteen of K.
  template <int kAt>
  __attribute__((always_inline)) void add(int8x16_t a, const int8_t* const* w) {
    SINTER_UNROLL
    for (int i = 0; i < kPanels; ++i) {
      int8x16_t v[8];
      SINTER_UNROLL
      for (int j = 0; j < 8; ++j) v[j] = vld1q_s8(w[i] + kAt + j * 16);
      // All in registers at once, so that they are loaded in pairs.
      __asm__("" ::"w"(v[0]), "w"(v[1]), "w"(v[2]), "w"(v[3]), "w"(v[4]), "w"(v[5]), "w"(v[6]), "w"(v[7]));
      int32x4_t &low = acc_[2 * i], &high = acc_[2 * i + 1];
      low = vdotq_laneq_s32(vdotq_laneq_s32(low, v[0], a, 0), v[2], a, 1);
      high = vdotq_laneq_s32(vdotq_laneq_s32(high, v[1], a, 0), v[3], a, 1);
      low = vdotq_laneq_s32(vdotq_laneq_s32(low, v[4], a, 2), v[6], a, 3);
      high = vdotq_laneq_s32(vdotq_laneq_s32(high, v[5], a, 2), v[7], a, 3);
    }
  }

  int32x4_t acc_[2 * kPanels];
};

struct Dotprod {
  static constexpr int32_t kMr = 8, kNr = 8, kKr = 4, kColumns = 8;
  template <int kRows, int kWidth>
  using Tile = DotTile<kRows, kWidth>;
};

}  // namespace

extern "C" Status conv_s8_8x8k4__neon_dotprod(const void* params, void* const* operands, void* scratch, int32_t begin,
                                              int32_t end) {
  return conv_rows<Dotprod, DotRow, 4>(params, operands, scratch, begin, end);
}

}  // namespace sinter
