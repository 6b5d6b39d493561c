// Convolution of single pixels of few channels. Blocks of eight accumulators are rescaled straight from registers, while the
// products of the next block begin; pixels lie a constant step apart.
#pragma once

#include "../unroll.h"
#include "products_avx512.h"

namespace sinter {
namespace {

// Stores 64 bytes: pixels of kPanels panels each, of which the last may have columns missing.
template <int kPanels>
__attribute__((always_inline)) inline void store_pixels(__m512i bytes, int32_t columns, ptrdiff_t step, int8_t* y) {
  constexpr int32_t kWidth = kPanels * kNr;
  if (columns == kWidth && step == kWidth) {
    _mm512_storeu_si512(y, bytes);
    return;
  }
  SINTER_UNROLL
  for (int i = 0; i < 4 / kPanels; ++i, y += step) {
    const __m512i row = align_row(bytes, i * kPanels);
    if (columns < kWidth) {
      _mm512_mask_storeu_epi8(y, ~uint64_t{0} >> (64 - columns), row);
    } else if (kPanels == 4) {
      _mm512_storeu_si512(y, row);
    } else if (kPanels == 2) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), _mm512_castsi512_si256(row));
    } else {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(y), _mm512_castsi512_si128(row));
    }
  }
}

// An address anew: what lies there is loaded where it is needed, and addresses beside it are not kept. Too many of them would go
// to vectors, and wait there for products.
template <class T>
T* afresh(T* address) {
  __asm__("" : "+r"(address));
  return address;
}

// The results of a layer's first panels.
template <int kPanels>
__attribute__((noinline, cold)) __m512i settle(const Layer& layer, __m512i a, __m512i b, __m512i c, __m512i d) {
  Columns columns[4];
  for (int i = 0; i < 4; ++i) columns[i] = {layer.multiplier + i % kPanels * kNr, layer.shift + i % kPanels * kNr};
  return requantize64_exactly(a, b, c, d, columns, layer.range);
}

// At least kPixels pixels by the first kPanels panels; kSigned: outputs may lie below the zero point. The last block may do pixels
// again.
template <int kPanels, bool kSigned>
__attribute__((noinline)) void strip(const Layer& layer, const int8_t* x, ptrdiff_t step, int32_t pixels, int8_t* y,
                                     int32_t columns) {
  constexpr int kPixels = 8 / kPanels, kTogether = 4 / kPanels;
  const ptrdiff_t panel = layer.panel;
  Bracket512 bracket[kPanels];
  SINTER_UNROLL
  for (int n = 0; n < kPanels; ++n) bracket[n] = load_bracket512(layer.multiplier + n * kNr, layer.shift + n * kNr, layer.range);
  for (;;) {
    const int32_t* bias = afresh(&layer)->bias;
    __m512i acc[kPixels][kPanels];
    SINTER_UNROLL
    for (int n = 0; n < kPanels; ++n) {
      SINTER_UNROLL
      for (int i = 0; i < kPixels; ++i) {
        acc[i][n] = load(bias + n * kNr);
        __asm__("" : "+v"(acc[i][n]));
      }
    }
    const int8_t *w = afresh(&layer)->weights, *low = afresh(x), *high = low + 4 * step;
    ptrdiff_t left = panel;
    do {
      __m512i weight[kPanels];
      SINTER_UNROLL
      for (int n = 0; n < kPanels; ++n) {
        weight[n] = load(w + n * panel);
        __asm__("" : "+v"(weight[n]));
      }
      SINTER_UNROLL
      for (int i = 0; i < kPixels; ++i) {
        const __m512i four = broadcast((i < 4 ? low : high) + i % 4 * step);
        SINTER_UNROLL
        for (int n = 0; n < kPanels; ++n) multiply(acc[i][n], four, weight[n]);
      }
      low += 4;
      high += 4;
      w += kGroup;
      left -= kGroup;
    } while (left != 0);
    SINTER_UNROLL
    for (int n = 0; n < kPanels; ++n) {
      SINTER_UNROLL
      for (int i = 0; i < kPixels; ++i) __asm__("" : "+v"(acc[i][n]));
    }
    int8_t* to = afresh(y);
    SINTER_UNROLL
    for (int i = 0; i < kPixels; i += kTogether, to += kTogether * layer.out_channels) {
      if (kSigned != (layer.range.low < layer.range.zero)) __builtin_unreachable();
      const auto at = [&](int v) __attribute__((always_inline)) { return acc[i + v / kPanels][v % kPanels]; };
      const Words512 words = sinter::multiply<kPanels>(bracket, at(0), at(1), at(2), at(3), layer.range);
      const __m512i bytes = any_doubtful(words, _mm512_set1_epi16(kWindow)) ? settle<kPanels>(layer, at(0), at(1), at(2), at(3))
                                                                            : pack_s8(layer.range, words);
      store_pixels<kPanels>(bytes, columns, layer.out_channels, to);
    }
    pixels -= kPixels;
    if (pixels <= 0) break;
    const ptrdiff_t forward = pixels < kPixels ? pixels : kPixels;
    x += forward * step;
    y += forward * layer.out_channels;
  }
}

// Pixels that lie side by side, by so many columns, from one that starts a panel on.
template <bool kSigned>
void pointwise(const Layer& layer, const int8_t* x, ptrdiff_t depth, int32_t pixels, ptrdiff_t column, int8_t* y, int32_t columns) {
  const int32_t most = 16384 / static_cast<int32_t>(layer.out_channels) / 8 * 8, chunk = most < 48 ? 48 : most;
  const int32_t parts = div_up(pixels, chunk), each = div_up(div_up(pixels, parts), 8) * 8;
  for (int32_t pixel = 0; pixel < pixels; pixel += each) {
    const int32_t left = pixels - pixel, count = left < each ? left : each, back = count < 8 ? 8 - count : 0;
    const int8_t* from = x + (pixel - back) * depth;
    int8_t* to = y + (pixel - back) * layer.out_channels;
    for (int32_t at = 0; at < columns;) {
      const int32_t width = columns - at > 3 * kNr ? 4 : columns - at > kNr ? 2 : 1;
      const int32_t taken = columns - at < width * kNr ? columns - at : width * kNr;
      const ptrdiff_t first = column + at;
      Layer part = layer;
      part.weights += first / kNr * layer.panel;
      part.bias += first;
      part.multiplier += first;
      part.shift += first;
      const auto run = width == 4 ? strip<4, kSigned> : width == 2 ? strip<2, kSigned> : strip<1, kSigned>;
      run(part, from, depth, count + back, to + at, taken);
      at += taken;
    }
  }
}

}  // namespace
}  // namespace sinter
