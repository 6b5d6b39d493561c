// Convolution of bands of rows, with sixteen channels in a vector: bands.h.
#pragma once

#include "../intrinsics_avx512.h"
//
#include "../requantize_avx512.h"
#include "../unroll.h"
#include "accumulators_avx512.h"
#include "bands.h"
#include "row_avx512.h"

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

template <int kPixels, int kPanels>
inline __attribute__((always_inline)) void store_sums(const __m512i (&acc)[kPixels][kPanels], __m512i* to) {
  SINTER_UNROLL
  for (int i = 0; i < kPixels; ++i) {
    SINTER_UNROLL
    for (int n = 0; n < kPanels; ++n) to[i * kPanels + n] = acc[i][n];
  }
}

// Requantises vectors of bytes once more, those in doubt, from accumulators of so many panels.
__attribute__((noinline, cold)) void settle(const BandLayer& layer, const __m512i* sums, int panels, ptrdiff_t column,
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

// Sums of kPixels windows by kPanels panels.
template <int kPixels, int kPanels>
inline __attribute__((always_inline)) void accumulate(const BandLayer& layer, const int8_t* const* window, ptrdiff_t column,
                                                      __m512i (&acc)[kPixels][kPanels]) {
  const int8_t *w = layer.weights + column / 16 * layer.panel, *x[kPixels];
  const ptrdiff_t panel = layer.panel;
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
}

// Not inlined where accumulators are many: GCC would have some in memory in the loop already, to have registers for what follows.
template <int kPixels, int kPanels>
__attribute__((noinline)) void accumulate(const BandLayer& layer, const int8_t* const* window, ptrdiff_t column, __m512i* to) {
  __m512i acc[kPixels][kPanels];
  accumulate(layer, window, column, acc);
  store_sums(acc, to);
}

// The outputs of kPixels windows by kPanels panels; of fewer pixels, those that exist.
template <int kPixels, int kPanels>
__attribute__((noinline)) void band_block(const BandLayer& layer, const int8_t* const* window, ptrdiff_t column, int8_t* y,
                                          int32_t pixels, int32_t columns) {
  constexpr int kTogether = 4 / kPanels, kWidth = kPanels * 16, kSums = kPixels * kPanels;
  alignas(64) int8_t packed[kPixels * kWidth];
  const bool direct = columns == kWidth && pixels >= kPixels && (kTogether == 1 || layer.out_channels == kWidth);
  int8_t* const to = direct ? y : packed;
  const ptrdiff_t step = direct ? kTogether * layer.out_channels : 64;
  __m512i sums[kSums];
  uint32_t doubtful = 0;
  const auto rescale = [&](int i, const Bracket512* bracket, __m512i a, __m512i b, __m512i c, __m512i d)
                           __attribute__((always_inline)) {
                             const Words512 words = multiply<kPanels>(bracket, a, b, c, d, layer.range);
                             doubtful |= uint32_t{any_doubtful(words, _mm512_set1_epi16(kWindow))} << i;
                             _mm512_storeu_si512(to + i * step, pack_s8(layer.range, words));
                           };
  if constexpr (kSums > 16) {
    accumulate<kPixels, kPanels>(layer, window, column, sums);
    Bracket512 bracket[kPanels];
    SINTER_UNROLL
    for (int n = 0; n < kPanels; ++n) bracket[n] = bracket_of(layer, column + n * 16);
    for (int i = 0; i < kSums; i += 4) rescale(i / 4, bracket, sums[i], sums[i + 1], sums[i + 2], sums[i + 3]);
  } else {
    __m512i acc[kPixels][kPanels];
    accumulate(layer, window, column, acc);
    Bracket512 bracket[kPanels];
    SINTER_UNROLL
    for (int n = 0; n < kPanels; ++n) bracket[n] = bracket_of(layer, column + n * 16);
    SINTER_UNROLL
    for (int i = 0; i < kPixels; i += kTogether) {
      rescale(i / kTogether, bracket, acc[i][0], acc[i + 1 / kPanels][1 % kPanels], acc[i + 2 / kPanels][2 % kPanels],
              acc[i + 3 / kPanels][3 % kPanels]);
    }
    if (__builtin_expect(doubtful != 0, 0)) store_sums(acc, sums);
  }
  if (__builtin_expect(doubtful != 0, 0)) settle(layer, sums, kPanels, column, doubtful, to, step);
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
      acc[i] = _mm256_dpbusd_epi32(acc[i], _mm512_castsi512_si256(broadcast_four(x[i] + at)), weight);
      __asm__("" : "+v"(acc[i]));
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

using BandBlock = void (*)(const BandLayer& layer, const int8_t* const* window, ptrdiff_t column, int8_t* y, int32_t pixels,
                           int32_t columns);

struct BandShape {
  BandBlock block;
  int32_t pixels, columns;
};
constexpr BandShape kBandShapes[4] = {{band_block<6, 4>, 6, 64},
                                      {band_block<kBandPixels, 2>, kBandPixels, 32},
                                      {band_block<kBandPixels, 1>, kBandPixels, 16},
                                      {band_half_block, kBandPixels, 8}};

// The rows of the input that a band sees.
class BandRows {
 public:
  BandRows(const ConvS8Params& p, const Bands& b, const int8_t* input, int8_t* rows) : p_(p), b_(b), input_(input), rows_(rows) {}

  // Copies those of `count` rows of the output, from one on.
  void copy(int32_t batch, int32_t row, int32_t count) const {
    const int32_t first = row * p_.stride[1] - p_.pad[1], last = first + (count - 1) * p_.stride[1] + b_.reach;
    const ptrdiff_t bytes = ptrdiff_t{p_.in[2]} * p_.in_channels, pad = ptrdiff_t{p_.pad[2]} * p_.in_channels;
    int8_t* to = rows_;
    for (int32_t h = first; h < last; ++h, to += b_.row) {
      const bool inside = h >= 0 && h < p_.in[1];
      const int8_t* x = input_ + (ptrdiff_t{batch} * p_.in[1] + (inside ? h : 0)) * bytes;
      for (ptrdiff_t at = 0; at < b_.row; at += 64)
        _mm512_storeu_si512(to + at, load_unsigned(x, at - pad, inside ? bytes : 0, p_.in_zero));
    }
  }

  // Computes so many pixels of the band, in blocks of this shape.
  void pass(const BandLayer& layer, const BandShape& shape, ptrdiff_t column, int8_t* y, int32_t pixels, int32_t columns) const {
    const ptrdiff_t step = ptrdiff_t{p_.stride[2]} * p_.in_channels, down = p_.stride[1] * b_.row - (p_.out[2] - 1) * step;
    const int8_t* at = rows_;
    for (int32_t left = p_.out[2]; pixels > 0; pixels -= shape.pixels, y += shape.pixels * layer.out_channels) {
      const int8_t* window[kBandPixels];
      for (int32_t i = 0; i < shape.pixels; ++i) {
        window[i] = at;
        if (i + 1 >= pixels) continue;  // the last one again
        at += --left > 0 ? step : down;
        if (left == 0) left = p_.out[2];
      }
      shape.block(layer, window, column, y, pixels, columns);
    }
  }

 private:
  const ConvS8Params& p_;
  const Bands& b_;
  const int8_t* input_;
  int8_t* rows_;
};

void convolve_bands(const ConvS8Params& p, void* const* operands, int8_t* scratch, int32_t begin, int32_t end) {
  const Bands b = bands(p);
  int32_t *const offset = reinterpret_cast<int32_t*>(scratch), *to = offset;
  for (int32_t kh = 0; kh < p.kernel[1]; ++kh) {
    for (int32_t k = 0; k < b.line; k += 4) *to++ = static_cast<int32_t>(kh * p.dilation[1] * b.row) + k;
  }
  const int32_t *multiplier = static_cast<const int32_t*>(operands[3]), *shift = static_cast<const int32_t*>(operands[4]);
  const Int8Range512 range = int8_range512(p.out_zero, p.out_min, p.out_max);
  float* brackets = reinterpret_cast<float*>(scratch + b.offsets);
  const BandLayer layer = {static_cast<const int8_t*>(operands[1]),
                           static_cast<const int32_t*>(operands[2]),
                           multiplier,
                           shift,
                           store_brackets(multiplier, shift, range, ptrdiff_t{conv_panels(p, 16)} * 16, brackets),
                           offset,
                           b.quads,
                           ptrdiff_t{b.quads} * 64,
                           p.out_channels,
                           range};
  const BandRows rows(p, b, static_cast<const int8_t*>(operands[0]), scratch + b.offsets + b.brackets);
  int8_t* y = static_cast<int8_t*>(operands[5]) + ptrdiff_t{begin} * p.out[2] * p.out_channels;
  while (begin < end) {
    const int32_t row = begin % p.out[1], below = p.out[1] - row < end - begin ? p.out[1] - row : end - begin;
    const int32_t count = below < b.rows ? below : b.rows, pixels = count * p.out[2];
    rows.copy(begin / p.out[1], row, count);
    for (int32_t column = 0; column < p.out_channels;) {
      const int32_t left = p.out_channels - column;
      const BandShape& shape = kBandShapes[left > 48 ? 0 : left > 16 ? 1 : left > 8 ? 2 : 3];
      rows.pass(layer, shape, column, y + column, pixels, left < shape.columns ? left : shape.columns);
      column += shape.columns;
    }
    begin += count;
    y += ptrdiff_t{pixels} * p.out_channels;
  }
}

}  // namespace
}  // namespace sinter
