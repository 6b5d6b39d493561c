// A block of a band whose vectors are sixteen pixels of one row of the output, all of one channel: for few channels.
#pragma once

#include "band_block_avx512.h"

namespace sinter {
namespace {

// The first byte of each lane's window: lane l of quarter q has pixel 4l + q, so that transposing keeps to the quarters.
__m512i lane_bytes(int32_t step) {
  const __m512i pixel = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i first = _mm512_mullo_epi32(pixel, _mm512_set1_epi32(step * 0x01010101));
  return _mm512_add_epi8(first, _mm512_set1_epi32(0x03020100));
}

// Where the bytes of eight pixels, in order, lie in two vectors [quarter][channel][lane] of four channels each. Those of the other
// eight lie 2 further.
struct TransposeIndex {
  uint8_t byte[64];
};
constexpr TransposeIndex transpose_index() {
  TransposeIndex index = {};
  for (int i = 0; i < 64; ++i) {
    const int pixel = i / 8;
    index.byte[i] = static_cast<uint8_t>(i / 4 % 2 * 64 + pixel % 4 * 16 + i % 4 * 4 + pixel / 4);
  }
  return index;
}
alignas(64) constexpr TransposeIndex kTranspose = transpose_index();

// Sums [channel][vector] of kVectors vectors of pixels by 8 columns; `step` bytes lie between windows, `lanes` tells the bytes of
// each lane. Not inlined, since GCC would have some sums in memory in the loop, to have registers for what follows.
template <int kVectors>
__attribute__((noinline)) void accumulate_lanes(const BandLayer& layer, const int8_t* window, ptrdiff_t step, __m512i lanes,
                                                ptrdiff_t column, __m512i* to) {
  const int8_t* w = layer.weights + column / 16 * layer.panel + column % 16 * 4;
  __m512i acc[kLaneColumns][kVectors];
  SINTER_UNROLL
  for (int n = 0; n < kLaneColumns; ++n) {
    SINTER_UNROLL
    for (int v = 0; v < kVectors; ++v) acc[n][v] = _mm512_set1_epi32(layer.bias[column + n]);
  }
  const int32_t *offset = layer.offset, *const end = offset + layer.quads;
  do {
    const int8_t* from = window + *offset;
    __m512i x[kVectors];
    SINTER_UNROLL
    for (int v = 0; v < kVectors; ++v, from += kLanePixels * step) {
      x[v] = _mm512_permutex2var_epi8(_mm512_loadu_si512(from), lanes, _mm512_loadu_si512(from + 64));
    }
    SINTER_UNROLL
    for (int n = 0; n < kLaneColumns; ++n) {
      const __m512i four = broadcast_four(w + 4 * n);
      SINTER_UNROLL
      for (int v = 0; v < kVectors; ++v) add_products(acc[n][v], x[v], four);
    }
    w += 64;
  } while (++offset < end);
  store_sums(acc, to);
}

using LaneSums = void (*)(const BandLayer& layer, const int8_t* window, ptrdiff_t step, __m512i lanes, ptrdiff_t column,
                          __m512i* to);
constexpr int32_t kLaneVectors = 3;
constexpr LaneSums kLaneSums[kLaneVectors] = {accumulate_lanes<1>, accumulate_lanes<2>, accumulate_lanes<3>};

// Stores sixteen pixels by 8 columns, given as two vectors [quarter][channel][lane].
void store_lanes(__m512i first, __m512i second, int8_t* to) {
  const __m512i low = _mm512_load_si512(&kTranspose), high = _mm512_add_epi8(low, _mm512_set1_epi8(2));
  _mm512_storeu_si512(to, _mm512_permutex2var_epi8(first, low, second));
  _mm512_storeu_si512(to + 64, _mm512_permutex2var_epi8(first, high, second));
}

// Requantises vectors of pixels once more, those in doubt.
__attribute__((noinline, cold)) void settle_lanes(const BandLayer& layer, const __m512i* sums, int32_t vectors, ptrdiff_t column,
                                                  uint32_t doubtful, int8_t* to) {
  for (; doubtful != 0; doubtful &= doubtful - 1) {
    const int v = __builtin_ctz(doubtful);
    const __m512i* at = sums + v;
    __m512i bytes[2];
    for (int i = 0; i < 2; ++i, at += 4 * vectors) {
      bytes[i] = requantize_columns(layer.brackets, column + 4 * i, at[0], at[vectors], at[2 * vectors], at[3 * vectors],
                                    layer.multiplier, layer.shift, layer.range);
    }
    store_lanes(bytes[0], bytes[1], to + v * kLaneColumns * kLanePixels);
  }
}

// The outputs of vectors of pixels by at most 8 columns.
void lane_block(const BandLayer& layer, const int8_t* window, ptrdiff_t step, __m512i lanes, int32_t vectors, ptrdiff_t column,
                int8_t* y, int32_t pixels, int32_t columns) {
  constexpr int kWidth = kLaneColumns * kLanePixels;
  __m512i sums[kLaneColumns * kLaneVectors];
  kLaneSums[vectors - 1](layer, window, step, lanes, column, sums);
  alignas(64) int8_t packed[kLaneVectors * kWidth];
  const bool direct = columns == kLaneColumns && layer.out_channels == kLaneColumns && pixels == vectors * kLanePixels;
  int8_t* const to = direct ? y : packed;
  Bracket512 bracket[kLaneColumns];
  SINTER_UNROLL
  for (int i = 0; i < kLaneColumns; ++i) bracket[i] = column_bracket512(layer.brackets, column + i);
  uint32_t doubtful = 0;
  for (int32_t v = 0; v < vectors; ++v) {
    __m512i bytes[2];
    SINTER_UNROLL
    for (int i = 0; i < 2; ++i) {
      const __m512i* at = sums + v + i * 4 * vectors;
      const Words512 words = multiply<4>(bracket + 4 * i, at[0], at[vectors], at[2 * vectors], at[3 * vectors], layer.range);
      doubtful |= uint32_t{any_doubtful(words, _mm512_set1_epi16(kWindow))} << v;
      bytes[i] = pack_quarters(layer.range, words);
    }
    store_lanes(bytes[0], bytes[1], to + v * kWidth);
  }
  if (__builtin_expect(doubtful != 0, 0)) settle_lanes(layer, sums, vectors, column, doubtful, to);
  if (!direct) spread(packed, kLaneColumns, y, pixels, columns, layer.out_channels);
}

}  // namespace
}  // namespace sinter
