// Blocks of a band: some windows by some channels, with sixteen channels in a vector.
#pragma once

#include "../intrinsics_avx512.h"
//
#include "../requantize_avx512.h"
#include "../unroll.h"
#include "accumulators_avx512.h"
#include "bands.h"

namespace sinter {
namespace {

// The constants of one call.
struct BandLayer {
  const int8_t* weights;
  const int32_t *bias, *multiplier, *shift;
  ColumnBrackets brackets;
  const int32_t* offset;  // of each group of 4 in a window
  int32_t quads;
  ptrdiff_t panel;  // bytes of one panel's weights
  ptrdiff_t out_channels;
  Int8Range512 range;
};

Bracket512 bracket_of(const BandLayer& layer, ptrdiff_t column) {
  return {_mm512_loadu_ps(layer.brackets.scale + column), _mm512_loadu_ps(layer.brackets.positive + column),
          _mm512_loadu_ps(layer.brackets.negative + column)};
}

// Requantises vectors of bytes once more, those in doubt, from accumulators of so many panels.
__attribute__((noinline, cold)) void settle_block(const BandLayer& layer, const __m512i* sums, int panels, ptrdiff_t column,
                                                  uint32_t doubtful, int8_t* to, ptrdiff_t step) {
  Bracket512 bracket[4];
  Columns columns[4];
  for (int i = 0; i < 4; ++i) {
    const ptrdiff_t first = column + i % panels * 16;
    bracket[i] = bracket_of(layer, first);
    columns[i] = {layer.multiplier + first, layer.shift + first};
  }
  for (; doubtful != 0; doubtful &= doubtful - 1) {
    const int i = __builtin_ctz(doubtful);
    const __m512i* acc = sums + 4 * i;
    _mm512_storeu_si512(to + i * step, requantize64<4>(bracket, acc[0], acc[1], acc[2], acc[3], columns, layer.range));
  }
}

// Stores the first bytes of rows of `width` to so many pixels.
__attribute__((noinline)) void spread(const int8_t* packed, int32_t width, int8_t* y, int32_t pixels, int32_t columns,
                                      ptrdiff_t step) {
  for (int32_t i = 0; i < pixels; ++i, packed += width, y += step) {
    if (columns == 16) {
      __builtin_memcpy(y, packed, 16);
    } else if (columns == 8) {
      __builtin_memcpy(y, packed, 8);
    } else {
      const __mmask64 inside = columns == 64 ? ~uint64_t{0} : (uint64_t{1} << columns) - 1;
      _mm512_mask_storeu_epi8(y, inside, _mm512_maskz_loadu_epi8(inside, packed));
    }
  }
}

// The outputs of kPixels windows by kPanels panels; of fewer pixels, those that exist.
template <int kPixels, int kPanels>
__attribute__((noinline)) void band_block(const BandLayer& layer, const int8_t* const* window, ptrdiff_t column, int8_t* y,
                                          int32_t pixels, int32_t columns) {
  constexpr int kTogether = 4 / kPanels, kWidth = kPanels * 16;
  const int8_t *w = layer.weights + column / 16 * layer.panel, *x[kPixels];
  const ptrdiff_t panel = layer.panel;
  __m512i acc[kPixels][kPanels];
  SINTER_UNROLL
  for (int i = 0; i < kPixels; ++i) {
    x[i] = window[i];
    SINTER_UNROLL
    for (int n = 0; n < kPanels; ++n) acc[i][n] = _mm512_loadu_si512(layer.bias + column + n * 16);
  }
  const int32_t *offset = layer.offset, *const end = offset + layer.quads;
  do {
    const ptrdiff_t at = *offset;
    __m512i weight[kPanels];
    SINTER_UNROLL
    for (int n = 0; n < kPanels; ++n) weight[n] = _mm512_loadu_si512(w + n * panel);
    SINTER_UNROLL
    for (int i = 0; i < kPixels; ++i) {
      const __m512i four = broadcast_four(x[i] + at);
      SINTER_UNROLL
      for (int n = 0; n < kPanels; ++n) add_products(acc[i][n], four, weight[n]);
    }
    w += 64;
  } while (++offset < end);
  detach(acc);
  alignas(64) int8_t packed[kPixels * kWidth];
  const bool direct = columns == kWidth && pixels >= kPixels && (kTogether == 1 || layer.out_channels == kWidth);
  int8_t* const to = direct ? y : packed;
  const ptrdiff_t step = direct ? kTogether * layer.out_channels : 64;
  Bracket512 bracket[kPanels];
  SINTER_UNROLL
  for (int n = 0; n < kPanels; ++n) bracket[n] = bracket_of(layer, column + n * 16);
  uint32_t doubtful = 0;
  SINTER_UNROLL
  for (int i = 0; i < kPixels / kTogether; ++i) {
    const int first = i * kTogether;
    const Words512 words =
        multiply<kPanels>(bracket, acc[first][0], acc[first + 1 / kPanels][1 % kPanels], acc[first + 2 / kPanels][2 % kPanels],
                          acc[first + 3 / kPanels][3 % kPanels], layer.range);
    doubtful |= uint32_t{any_doubtful(words, _mm512_set1_epi16(kWindow))} << i;
    _mm512_storeu_si512(to + i * step, pack_s8(layer.range, words));
  }
  if (__builtin_expect(doubtful != 0, 0)) {
    __m512i sums[kPixels * kPanels];
    store_sums(acc, sums);
    settle_block(layer, sums, kPanels, column, doubtful, to, step);
  }
  if (!direct) spread(packed, kWidth, y, pixels < kPixels ? pixels : kPixels, columns, layer.out_channels);
}

// kBandPixels windows by at most 8 columns: half vectors.
__attribute__((noinline)) void band_half_block(const BandLayer& layer, const int8_t* const* window, ptrdiff_t column, int8_t* y,
                                               int32_t pixels, int32_t columns) {
  const auto half = [](auto* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); };
  const auto twice = [&](auto* from) { return _mm512_broadcast_i64x4(half(from)); };
  const int8_t *w = layer.weights + column / 16 * layer.panel, *x[kBandPixels];
  __m256i acc[kBandPixels];
  SINTER_UNROLL
  for (int i = 0; i < kBandPixels; ++i) {
    x[i] = window[i];
    acc[i] = half(layer.bias + column);
  }
  const int32_t *offset = layer.offset, *const end = offset + layer.quads;
  do {
    const ptrdiff_t at = *offset;
    const __m256i weight = half(w);
    SINTER_UNROLL
    for (int i = 0; i < kBandPixels; ++i) {
      add_products(acc[i], _mm512_castsi512_si256(broadcast_four(x[i] + at)), weight);
    }
    w += 64;
  } while (++offset < end);
  alignas(64) int32_t multiplier[16], shift[16];
  _mm512_store_si512(multiplier, twice(layer.multiplier + column));
  _mm512_store_si512(shift, twice(layer.shift + column));
  const Bracket512 bracket[1] = {{_mm512_castsi512_ps(twice(layer.brackets.scale + column)),
                                  _mm512_castsi512_ps(twice(layer.brackets.positive + column)),
                                  _mm512_castsi512_ps(twice(layer.brackets.negative + column))}};
  const auto pair = [&](int v) __attribute__((always_inline)) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(acc[2 * v]), acc[2 * v + 1], 1);
  };
  const __m512i bytes = requantize64<1>(bracket, pair(0), pair(1), pair(2), pair(3), multiplier, shift, layer.range);
  if (columns == 8 && layer.out_channels == 8 && pixels >= kBandPixels) {
    _mm512_storeu_si512(y, bytes);
    return;
  }
  alignas(64) int8_t packed[64];
  _mm512_store_si512(packed, bytes);
  spread(packed, 8, y, pixels < kBandPixels ? pixels : kBandPixels, columns, layer.out_channels);
}

}  // namespace
}  // namespace sinter
