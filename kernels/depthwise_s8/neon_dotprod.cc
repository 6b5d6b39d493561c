// Windows of 3 by 3 taps that slide along a row: columns of three inputs are interleaved to words once, for all outputs they serve.
#include <arm_neon.h>

#include "../requantize_neon.h"
#include "../unroll.h"
#include "depthwise_s8.h"

namespace sinter {
namespace {

constexpr int kColumns = 3, kVectors = 2, kChannels = 8;

// Words of the three inputs of each channel, whose fourth byte is zero, or of the four that two rows of outputs see.
struct Column {
  int8x16_t words[kVectors];
};

class Windows {
 public:
  Windows(const DepthwiseS8Params& p, void* const* operands)
      : p_(p),
        input_(static_cast<const int8_t*>(operands[0])),
        weights_(static_cast<const int8_t*>(operands[1])),
        bias_(static_cast<const int32_t*>(operands[2])),
        multiplier_(static_cast<const int32_t*>(operands[3])),
        shift_(static_cast<const int32_t*>(operands[4])),
        output_(static_cast<int8_t*>(operands[5])),
        packed_(ptrdiff_t{div_up(p.out_channels, 16)} * 64),
        line_(ptrdiff_t{p.in[2]} * p.in_channels) {}

  void run(int32_t begin, int32_t end) const {
    // So many rows at once that their inputs stay in the first cache from one block of channels to the next.
    const int64_t fit = (16 << 10) / (int64_t{line_} * p_.stride[1]);
    const int32_t rows = fit < 1 ? 1 : static_cast<int32_t>(fit);
    for (int32_t first = begin; first < end; first += rows) {
      const int32_t last = end - first < rows ? end : first + rows;
      // The last block may overlap the one before.
      for (int32_t c = 0; c < p_.out_channels; c += kChannels) {
        const int32_t at = c < p_.out_channels - kChannels ? c : p_.out_channels - kChannels;
        switch (rescaling(p_, multiplier_ + at, shift_ + at, kChannels)) {
          case Rescaling::kAny:
            block<Rescaling::kAny>(at, first, last);
            break;
          case Rescaling::kDown:
            block<Rescaling::kDown>(at, first, last);
            break;
          case Rescaling::kPositive:
            block<Rescaling::kPositive>(at, first, last);
        }
      }
    }
  }

 private:
  template <Rescaling kHow>
  void block(int32_t channel, int32_t first, int32_t last) const {
    p_.stride[2] == 1 ? block<1, kHow>(channel, first, last) : block<2, kHow>(channel, first, last);
  }

  // Output rows of eight channels.
  template <int kStride, Rescaling kHow>
  __attribute__((noinline)) void block(int32_t channel, int32_t first, int32_t last) const {
    const int8_t* packed = weights_ + ptrdiff_t{channel} * 4;
    // The packed bias is that of inputs plus 128.
    int32x4_t bias[kVectors];
    SINTER_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      int32x4_t offset = vdupq_n_s32(0);
      SINTER_UNROLL
      for (int i = 0; i < kColumns; ++i) offset = vdotq_s32(offset, vld1q_s8(packed + i * packed_ + v * 16), vdupq_n_s8(-128));
      bias[v] = vsubq_s32(vld1q_s32(bias_ + channel + v * 4), offset);
    }
    for (int32_t index = first; index < last;) {
      if constexpr (kStride == 1 && kHow != Rescaling::kAny) {
        if (p_.stride[1] == 1 && last - index > 1 && (index + 1) % p_.out[1] != 0) {
          rows<kStride, kHow, 2>(channel, index, packed, bias);
          index += 2;
          continue;
        }
      }
      rows<kStride, kHow, 1>(channel, index, packed, bias);
      ++index;
    }
  }

  // kRows rows of outputs, one or two; the second one's weights lie a byte higher in their words.
  template <int kStride, Rescaling kHow, int kRows>
  __attribute__((always_inline)) void rows(int32_t channel, int32_t index, const int8_t* packed,
                                           const int32x4_t (&whole)[kVectors]) const {
    constexpr int kLines = kRows + 2;
    int8x16_t weights[kRows][kColumns][kVectors];
    SINTER_UNROLL
    for (int i = 0; i < kColumns * kVectors; ++i) {
      const int8x16_t w = vld1q_s8(packed + i / kVectors * packed_ + i % kVectors * 16);
      weights[0][i / kVectors][i % kVectors] = w;
      if constexpr (kRows == 2) {
        weights[1][i / kVectors][i % kVectors] = vreinterpretq_s8_u32(vshlq_n_u32(vreinterpretq_u32_s8(w), 8));
      }
    }
    int32x4_t bias[kRows][kVectors];
    SINTER_UNROLL
    for (int i = 0; i < kRows * kVectors; ++i) bias[i / kVectors][i % kVectors] = whole[i % kVectors];
    const int8x16_t outside = vdupq_n_s8(static_cast<int8_t>(p_.in_zero));
    const int8_t* x[kLines];
    const int32_t plane = index / p_.out[1], origin = index % p_.out[1] * p_.stride[1] - p_.pad[1];
    const int8_t* base = input_ + ptrdiff_t{plane} * p_.in[1] * line_ + channel;
    uint32_t seen = 0;
    SINTER_UNROLL
    for (int i = 0; i < kLines; ++i) {
      const int32_t h = origin + i, inside = h < 0 ? 0 : h < p_.in[1] ? h : p_.in[1] - 1;
      x[i] = base + inside * line_;
      if (h == inside) seen |= 0xffu << (8 * i);
    }
    if (seen != 0xffffffffu >> (8 * (4 - kLines))) {
      // Lines outside are not read: the bias takes what they add, and others stand for them, times zero.
      const int8x16_t mask = vreinterpretq_s8_u32(vdupq_n_u32(seen));
      SINTER_UNROLL
      for (int i = 0; i < kRows * kColumns * kVectors; ++i) {
        const int row = i / (kColumns * kVectors), column = i / kVectors % kColumns, v = i % kVectors;
        int8x16_t& w = weights[row][column][v];
        bias[row][v] = vdotq_s32(bias[row][v], vbicq_s8(w, mask), outside);
        w = vandq_s8(w, mask);
      }
    }

    const uint32_t width = static_cast<uint32_t>(p_.in[2]);
    const ptrdiff_t step = p_.in_channels;
    const auto read = [&](Column& column, int32_t at) {
      if (static_cast<uint32_t>(at) >= width) {
        column = {{outside, outside}};
        return;
      }
      const ptrdiff_t o = at * step;
      const uint16x8_t ab = zip(vld1_s8(x[0] + o), vld1_s8(x[1] + o));
      uint16x8_t cd;
      if constexpr (kRows == 2) {
        cd = zip(vld1_s8(x[2] + o), vld1_s8(x[3] + o));
      } else {
        cd = vmovl_u8(vreinterpret_u8_s8(vld1_s8(x[2] + o)));
      }
      column = {{vreinterpretq_s8_u16(vzip1q_u16(ab, cd)), vreinterpretq_s8_u16(vzip2q_u16(ab, cd))}};
    };

    const int32x4_t factor[kVectors] = {vld1q_s32(multiplier_ + channel), vld1q_s32(multiplier_ + channel + 4)};
    const int32x4_t by[kVectors] = {vld1q_s32(shift_ + channel), vld1q_s32(shift_ + channel + 4)};
    const RescaleDown<kHow == Rescaling::kPositive> down(p_);
    int8_t* y = output_ + ptrdiff_t{index} * p_.out[2] * p_.out_channels + channel;
    const auto write = [&](const Column& a, const Column& b, const Column& c) {
      int32x4_t acc[kRows][kVectors];
      SINTER_UNROLL
      for (int i = 0; i < kRows * kVectors; ++i) {
        const int row = i / kVectors, v = i % kVectors;
        acc[row][v] = vdotq_s32(bias[row][v], a.words[v], weights[row][0][v]);
        acc[row][v] = vdotq_s32(acc[row][v], b.words[v], weights[row][1][v]);
        acc[row][v] = vdotq_s32(acc[row][v], c.words[v], weights[row][2][v]);
        if constexpr (kHow != Rescaling::kAny) acc[row][v] = down.rescale(acc[row][v], factor[v], by[v]);
      }
      if constexpr (kHow == Rescaling::kAny) {
        const int32x4_t low = rescale(acc[0][0], load_rescaler(multiplier_ + channel, shift_ + channel));
        const int32x4_t high = rescale(acc[0][1], load_rescaler(multiplier_ + channel + 4, shift_ + channel + 4));
        vst1_s8(y, pack_s8(low, high, p_.out_zero, p_.out_min, p_.out_max));
      } else if constexpr (kRows == 2) {
        const int8x16_t bytes = down.pack(acc[0][0], acc[0][1], acc[1][0], acc[1][1]);
        vst1_s8(y, vget_low_s8(bytes));
        store_high(y + ptrdiff_t{p_.out[2]} * step, bytes);
      } else {
        vst1_s8(y, down.pack(acc[0][0], acc[0][1]));
      }
      y += step;
    };

    Column a, b, c;
    int32_t at = -p_.pad[2], left = p_.out[2];
    read(a, at++);
    if constexpr (kStride == 1) {
      read(b, at++);
      for (;;) {
        read(c, at++), write(a, b, c);
        if (--left == 0) return;
        read(a, at++), write(b, c, a);
        if (--left == 0) return;
        read(b, at++), write(c, a, b);
        if (--left == 0) return;
      }
    } else {
      for (;; at += 4) {
        read(b, at), read(c, at + 1), write(a, b, c);
        if (--left == 0) return;
        read(b, at + 2), read(a, at + 3), write(c, b, a);
        if (--left == 0) return;
      }
    }
  }

  static uint16x8_t zip(int8x8_t a, int8x8_t b) {
    const int8x8_t none = vdup_n_s8(0);
    return vreinterpretq_u16_s8(vzip1q_s8(vcombine_s8(a, none), vcombine_s8(b, none)));
  }

  const DepthwiseS8Params& p_;
  const int8_t *const input_, *const weights_;
  const int32_t *const bias_, *const multiplier_, *const shift_;
  int8_t* const output_;
  const ptrdiff_t packed_;  // bytes of weights from one column of the window to the next
  const ptrdiff_t line_;
};

}  // namespace

extern "C" Status depthwise_s8_3x16k4__neon_dotprod(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  Windows(*static_cast<const DepthwiseS8Params*>(params), operands).run(begin, end);
  return kOk;
}

}  // namespace sinter
