#include <arm_neon.h>

#include "../tap_table.h"
#include "../unroll.h"
#include "depthwise_f32.h"

namespace sinter {
namespace {

constexpr int32_t kMr = 4, kNr = 16;

struct Layer {
  const DepthwiseF32Params& p;
  const float *input, *weights, *bias;
  float* output;
  const float** table;  // [tap][kMr]
  float* outside;
};

// kVectors * 4 channels of kPixels pixels, or, unless kWhole, the first `channels` of four; `channel` counts from the table's
// first, `at` from the layer's.
template <int kPixels, int kVectors, bool kWhole>
void block(const Layer& layer, int32_t channel, int32_t at, float* y, int32_t channels) {
  float32x4_t acc[kPixels][kVectors];
  SINTER_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    SINTER_UNROLL
    for (int i = 0; i < kPixels; ++i) acc[i][v] = vld1q_f32(layer.bias + at + v * 4);
  }
  const int32_t depth = taps(layer.p);
  const float* w = layer.weights + ptrdiff_t{at / kNr * kNr} * depth + at % kNr;
  const float* const* row = layer.table;
  for (int32_t tap = 0; tap < depth; ++tap, row += kMr, w += kNr) {
    SINTER_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const float32x4_t weight = vld1q_f32(w + v * 4);
      SINTER_UNROLL
      for (int i = 0; i < kPixels; ++i) {
        const float* x = row[i] + channel + v * 4;
        if (kWhole) {
          acc[i][v] = vfmaq_f32(acc[i][v], vld1q_f32(x), weight);
        } else {
          float some[4] = {};
          for (int32_t c = 0; c < channels; ++c) some[c] = x[c];
          acc[i][v] = vfmaq_f32(acc[i][v], vld1q_f32(some), weight);
        }
      }
    }
  }
  const float32x4_t low = vdupq_n_f32(layer.p.low), high = vdupq_n_f32(layer.p.high);
  SINTER_UNROLL
  for (int i = 0; i < kPixels; ++i, y += layer.p.out_channels) {
    SINTER_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const float32x4_t clamped = vminq_f32(vmaxq_f32(acc[i][v], low), high);
      if (kWhole) {
        vst1q_f32(y + v * 4, clamped);
      } else {
        float some[4];
        vst1q_f32(some, clamped);
        for (int32_t c = 0; c < channels; ++c) y[c] = some[c];
      }
    }
  }
}

template <int kPixels>
void pixels(const Layer& layer, const Pixel& pixel, float* y) {
  const int32_t all = layer.p.in_channels;
  for (int32_t first = 0; first < all; first += kOutsideChannels) {
    const int32_t end = all - first < kOutsideChannels ? all - first : kOutsideChannels;
    const float* outside = layer.outside;
    fill_tap_table<kMr>(layer.p, layer.input, outside, pixel, kPixels, first, layer.table);
    int32_t c = 0;
    for (; c + 16 <= end; c += 16) block<kPixels, 4, true>(layer, c, first + c, y + first + c, 16);
    for (; c + 4 <= end; c += 4) block<kPixels, 1, true>(layer, c, first + c, y + first + c, 4);
    if (c < end) block<kPixels, 1, false>(layer, c, first + c, y + first + c, end - c);
  }
}

}  // namespace

extern "C" Status depthwise_f32_4x16__neon(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  const DepthwiseF32Params& p = *static_cast<const DepthwiseF32Params*>(params);
  const float** table = static_cast<const float**>(scratch);
  const Layer layer = {p,
                       static_cast<const float*>(operands[0]),
                       static_cast<const float*>(operands[1]),
                       static_cast<const float*>(operands[2]),
                       static_cast<float*>(operands[3]),
                       table,
                       reinterpret_cast<float*>(table + ptrdiff_t{taps(p)} * kMr)};
  const int32_t outside = p.in_channels < kOutsideChannels ? div_up(p.in_channels, kNr) * kNr : kOutsideChannels;
  for (int32_t c = 0; c < outside; ++c) layer.outside[c] = 0.0f;
  for (int32_t index = begin; index < end; ++index) {
    Pixel pixel = locate(p, index * p.out[2]);
    float* y = layer.output + ptrdiff_t{index} * p.out[2] * p.out_channels;
    int32_t w = 0;
    for (; w + kMr <= p.out[2]; w += kMr, y += ptrdiff_t{kMr} * p.out_channels) {
      pixels<kMr>(layer, pixel, y);
      pixel.origin[2] += kMr * p.stride[2];
    }
    for (; w < p.out[2]; ++w, y += p.out_channels) {
      pixels<1>(layer, pixel, y);
      pixel.origin[2] += p.stride[2];
    }
  }
  return kOk;
}

}  // namespace sinter
