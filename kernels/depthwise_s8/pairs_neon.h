// Depthwise convolution by pairs of taps, multiplied in int16 and added up in int32. Isa::kSymmetric: the weights lie in -127..127,
// so that two products fit into int16; else each is widened by itself. Isa::kWidth: channels of a block.
#pragma once

#include "../neon.h"
#include "../requantize_neon.h"
#include "../tap_table.h"
#include "../unroll.h"
#include "depthwise_s8.h"

namespace sinter {

template <class Isa>
class DepthwisePairs {
 public:
  static constexpr int32_t kMr = 5, kNr = 16, kKr = 2;

  DepthwisePairs(const DepthwiseS8Params& p, void* const* operands, void* scratch)
      : p_(p),
        input_(static_cast<const int8_t*>(operands[0])),
        input_end_(input_ + input_count(p)),
        weights_(static_cast<const int8_t*>(operands[1])),
        bias_(static_cast<const int32_t*>(operands[2])),
        multiplier_(static_cast<const int32_t*>(operands[3])),
        shift_(static_cast<const int32_t*>(operands[4])),
        output_(static_cast<int8_t*>(operands[5])),
        table_(static_cast<const int8_t**>(scratch)),
        taps_(taps(p)),
        depth_(div_up(taps_, kKr) * kKr),
        outside_(static_cast<int8_t*>(scratch) + ptrdiff_t{depth_} * kMr * static_cast<ptrdiff_t>(sizeof(void*))) {
    const int32_t channels = p.in_channels < kOutsideChannels ? div_up(p.in_channels, kNr) * kNr : kOutsideChannels;
    for (int32_t c = 0; c < channels; c += kNr) vst1q_s8(outside_ + c, vdupq_n_s8(static_cast<int8_t>(p.in_zero)));
  }

  void run(int32_t begin, int32_t end) const {
    for (int32_t index = begin; index < end; ++index) {
      Pixel pixel = locate(p_, index * p_.out[2]);
      int8_t* y = output_ + ptrdiff_t{index} * p_.out[2] * p_.out_channels;
      for (int32_t left = p_.out[2], blocks = div_up(left, kMr); left > 0; --blocks) {
        const int32_t pixels = div_up(left, blocks);
        row<kMr>(pixel, pixels, y);
        left -= pixels;
        y += ptrdiff_t{pixels} * p_.out_channels;
        pixel.origin[2] += pixels * p_.stride[2];
      }
    }
  }

 private:
  // All channels of `pixels` pixels, at most kPixels.
  template <int kPixels>
  void row(const Pixel& pixel, int32_t pixels, int8_t* y) const {
    if constexpr (kPixels > 1) {
      if (pixels < kPixels) return row<kPixels - 1>(pixel, pixels, y);
    }
    for (int32_t first = 0; first < p_.in_channels; first += kOutsideChannels) {
      const int32_t end = p_.in_channels - first < kOutsideChannels ? p_.in_channels - first : kOutsideChannels;
      const int8_t* last = fill_tap_table<kMr>(p_, input_, static_cast<const int8_t*>(outside_), pixel, kPixels, first, table_);
      for (int32_t c = 0; c < end;) {
        if (Isa::kWidth > 8 && end - c > 8) {
          block<kPixels, Isa::kWidth>(first, c, input_end_ - last >= c + Isa::kWidth, y);
          c += Isa::kWidth;
        } else {
          block<kPixels, 8>(first, c, input_end_ - last >= c + 8, y);
          c += 8;
        }
      }
    }
  }

  template <int kPixels, int kWidth>
  void block(int32_t first, int32_t channel, bool whole, int8_t* y) const {
    int32x4_t acc[kPixels][kWidth / 4];
    const int32_t at = first + channel, channels = p_.in_channels - at;
    SINTER_UNROLL
    for (int v = 0; v < kWidth / 4; ++v) {
      SINTER_UNROLL
      for (int i = 0; i < kPixels; ++i) acc[i][v] = vld1q_s32(bias_ + at + v * 4);
    }
    if (whole) {
      multiply<kPixels, kWidth, true>(acc, channel, at, channels);
    } else {
      multiply<kPixels, kWidth, false>(acc, channel, at, channels);
    }
    requantize_rows<kPixels, kWidth / 4>(acc, multiplier_ + at, shift_ + at, p_, y + at, p_.out_channels, channels);
  }

  template <int kPixels, int kWidth, bool kWhole>
  __attribute__((always_inline)) void multiply(int32x4_t (&acc)[kPixels][kWidth / 4], int32_t channel, int32_t at,
                                               int32_t channels) const {
    const int8_t* w = weights_ + ptrdiff_t{at / kNr * kNr} * depth_ + at % kNr * kKr;
    const int8_t* const* table = table_;
    int32_t tap = 0;
    for (; tap + kKr <= taps_; tap += kKr, table += kKr * kMr, w += kNr * kKr) {
      const int8x16x2_t pair = weights<kWidth>(w);
      SINTER_UNROLL
      for (int i = 0; i < kPixels; ++i) {
        if (kWidth == 16 && i == 2)
          __asm__ volatile("" ::: "memory");  // loads of all pixels at once would push accumulators out of registers
        const int8x16_t a = load<kWidth, kWhole>(table[i] + channel, channels);
        const int8x16_t b = load<kWidth, kWhole>(table[kMr + i] + channel, channels);
        add(acc[i][0], acc[i][1], vmull_s8(vget_low_s8(a), vget_low_s8(pair.val[0])), [&](int16x8_t t) {
          return Isa::kSymmetric ? vmlal_s8(t, vget_low_s8(b), vget_low_s8(pair.val[1]))
                                 : vmull_s8(vget_low_s8(b), vget_low_s8(pair.val[1]));
        });
        if constexpr (kWidth == 16) {
          add(acc[i][2], acc[i][3], mull_high(a, pair.val[0]),
              [&](int16x8_t t) { return Isa::kSymmetric ? mlal_high(t, b, pair.val[1]) : mull_high(b, pair.val[1]); });
        }
      }
    }
    if (tap == taps_) return;
    const int8x16x2_t pair = weights<kWidth>(w);
    SINTER_UNROLL
    for (int i = 0; i < kPixels; ++i) {
      const int8x16_t a = load<kWidth, kWhole>(table[i] + channel, channels);
      widen(acc[i][0], acc[i][1], vmull_s8(vget_low_s8(a), vget_low_s8(pair.val[0])));
      if constexpr (kWidth == 16) widen(acc[i][2], acc[i][3], mull_high(a, pair.val[0]));
    }
  }

  // The products of one tap, to which `second` adds the next tap's; or by itself, what it gives.
  template <class Second>
  static __attribute__((always_inline)) void add(int32x4_t& low, int32x4_t& high, int16x8_t first, Second second) {
    if (!Isa::kSymmetric) widen(low, high, first);
    widen(low, high, second(first));
  }

  static __attribute__((always_inline)) void widen(int32x4_t& low, int32x4_t& high, int16x8_t products) {
    low = vaddw_s16(low, vget_low_s16(products));
    high = addw_high(high, products);
  }

  // Two taps of kWidth channels.
  template <int kWidth>
  static __attribute__((always_inline)) int8x16x2_t weights(const int8_t* w) {
    if constexpr (kWidth == 16) return vld2q_s8(w);
    const int8x8x2_t half = vld2_s8(w);
    return {{vcombine_s8(half.val[0], half.val[0]), vcombine_s8(half.val[1], half.val[1])}};
  }

  // The first `channels` of kWidth bytes; kWhole: all may be read.
  template <int kWidth, bool kWhole>
  static __attribute__((always_inline)) int8x16_t load(const int8_t* x, int32_t channels) {
    if constexpr (!kWhole) {
      int8_t bytes[16] = {};
      for (int32_t c = 0; c < channels && c < kWidth; ++c) bytes[c] = x[c];
      return vld1q_s8(bytes);
    } else if constexpr (kWidth == 16) {
      return vld1q_s8(x);
    } else {
      const int8x8_t half = vld1_s8(x);
      return vcombine_s8(half, half);
    }
  }

  const DepthwiseS8Params& p_;
  const int8_t *const input_, *const input_end_, *const weights_;
  const int32_t *const bias_, *const multiplier_, *const shift_;
  int8_t* const output_;
  const int8_t** const table_;  // [tap][kMr]: the first channel under a tap of a pixel
  const int32_t taps_, depth_;
  int8_t* const outside_;
};

}  // namespace sinter
