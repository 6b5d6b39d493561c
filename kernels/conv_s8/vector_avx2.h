// Few pixels by many columns, where every weight is read once or twice and the multiplications must keep up with the memory. With
// m = -1 for activations below zero, else 0, and with the exclusive or of bytes,
//   x * w = |x| * (w ^ m) - m * |x|,
// whose last term is no matter of the columns, and int16 holds the sum of two products |x| * (w ^ m), from -2^15 on.
#pragma once

#include "../requantize_avx2.h"
#include "../unroll.h"
#include "conv_s8.h"

namespace sinter {
namespace {
namespace by_vector {

constexpr int32_t kNr = 32, kKr = 4, kVectors = 4;

struct Layer {
  const ConvS8Params& p;
  const int8_t* weights;
  const int32_t *bias, *multiplier, *shift;
  ptrdiff_t panel;  // bytes of one panel's weights
  Int8Range range;
};

inline __m256i load(const void* at) { return _mm256_loadu_si256(static_cast<const __m256i*>(at)); }

// The sum of -x over all x below zero.
inline int32_t sum_below(const int8_t* x, ptrdiff_t depth) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i sums = zero;
  ptrdiff_t k = 0;
  for (; k + 32 <= depth; k += 32) {
    const __m256i bytes = load(x + k);
    sums = _mm256_add_epi64(sums, _mm256_sad_epu8(_mm256_sub_epi8(zero, _mm256_min_epi8(bytes, zero)), zero));
  }
  alignas(32) int64_t parts[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(parts), sums);
  int32_t sum = static_cast<int32_t>(parts[0] + parts[1] + parts[2] + parts[3]);
  for (; k < depth; ++k) sum -= x[k] < 0 ? x[k] : 0;
  return sum;
}

// The panel that starts with a column, for kRows pixels whose inputs lie side by side.
template <int kRows>
void convolve(const Layer& layer, const int8_t* x, const int32_t (&below)[kRows], ptrdiff_t column, int8_t* y) {
  const ptrdiff_t depth = layer.p.in_channels;
  const int8_t* w = layer.weights + column / kNr * layer.panel;
  const __m256i ones = _mm256_set1_epi16(1), zero = _mm256_setzero_si256();
  __m256i acc[kRows][kVectors];
  SINTER_UNROLL
  for (int n = 0; n < kVectors; ++n) {
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      acc[row][n] = _mm256_add_epi32(load(layer.bias + column + n * 8), _mm256_set1_epi32(below[row]));
    }
  }
  const auto add = [&](const int32_t (&four)[kRows]) __attribute__((always_inline)) {
    SINTER_UNROLL
    for (int n = 0; n < kVectors; ++n) {
      const __m256i weight = load(w + n * 32);
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) {
        const __m256i a = _mm256_set1_epi32(four[row]);
        const __m256i turned = _mm256_xor_si256(weight, _mm256_cmpgt_epi8(zero, a));
        const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(a), turned);
        acc[row][n] = _mm256_add_epi32(acc[row][n], _mm256_madd_epi16(pairs, ones));
      }
    }
    w += kNr * kKr;
  };
  int32_t four[kRows];
  ptrdiff_t k = 0;
  for (; k + kKr <= depth; k += kKr) {
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) __builtin_memcpy(&four[row], x + row * depth + k, kKr);
    add(four);
  }
  if (k < depth) {
    for (int row = 0; row < kRows; ++row) {
      int8_t bytes[kKr] = {};
      for (ptrdiff_t i = k; i < depth; ++i) bytes[i - k] = x[row * depth + i];
      __builtin_memcpy(&four[row], bytes, kKr);
    }
    add(four);
  }

  Bracket bracket[kVectors];
  Columns columns[kVectors];
  SINTER_UNROLL
  for (int n = 0; n < kVectors; ++n) {
    columns[n] = {layer.multiplier + column + n * 8, layer.shift + column + n * 8};
    bracket[n] = load_bracket(columns[n].multiplier, columns[n].shift, layer.range);
  }
  const ptrdiff_t left = layer.p.out_channels - column;
  SINTER_UNROLL
  for (int row = 0; row < kRows; ++row, y += layer.p.out_channels) {
    const __m256i bytes = requantize32<kVectors>(bracket, acc[row][0], acc[row][1], acc[row][2], acc[row][3], columns, layer.range);
    if (left >= kNr) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), bytes);
    } else {
      const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
      store_s8<2>(y, low, static_cast<int32_t>(left));
      if (left > 16) store_s8<2>(y + 16, high, static_cast<int32_t>(left - 16));
    }
  }
}

template <int kRows>
void panels(const Layer& layer, const ConvTile& tile, const int8_t* x, int8_t* y) {
  const ptrdiff_t depth = layer.p.in_channels;
  int32_t below[kRows];
  for (int row = 0; row < kRows; ++row) below[row] = sum_below(x + row * depth, depth);
  for (int32_t panel = tile.panel; panel < tile.panel + tile.panels; ++panel) {
    const ptrdiff_t column = ptrdiff_t{panel} * kNr;
    convolve<kRows>(layer, x, below, column, y + column);
  }
}

Status run(const void* params, void* const* operands, int32_t begin, int32_t end) {
  const ConvS8Params& p = *static_cast<const ConvS8Params*>(params);
  const Layer layer = {p,
                       static_cast<const int8_t*>(operands[1]),
                       static_cast<const int32_t*>(operands[2]),
                       static_cast<const int32_t*>(operands[3]),
                       static_cast<const int32_t*>(operands[4]),
                       ptrdiff_t{div_up(p.in_channels, kKr)} * kKr * kNr,
                       int8_range(p.out_zero, p.out_min, p.out_max)};
  while (begin < end) {
    const ConvTile tile = take_panels(p, kVectorRows, kNr, begin, end);
    const int8_t* x = static_cast<const int8_t*>(operands[0]) + ptrdiff_t{tile.pixel} * p.in_channels;
    int8_t* y = static_cast<int8_t*>(operands[5]) + ptrdiff_t{tile.pixel} * p.out_channels;
    if (tile.pixels == kVectorRows) {
      panels<kVectorRows>(layer, tile, x, y);
    } else {
      panels<1>(layer, tile, x, y);
    }
  }
  return kOk;
}

}  // namespace by_vector
}  // namespace
}  // namespace sinter
