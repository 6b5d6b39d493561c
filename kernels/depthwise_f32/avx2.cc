#include "../store_avx2.h"
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
  __m256 low, high;
};

// kVectors * 8 channels of kPixels pixels, or only the first `channels` of them unless kWhole; `channel` counts from the table's
// first, `block` from the layer's.
template <int kPixels, int kVectors, bool kWhole>
void block(const Layer& layer, int32_t channel, int32_t block, float* y, int32_t channels) {
  __m256i mask[kVectors];
  SINTER_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    mask[v] = _mm256_cmpgt_epi32(_mm256_set1_epi32(channels - v * 8), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  __m256 acc[kPixels][kVectors];
  SINTER_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    const __m256 bias = _mm256_loadu_ps(layer.bias + block + v * 8);
    SINTER_UNROLL
    for (int i = 0; i < kPixels; ++i) acc[i][v] = bias;
  }
  const int32_t depth = taps(layer.p);
  const float* w = layer.weights + ptrdiff_t{block} * depth;
  const float* const* row = layer.table;
  for (int32_t tap = 0; tap < depth; ++tap, row += kMr, w += kNr) {
    SINTER_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const __m256 weight = _mm256_loadu_ps(w + v * 8);
      SINTER_UNROLL
      for (int i = 0; i < kPixels; ++i) {
        const float* x = row[i] + channel + v * 8;
        acc[i][v] = _mm256_fmadd_ps(kWhole ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, mask[v]), weight, acc[i][v]);
      }
    }
  }
  SINTER_UNROLL
  for (int i = 0; i < kPixels; ++i, y += layer.p.out_channels) {
    SINTER_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      // The second operand is the result where either is NaN.
      const __m256 clamped = _mm256_min_ps(layer.high, _mm256_max_ps(layer.low, acc[i][v]));
      if (kWhole) {
        _mm256_storeu_ps(y + v * 8, clamped);
      } else {
        store_first(y + v * 8, clamped, channels - v * 8);
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
    for (int32_t c = 0; c < end; c += kNr) {
      const int32_t channels = end - c;
      float* to = y + first + c;
      if (channels >= 16) {
        block<kPixels, 2, true>(layer, c, first + c, to, channels);
      } else if (channels > 8) {
        block<kPixels, 2, false>(layer, c, first + c, to, channels);
      } else if (channels == 8) {
        block<kPixels, 1, true>(layer, c, first + c, to, channels);
      } else {
        block<kPixels, 1, false>(layer, c, first + c, to, channels);
      }
    }
  }
}

}  // namespace

extern "C" Status depthwise_f32_4x16__avx2(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  const DepthwiseF32Params& p = *static_cast<const DepthwiseF32Params*>(params);
  const float** table = static_cast<const float**>(scratch);
  const Layer layer = {p,
                       static_cast<const float*>(operands[0]),
                       static_cast<const float*>(operands[1]),
                       static_cast<const float*>(operands[2]),
                       static_cast<float*>(operands[3]),
                       table,
                       reinterpret_cast<float*>(table + ptrdiff_t{taps(p)} * kMr),
                       _mm256_set1_ps(p.low),
                       _mm256_set1_ps(p.high)};
  const int32_t outside = p.in_channels < kOutsideChannels ? div_up(p.in_channels, kNr) * kNr : kOutsideChannels;
  for (int32_t c = 0; c < outside; ++c) layer.outside[c] = 0.0f;
  for (int32_t index = begin; index < end; ++index) {
    Pixel pixel = locate(p, index * p.out[2]);
    float* y = layer.output + ptrdiff_t{index} * p.out[2] * p.out_channels;
    for (int32_t w = 0; w < p.out[2]; w += kMr, y += ptrdiff_t{kMr} * p.out_channels) {
      switch (p.out[2] - w) {
        case 1:
          pixels<1>(layer, pixel, y);
          break;
        case 2:
          pixels<2>(layer, pixel, y);
          break;
        case 3:
          pixels<3>(layer, pixel, y);
          break;
        default:
          pixels<4>(layer, pixel, y);
      }
      pixel.origin[2] += kMr * p.stride[2];
    }
  }
  return kOk;
}

}  // namespace sinter
