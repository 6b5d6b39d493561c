// Depthwise convolution by a table of where the taps of four neighbouring pixels are: for windows that move further than lines are
// worth interleaving for.
#pragma once

#include "../requantize_avx2.h"
#include "../tap_table.h"
#include "../unroll.h"
#include "depthwise_s8.h"

namespace sinter {
namespace {
namespace by_table {

constexpr int32_t kMr = 4, kNr = 16, kKr = 2;

struct Layer {
  const DepthwiseS8Params& p;
  const int8_t *input, *input_end, *weights;
  const int32_t *bias, *multiplier, *shift;
  int8_t* output;
  const int8_t** table;  // [tap][kMr]: the first channel under a tap of a pixel
  int8_t* outside;
  int32_t depth;  // taps, rounded up to pairs
  Int8Range range;
};

// The first `channels` of kHalves * 8 bytes; kWhole: all may be read.
template <int kHalves, bool kWhole>
inline __m128i load(const int8_t* x, int32_t channels) {
  if (!kWhole) {
    alignas(16) int8_t bytes[16] = {};
    for (int32_t c = 0; c < channels; ++c) bytes[c] = x[c];
    return _mm_load_si128(reinterpret_cast<const __m128i*>(bytes));
  }
  return kHalves == 2 ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(x)) : _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x));
}

// A block of channels of kPixels pixels; `channel` counts from the table's first, `block` from the layer's.
template <int kPixels, int kHalves, bool kWhole>
void block(const Layer& layer, int32_t channel, int32_t block, int8_t* y, int32_t channels) {
  __m256i acc[kPixels][kHalves];
  SINTER_UNROLL
  for (int half = 0; half < kHalves; ++half) {
    const __m256i bias = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(layer.bias + block + half * 8));
    SINTER_UNROLL
    for (int i = 0; i < kPixels; ++i) acc[i][half] = bias;
  }
  const int8_t* w = layer.weights + ptrdiff_t{block} * layer.depth;
  const int8_t* const* row = layer.table;
  for (int32_t tap = 0; tap < layer.depth; tap += kKr, row += kKr * kMr, w += kNr * kKr) {
    __m256i weight[kHalves];
    SINTER_UNROLL
    for (int half = 0; half < kHalves; ++half) {
      weight[half] = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w + half * 16)));
    }
    SINTER_UNROLL
    for (int i = 0; i < kPixels; ++i) {
      const __m128i a = load<kHalves, kWhole>(row[i] + channel, channels),
                    b = load<kHalves, kWhole>(row[kMr + i] + channel, channels);
      acc[i][0] = _mm256_add_epi32(acc[i][0], _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b)), weight[0]));
      if (kHalves == 2) {
        const __m256i high = _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_unpackhi_epi8(a, b)), weight[kHalves - 1]);
        acc[i][kHalves - 1] = _mm256_add_epi32(acc[i][kHalves - 1], high);
      }
    }
  }
  Bracket bracket[kHalves];
  SINTER_UNROLL
  for (int half = 0; half < kHalves; ++half) {
    bracket[half] = load_bracket(layer.multiplier + block + half * 8, layer.shift + block + half * 8, layer.range);
  }
  requantize_rows<kPixels, kHalves>(acc, bracket, layer.multiplier + block, layer.shift + block, layer.range, y,
                                    layer.p.out_channels, channels);
}

template <int kPixels>
void pixels(const Layer& layer, const Pixel& pixel, int8_t* y) {
  const int32_t all = layer.p.in_channels;
  for (int32_t first = 0; first < all; first += kOutsideChannels) {
    const int32_t end = all - first < kOutsideChannels ? all - first : kOutsideChannels;
    const int8_t* outside = layer.outside;
    const int8_t* last = fill_tap_table<kMr>(layer.p, layer.input, outside, pixel, kPixels, first, layer.table);
    if (layer.depth != taps(layer.p)) {
      for (int i = 0; i < kMr; ++i) layer.table[(layer.depth - 1) * kMr + i] = outside;
    }
    for (int32_t c = 0; c < end; c += kNr) {
      const int32_t channels = end - c;
      const bool whole = layer.input_end - last >= c + (channels > 8 ? 16 : 8);
      int8_t* to = y + first + c;
      if (channels > 8 && whole) {
        block<kPixels, 2, true>(layer, c, first + c, to, channels);
      } else if (channels > 8) {
        block<kPixels, 2, false>(layer, c, first + c, to, channels);
      } else if (whole) {
        block<kPixels, 1, true>(layer, c, first + c, to, channels);
      } else {
        block<kPixels, 1, false>(layer, c, first + c, to, channels);
      }
    }
  }
}

Status depthwise(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  const DepthwiseS8Params& p = *static_cast<const DepthwiseS8Params*>(params);
  const int8_t* input = static_cast<const int8_t*>(operands[0]);
  const int32_t depth = div_up(taps(p), kKr) * kKr;
  const Layer layer = {p,
                       input,
                       input + input_count(p),
                       static_cast<const int8_t*>(operands[1]),
                       static_cast<const int32_t*>(operands[2]),
                       static_cast<const int32_t*>(operands[3]),
                       static_cast<const int32_t*>(operands[4]),
                       static_cast<int8_t*>(operands[5]),
                       static_cast<const int8_t**>(scratch),
                       static_cast<int8_t*>(scratch) + ptrdiff_t{depth} * kMr * static_cast<ptrdiff_t>(sizeof(void*)),
                       depth,
                       int8_range(p.out_zero, p.out_min, p.out_max)};
  const int32_t outside = p.in_channels < kOutsideChannels ? div_up(p.in_channels, kNr) * kNr : kOutsideChannels;
  for (int32_t c = 0; c < outside; ++c) layer.outside[c] = static_cast<int8_t>(p.in_zero);
  for (int32_t index = begin; index < end; ++index) {
    Pixel pixel = locate(p, index * p.out[2]);
    int8_t* y = layer.output + ptrdiff_t{index} * p.out[2] * p.out_channels;
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

}  // namespace by_table
}  // namespace
}  // namespace sinter
