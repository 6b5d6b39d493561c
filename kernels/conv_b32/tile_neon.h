// The float part of a tile for NEON. Isa is as in located.h, with
//
//   Isa::dot<bits, rows>(x, b, w, sum)   sum[row][quarter] = the products of block b of each row with four columns
#pragma once

#include <arm_neon.h>

#include "../unroll.h"
#include "located.h"

namespace sinter {

template <class Isa, int kBits, int kRows>
class TileNeon {
 public:
  explicit TileNeon(const float* bias) {
    for (int row = 0; row < kRows; ++row) {
      for (int n = 0; n < kNr; n += 4) vst1q_f32(acc_[row] + n, vld1q_f32(bias + n));
    }
  }

  void multiply(const Block32* const* rows, int32_t blocks, const uint8_t* w, const uint16_t* s) {
    const Block32* x[kRows];
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) x[row] = rows[row];
    for (ptrdiff_t b = 0; b < blocks; ++b, w += kNr * block_bytes(kBits), s += kNr) {
      int32x4_t sum[kRows][4];
      Isa::template dot<kBits, kRows>(x, b, w, sum);
      SINTER_UNROLL
      for (int quarter = 0; quarter < 4; ++quarter) {
        const float32x4_t scale = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(s + quarter * 4)));
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) {
          const float32x4_t term = vmulq_n_f32(vcvtq_f32_s32(sum[row][quarter]), x[row][b].scale);
          float* acc = acc_[row] + quarter * 4;
          vst1q_f32(acc, vfmaq_f32(vld1q_f32(acc), term, scale));
        }
      }
    }
  }

  void store(const ConvB32Params& p, float* y, int32_t columns) {
    const float32x4_t low = vdupq_n_f32(p.low), high = vdupq_n_f32(p.high);
    for (int row = 0; row < kRows; ++row, y += p.out_channels) {
      // These are NaN where either operand is.
      for (int n = 0; n < kNr; n += 4) vst1q_f32(acc_[row] + n, vminq_f32(high, vmaxq_f32(low, vld1q_f32(acc_[row] + n))));
      for (int32_t n = 0; n < columns && n < kNr; ++n) y[n] = acc_[row][n];
    }
  }

 private:
  // In memory, since the registers are for the dots.
  float acc_[kRows][kNr];
};

// Four values of a block, in every lane.
static inline int8x16_t four_values(const int8_t* values) {
  int32_t bits;
  __builtin_memcpy(&bits, values, sizeof(bits));
  return vreinterpretq_s8_s32(vdupq_n_s32(bits));
}

// Four channels, those of quarter k, of columns n to n + 3: 4-bit weights as they are stored, 8-bit ones without their zero.
template <int kBits>
static inline int8x16_t weights_at(const uint8_t* w, int k, int n) {
  const uint8x16_t stored = vld1q_u8(w + ((kBits == 8 ? k : k % 4) * kNr + n) * 4);
  if (kBits == 8) return vreinterpretq_s8_u8(veorq_u8(stored, vdupq_n_u8(0x80)));
  return vreinterpretq_s8_u8(k < 4 ? vandq_u8(stored, vdupq_n_u8(15)) : vshrq_n_u8(stored, 4));
}

}  // namespace sinter
