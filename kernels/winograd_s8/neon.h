// What body.h asks of an instruction set, for both Arm architectures. Isa is a type that no other source file has:
//
//   Isa::kTogether, kColumns   tiles (a power of two) and columns whose sums are held at once
#pragma once

#include "../requantize_neon.h"
#include "body.h"

namespace sinter {

// As many channels of v as one register has that multiplications can take single elements of.
#if defined(__aarch64__)
typedef int16x8_t Channels;
static inline Channels load_channels(const int16_t* v) { return vld1q_s16(v); }
static inline Channels load_pair(const int16_t* v) {
  return vreinterpretq_s16_s32(vld1q_dup_s32(reinterpret_cast<const int32_t*>(v)));
}
template <int kChannel>
SINTER_INLINE int32x4_t multiply_low(int32x4_t sum, int16x8_t weights, Channels v) {
  return vmlal_laneq_s16(sum, vget_low_s16(weights), v, kChannel);
}
template <int kChannel>
SINTER_INLINE int32x4_t multiply_high(int32x4_t sum, int16x8_t weights, Channels v) {
  return vmlal_high_laneq_s16(sum, weights, v, kChannel);
}
#else
typedef int16x4_t Channels;
static inline Channels load_channels(const int16_t* v) { return vld1_s16(v); }
static inline Channels load_pair(const int16_t* v) {
  return vreinterpret_s16_s32(vld1_dup_s32(reinterpret_cast<const int32_t*>(v)));
}
template <int kChannel>
SINTER_INLINE int32x4_t multiply_low(int32x4_t sum, int16x8_t weights, Channels v) {
  return vmlal_lane_s16(sum, vget_low_s16(weights), v, kChannel);
}
template <int kChannel>
SINTER_INLINE int32x4_t multiply_high(int32x4_t sum, int16x8_t weights, Channels v) {
  return vmlal_lane_s16(sum, vget_high_s16(weights), v, kChannel);
}
#endif

template <class Isa>
struct WinogradNeon {
  static constexpr int32_t kMr = 8, kWords = 8, kGranule = 16, kRows = 1;
  typedef intptr_t Lanes __attribute__((vector_size(16)));
  typedef uint16_t Words __attribute__((vector_size(16)));
  typedef uint32_t Sums __attribute__((vector_size(16)));

  static Words widen(const int8_t* x) { return reinterpret_cast<Words>(vmovl_s8(vld1_s8(x))); }
  static void store(int16_t* to, Words x) { vst1q_s16(to, reinterpret_cast<int16x8_t>(x)); }
  static Words load(const int16_t* x) { return reinterpret_cast<Words>(vld1q_s16(x)); }
  static Sums load(const int32_t* x) { return reinterpret_cast<Sums>(vld1q_s32(x)); }
  static void store(int32_t* to, Sums x) { vst1q_s32(to, reinterpret_cast<int32x4_t>(x)); }

  static void multiply(const int16_t* v, const int16_t* w, ptrdiff_t position, const int32_t* bias, int32_t pairs, int32_t tiles,
                       bool add, int32_t* half) {
    int32_t products[kMr][kWinogradReach][kWinogradColumns];
    for (int n = 0; n < kWinogradColumns; n += Isa::kColumns) {
      const int32_t* first = bias == nullptr ? nullptr : bias + n;
      multiply_tiles<Isa::kTogether>(v, w + 2 * n, position, first, pairs, tiles, products[0][0] + n);
    }
    for (int32_t t = 0; t < tiles; ++t, half += kTile) {
      for (int32_t n = 0; n < kWinogradColumns; n += 4) {
        Sums m[kWinogradReach];
        SINTER_UNROLL
        for (int i = 0; i < kWinogradReach; ++i) m[i] = load(products[t][i] + n);
        halve<WinogradNeon>(m, add, half + n);
      }
    }
  }

  // The products of kCount tiles at a time, then of half as many, and so on.
  template <int kCount>
  static void multiply_tiles(const int16_t* v, const int16_t* w, ptrdiff_t position, const int32_t* bias, int32_t pairs,
                             int32_t tiles, int32_t* m) {
    for (; tiles >= kCount; tiles -= kCount, v += kCount * kValuesTile, m += kCount * kLine) {
      multiply_block<kCount>(v, w, position, bias, pairs, m);
    }
    if constexpr (kCount > 1) multiply_tiles<kCount / 2>(v, w, position, bias, pairs, tiles, m);
  }

  template <int kCount>
  __attribute__((noinline)) static void multiply_block(const int16_t* v, const int16_t* w, ptrdiff_t position, const int32_t* bias,
                                                       int32_t pairs, int32_t* m) {
    for (int i = 0; i < kWinogradReach; ++i, v += kValuesPosition, w += position, m += kWinogradColumns) {
      multiply_position<kCount>(v, w, i == 1 ? bias : nullptr, pairs, m);
    }
  }

  template <int kCount>
  SINTER_INLINE void multiply_position(const int16_t* v, const int16_t* w, const int32_t* bias, int32_t pairs, int32_t* m) {
    constexpr int32_t kWhole = sizeof(Channels) / sizeof(int32_t);
    int32x4_t sums[kCount][kVectors];
    SINTER_UNROLL
    for (int n = 0; n < kVectors; ++n) {
      const int32x4_t first = bias == nullptr ? vdupq_n_s32(0) : vld1q_s32(bias + n * 4);
      SINTER_UNROLL
      for (int t = 0; t < kCount; ++t) sums[t][n] = first;
    }
    for (; pairs > 0; pairs -= kSlice / 2, v += kMr * kValuesTile) {
      const int32_t some = pairs < kSlice / 2 ? pairs : kSlice / 2;
      Channels x[kCount];
      int32_t k = 0;
      for (; k + kWhole <= some; k += kWhole) {
        SINTER_UNROLL
        for (int t = 0; t < kCount; ++t) x[t] = load_channels(v + t * kValuesTile + 2 * k);
        multiply_pair<0>(sums, x, w);
        multiply_pair<2>(sums, x, w);
        if constexpr (kWhole == 4) {
          multiply_pair<4>(sums, x, w);
          multiply_pair<6>(sums, x, w);
        }
      }
      for (; k < some; ++k) {
        SINTER_UNROLL
        for (int t = 0; t < kCount; ++t) x[t] = load_pair(v + t * kValuesTile + 2 * k);
        multiply_pair<0>(sums, x, w);
      }
    }
    SINTER_UNROLL
    for (int t = 0; t < kCount; ++t) {
      SINTER_UNROLL
      for (int n = 0; n < kVectors; ++n) vst1q_s32(m + t * kLine + n * 4, sums[t][n]);
    }
  }

  struct Output {
    const int32_t *multipliers, *shifts;
    const int32x4_t multiplier, shift;
    const Rescaling how;
    const RescaleDown<false> down;
    const RescaleDown<true> positive;
    const ConvS8Params& p;

    Output(const int32_t* multipliers_, const int32_t* shifts_, const ConvS8Params& params)
        : multipliers(multipliers_),
          shifts(shifts_),
          multiplier(vld1q_s32(multipliers_)),
          shift(vld1q_s32(shifts_)),
          how(rescaling(params, multipliers_, shifts_, 4)),
          down(params),
          positive(params),
          p(params) {}

    void store(const Sums (&y)[kWinogradSize], int8_t* to, ptrdiff_t step, int32_t pixels, int32_t columns) const {
      const int32x4_t bytes = vreinterpretq_s32_s8(vcombine_s8(requantize(y[0], y[1]), requantize(y[2], y[3])));
      if (pixels == kWinogradSize && columns >= 4) {
        const int32_t words[kWinogradSize] = {vgetq_lane_s32(bytes, 0), vgetq_lane_s32(bytes, 1), vgetq_lane_s32(bytes, 2),
                                              vgetq_lane_s32(bytes, 3)};
        SINTER_UNROLL
        for (int j = 0; j < kWinogradSize; ++j, to += step) __builtin_memcpy(to, words + j, 4);
        return;
      }
      int8_t all[kWinogradSize][4];
      vst1q_s32(reinterpret_cast<int32_t*>(all), bytes);
      for (int32_t j = 0; j < pixels; ++j, to += step) {
        for (int32_t n = 0; n < columns && n < 4; ++n) to[n] = all[j][n];
      }
    }

   private:
    int8x8_t requantize(Sums first, Sums second) const {
      const int32x4_t low = vshrq_n_s32(reinterpret_cast<int32x4_t>(first), kFraction);
      const int32x4_t high = vshrq_n_s32(reinterpret_cast<int32x4_t>(second), kFraction);
      if (how == Rescaling::kPositive) return rescale_down(positive, low, high);
      if (how == Rescaling::kDown) return rescale_down(down, low, high);
      const Rescaler by = load_rescaler(multipliers, shifts);
      return pack_s8(rescale(low, by), rescale(high, by), p.out_zero, p.out_min, p.out_max);
    }

    template <bool kPositive>
    int8x8_t rescale_down(const RescaleDown<kPositive>& by, int32x4_t low, int32x4_t high) const {
      return by.pack(by.rescale(low, multiplier, shift), by.rescale(high, multiplier, shift));
    }
  };

 private:
  static constexpr int kVectors = Isa::kColumns / 4;

  // Adds the products of channels kChannel and kChannel + 1, and goes on to the next pair's weights.
  template <int kChannel, int kCount>
  SINTER_INLINE void multiply_pair(int32x4_t (&sums)[kCount][kVectors], const Channels (&x)[kCount], const int16_t*& w) {
    int16x8x2_t weights[kVectors / 2];
    SINTER_UNROLL
    for (int n = 0; n < kVectors / 2; ++n) weights[n] = vld2q_s16(w + n * 16);
    w += 2 * kWinogradColumns;
    SINTER_UNROLL
    for (int t = 0; t < kCount; ++t) {
      SINTER_UNROLL
      for (int n = 0; n < kVectors; n += 2) {
        sums[t][n] = multiply_low<kChannel>(sums[t][n], weights[n / 2].val[0], x[t]);
        sums[t][n + 1] = multiply_high<kChannel>(sums[t][n + 1], weights[n / 2].val[0], x[t]);
      }
    }
    SINTER_UNROLL
    for (int t = 0; t < kCount; ++t) {
      SINTER_UNROLL
      for (int n = 0; n < kVectors; n += 2) {
        sums[t][n] = multiply_low<kChannel + 1>(sums[t][n], weights[n / 2].val[1], x[t]);
        sums[t][n + 1] = multiply_high<kChannel + 1>(sums[t][n + 1], weights[n / 2].val[1], x[t]);
      }
    }
  }
};

}  // namespace sinter
