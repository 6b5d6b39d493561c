// Fully connected layers of one row: kPanels panels of 16 columns at a time. Isa as for pairs_neon.h.
#pragma once

#include "pairs_neon.h"
#include "rows.h"

namespace sinter {

template <class Isa>
class OneRow {
 public:
  OneRow(const ConvS8Params& p, void* const* operands)
      : p_(p),
        input_(static_cast<const int8_t*>(operands[0])),
        weights_(static_cast<const int8_t*>(operands[1])),
        bias_(static_cast<const int32_t*>(operands[2])),
        multiplier_(static_cast<const int32_t*>(operands[3])),
        shift_(static_cast<const int32_t*>(operands[4])),
        output_(static_cast<int8_t*>(operands[5])) {}

  void run(int32_t begin, int32_t end) const {
    for (; end - begin >= Isa::kPanels; begin += Isa::kPanels) panels<Isa::kPanels>(begin);
    for (; begin < end; ++begin) panels<1>(begin);
  }

 private:
  template <int kPanels>
  __attribute__((noinline)) void panels(int32_t panel) const {
    const int32_t column = panel * 16, depth = p_.in_channels;
    const int8_t *x = input_, *w = weights_ + ptrdiff_t{column} * depth;
    int32x4_t acc[1][kPanels * 4];
    SINTER_UNROLL
    for (int v = 0; v < kPanels * 4; ++v) acc[0][v] = vld1q_s32(bias_ + column + v * 4);
    int32_t k = 0;
    for (; k + 8 <= depth; k += 8, x += 8, w += 8 * 16) {
      add<kPanels>(acc, x, w, depth);
      add<kPanels>(acc, x + 4, w + 4 * 16, depth);
    }
    for (; k < depth; k += 2, x += 2, w += 2 * 16) {
      const int8x8_t a = vreinterpret_s8_s16(vld1_dup_s16(reinterpret_cast<const int16_t*>(x)));
      SINTER_UNROLL
      for (int v = 0; v < kPanels * 4; ++v) {
        const int8x8_t pair = vld1_s8(w + ptrdiff_t{v / 4} * 16 * depth + v % 4 * 8);
        acc[0][v] = vpadalq_s16(acc[0][v], vmull_s8(pair, a));
      }
    }
    requantize_rows<1, kPanels * 4>(acc, multiplier_ + column, shift_ + column, p_, output_ + column, 0, p_.out_channels - column);
  }

  // The products of two pairs of K.
  template <int kPanels>
  static __attribute__((always_inline)) void add(int32x4_t (&acc)[1][kPanels * 4], const int8_t* x, const int8_t* w,
                                                 int32_t depth) {
    const int8x16x2_t pairs = load_pairs(x);
    SINTER_UNROLL
    for (int v = 0; v < kPanels * 4; v += 2) {
      const int8_t* pairs_of = w + ptrdiff_t{v / 4} * 16 * depth + v % 4 * 8;
      add_pairs<Isa::kSymmetric>(acc[0][v], acc[0][v + 1], vld1q_s8(pairs_of), vld1q_s8(pairs_of + 32), pairs);
    }
  }

  const ConvS8Params& p_;
  const int8_t *const input_, *const weights_;
  const int32_t *const bias_, *const multiplier_, *const shift_;
  int8_t* const output_;
};

// conv_rows(), or OneRow where it serves.
template <class Isa>
static Status conv_one_or_more(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  const ConvS8Params& p = *static_cast<const ConvS8Params*>(params);
  if (!has_one_row(p) || p.in_channels % 2 != 0) return conv_rows<Isa>(params, operands, scratch, begin, end);
  OneRow<Isa>(p, operands).run(begin, end);
  return kOk;
}

}  // namespace sinter
