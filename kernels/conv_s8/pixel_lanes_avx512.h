// Convolution whose vectors are sixteen pixels of one row of the output, all of one channel: pixel_lanes.h.
#pragma once

#include "../intrinsics_avx512.h"
//
#include "../requantize_avx512.h"
#include "../unroll.h"
#include "pixel_lanes.h"
#include "row_avx512.h"

namespace sinter {
namespace {

// The constants of one call; weights and brackets as the products take them.
struct LaneLayer {
  const int8_t* weights;
  const int32_t *bias, *multiplier, *shift;
  ColumnBrackets brackets;
  int32_t quads;
  ptrdiff_t out_channels;
  Int8Range512 range;
};

// The pixel of each lane: lane l of quarter q has pixel 4l + q, so that transposing keeps to the quarters.
__m512i lane_pixels() { return _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15); }

// Rows of the input, rearranged, and where a window's groups of 4 lie for a row of the output.
class LaneRows {
 public:
  LaneRows(const ConvS8Params& p, const PixelLanes& lanes, const int8_t* input, int8_t* scratch)
      : p_(p), lanes_(lanes), input_(input), rows_(scratch), shared_(rows_ + lanes.row * (lanes.slots + 1)) {
    table_ = reinterpret_cast<const int8_t**>(shared_ + int64_t{lanes.shared} * lanes.vectors * 64);
    held_ = reinterpret_cast<int32_t*>(table_ + lanes.table / 8);
    for (int32_t slot = 0; slot < lanes.slots; ++slot) held_[slot] = -1;
    const __m512i first = _mm512_mullo_epi32(lane_pixels(), _mm512_set1_epi32(p.stride[2] * p.in_channels));
    const __m512i bytes = _mm512_mullo_epi32(first, _mm512_set1_epi32(0x01010101));
    own_ = _mm512_add_epi8(bytes, _mm512_set1_epi32(0x03020100));
    rest_ = _mm512_add_epi8(bytes, _mm512_set1_epi32(lanes.rest == 1 ? 0 : 0x01000100));
    rest_ = _mm512_add_epi8(rest_, _mm512_set1_epi8(static_cast<char>(4 * lanes.own)));
    rearrange(input, 0, rows_ + lanes.row * lanes.slots);
  }

  // The addresses of the groups of 4 of a window, for the first vector of a row of the output.
  const int8_t* const* find(int32_t row) {
    const int32_t batch = row / p_.out[1], origin = row % p_.out[1] * p_.stride[1] - p_.pad[1];
    const int8_t **own = table_, **rest = table_ + lanes_.quads;
    for (int32_t kh = 0; kh < p_.kernel[1]; ++kh) {
      const int8_t* at = find_row(batch, origin + kh * p_.dilation[1]);
      for (int32_t i = 0; i < lanes_.own; ++i, at += ptrdiff_t{64} * lanes_.vectors) *own++ = at;
      *rest++ = at;
    }
    int8_t* to = shared_;
    for (int32_t kh = 0; kh < p_.kernel[1] && lanes_.rest != 0; kh += lanes_.together, to += ptrdiff_t{64} * lanes_.vectors) {
      *own++ = to;
      share(table_ + lanes_.quads + kh, p_.kernel[1] - kh, to);
    }
    return table_;
  }

 private:
  const int8_t* find_row(int32_t batch, int32_t h) {
    if (h < 0 || h >= p_.in[1]) return rows_ + lanes_.row * lanes_.slots;
    const int32_t slot = h % lanes_.slots, row = batch * p_.in[1] + h;
    int8_t* at = rows_ + lanes_.row * slot;
    const ptrdiff_t bytes = ptrdiff_t{p_.in[2]} * p_.in_channels;
    if (held_[slot] != row) rearrange(input_ + row * bytes, bytes, at);
    held_[slot] = row;
    return at;
  }

  // The groups of 4 of a row of so many bytes, in_zero on both sides.
  void rearrange(const int8_t* x, ptrdiff_t bytes, int8_t* to) const {
    const ptrdiff_t step = ptrdiff_t{kLanePixels} * p_.stride[2] * p_.in_channels, group = ptrdiff_t{64} * lanes_.vectors;
    const __m512i four = _mm512_set1_epi8(4);
    ptrdiff_t at = -ptrdiff_t{p_.pad[2]} * p_.in_channels;
    for (int32_t v = 0; v < lanes_.vectors; ++v, at += step, to += 64) {
      const __m512i low = load_unsigned(x, at, bytes, p_.in_zero), high = load_unsigned(x, at + 64, bytes, p_.in_zero);
      __m512i index = own_;
      for (int32_t i = 0; i < lanes_.own; ++i, index = _mm512_add_epi8(index, four)) {
        _mm512_store_si512(to + i * group, _mm512_permutex2var_epi8(low, index, high));
      }
      if (lanes_.rest != 0) _mm512_store_si512(to + lanes_.own * group, _mm512_permutex2var_epi8(low, rest_, high));
    }
  }

  // Groups of 4 that lines share.
  void share(const int8_t* const* line, int32_t lines, int8_t* to) const {
    const __mmask64 bytes = lanes_.rest == 1 ? 0x1111111111111111 : 0x3333333333333333;
    for (ptrdiff_t at = 0; at < ptrdiff_t{64} * lanes_.vectors; at += 64) {
      __m512i group = _mm512_load_si512(line[0] + at);
      for (int32_t i = 1; i < lanes_.together && i < lines; ++i) {
        group = _mm512_mask_mov_epi8(group, bytes << i * lanes_.rest, _mm512_load_si512(line[i] + at));
      }
      _mm512_store_si512(to + at, group);
    }
  }

  const ConvS8Params& p_;
  const PixelLanes& lanes_;
  const int8_t* input_;
  int8_t *rows_, *shared_;
  const int8_t** table_;  // of a window's groups, then of its lines' last bytes
  int32_t* held_;         // the row in each slot
  __m512i own_, rest_;    // where the bytes of a line's first group lie, and those of its rest
};

// The weights of all panels, the lines' last bytes in shared groups.
void share_weights(const ConvS8Params& p, const PixelLanes& lanes, const int8_t* from, int8_t* to) {
  const ptrdiff_t line = ptrdiff_t{line_bytes(p)} * 16;
  for (int32_t panel = 0; panel < conv_panels(p, 16); ++panel, from += p.kernel[1] * line) {
    for (int32_t kh = 0; kh < p.kernel[1]; ++kh) {
      for (int32_t i = 0; i < lanes.own; ++i, to += 64) _mm512_store_si512(to, _mm512_loadu_si512(from + kh * line + i * 64));
    }
    for (int32_t kh = 0; kh < p.kernel[1]; to += 64) {
      __m512i group = _mm512_setzero_si512();
      for (int32_t i = 0; i < lanes.together && kh < p.kernel[1]; ++i, ++kh) {
        const __m512i rest = _mm512_loadu_si512(from + kh * line + lanes.own * 64);
        group = _mm512_or_si512(group, _mm512_sll_epi32(rest, _mm_cvtsi32_si128(8 * lanes.rest * i)));
      }
      _mm512_store_si512(to, group);
    }
  }
}

// Where the bytes of pixels lie in two vectors [quarter][channel][lane] of four channels each: of eight channels, pixel by pixel in
// order, or of lanes 0 and 1 in each quarter. Those of the other pixels or lanes lie 2 further.
struct TransposeIndex {
  uint8_t byte[64];
};
constexpr TransposeIndex transpose_index(bool in_order) {
  TransposeIndex index = {};
  for (int i = 0; i < 64; ++i) {
    const int eight = i / 8, quarter = in_order ? eight % 4 : eight / 2, lane = in_order ? eight / 4 : eight % 2;
    index.byte[i] = static_cast<uint8_t>(i / 4 % 2 * 64 + quarter * 16 + i % 4 * 4 + lane);
  }
  return index;
}
alignas(64) constexpr TransposeIndex kInOrder = transpose_index(true), kByQuarters = transpose_index(false);

// Stores pixels of at most kColumns channels, given as vectors [quarter][channel][lane] of four channels each. Where the output has
// more or fewer channels, stores run over the pixels that follow, but not beyond `end`.
template <int kColumns>
void transpose_store(const __m512i quad[kColumns / 4], int8_t* y, int32_t pixels, int32_t columns, ptrdiff_t step, int8_t* end) {
  constexpr int kWidth = kColumns <= 8 ? 8 : 16, kVectors = kWidth / 4, kOther = kColumns / 4 - 1;
  __m512i pixel[kVectors];
  __m512i index = _mm512_load_si512(kWidth == 8 ? &kInOrder : &kByQuarters);
  SINTER_UNROLL
  for (int i = 0; i < 2; ++i, index = _mm512_add_epi8(index, _mm512_set1_epi8(2))) {
    const __m512i low = _mm512_permutex2var_epi8(quad[0], index, quad[kOther < 1 ? 0 : 1]);
    if (kWidth == 8) {
      pixel[i] = low;
      continue;
    }
    const __m512i high = _mm512_permutex2var_epi8(quad[kOther < 2 ? 0 : 2], index, quad[kOther]);
    pixel[2 * i] = _mm512_unpacklo_epi64(low, high);
    pixel[2 * i + 1] = _mm512_unpackhi_epi64(low, high);
  }
  if (columns == kWidth && step == kWidth && pixels == kLanePixels) {
    SINTER_UNROLL
    for (int i = 0; i < kVectors; ++i) _mm512_storeu_si512(y + 64 * i, pixel[i]);
    return;
  }
  alignas(64) int8_t packed[kVectors * 64 + 8];
  SINTER_UNROLL
  for (int i = 0; i < kVectors; ++i) _mm512_store_si512(packed + 64 * i, pixel[i]);
  const __mmask16 inside = static_cast<__mmask16>((1 << columns) - 1);
  for (int32_t i = 0; i < pixels; ++i, y += step) {
    const __m128i one = _mm_loadu_si128(reinterpret_cast<const __m128i*>(packed + i * kWidth));
    if (end - y < kWidth) {
      _mm_mask_storeu_epi8(y, inside, one);
    } else if (kWidth == 8) {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(y), one);
    } else {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(y), one);
    }
  }
}

// One vector of pixels by at most kColumns columns.
template <int kColumns>
__attribute__((noinline)) void lane_block(const LaneLayer& layer, const int8_t* const* quad, ptrdiff_t vector, int32_t column,
                                          int8_t* y, int32_t pixels, int32_t columns, int8_t* end) {
  const int8_t* w = layer.weights + ptrdiff_t{column / 16} * 64 * layer.quads;
  __m512i acc[kColumns];
  SINTER_UNROLL
  for (int n = 0; n < kColumns; ++n) acc[n] = _mm512_set1_epi32(layer.bias[column + n]);
  int32_t i = 0;
  do {
    const __m512i x = _mm512_load_si512(quad[i] + vector * 64);
    SINTER_UNROLL
    for (int n = 0; n < kColumns; ++n) {
      int32_t four;
      __builtin_memcpy(&four, w + 4 * n, sizeof(four));
      acc[n] = _mm512_dpbusd_epi32(acc[n], x, _mm512_set1_epi32(four));
      __asm__("" : "+v"(acc[n]));
    }
    w += 64;
  } while (++i < layer.quads);
  __m512i bytes[kColumns / 4];
  SINTER_UNROLL
  for (int n = 0; n < kColumns; n += 4) {
    bytes[n / 4] = requantize_columns(layer.brackets, column + n, acc[n], acc[n + 1], acc[n + 2], acc[n + 3], layer.multiplier,
                                      layer.shift, layer.range);
  }
  transpose_store<kColumns>(bytes, y, pixels, columns, layer.out_channels, end);
}

using LaneBlock = void (*)(const LaneLayer& layer, const int8_t* const* quad, ptrdiff_t vector, int32_t column, int8_t* y,
                           int32_t pixels, int32_t columns, int8_t* end);
constexpr LaneBlock kLaneBlocks[4] = {lane_block<4>, lane_block<8>, lane_block<12>, lane_block<16>};

void convolve_rows(const ConvS8Params& p, void* const* operands, int8_t* scratch, int32_t begin, int32_t end) {
  const PixelLanes lanes = pixel_lanes(p);
  LaneRows rows(p, lanes, static_cast<const int8_t*>(operands[0]), scratch);
  int8_t* weights = scratch + pixel_lanes_bytes(lanes) - lanes.weights;
  float* brackets = reinterpret_cast<float*>(weights - lanes.brackets);
  const int8_t* packed = static_cast<const int8_t*>(operands[1]);
  if (lanes.rest != 0) share_weights(p, lanes, packed, weights);
  const Int8Range512 range = int8_range512(p.out_zero, p.out_min, p.out_max);
  const LaneLayer layer = {lanes.rest != 0 ? weights : packed,
                           static_cast<const int32_t*>(operands[2]),
                           static_cast<const int32_t*>(operands[3]),
                           static_cast<const int32_t*>(operands[4]),
                           store_brackets(static_cast<const int32_t*>(operands[3]), static_cast<const int32_t*>(operands[4]), range,
                                          ptrdiff_t{conv_panels(p, 16)} * 16, brackets),
                           lanes.quads,
                           p.out_channels,
                           range};
  int8_t* y = static_cast<int8_t*>(operands[5]) + ptrdiff_t{begin} * p.out[2] * p.out_channels;
  for (int32_t row = begin; row < end; ++row) {
    const int8_t* const* quad = rows.find(row);
    int8_t* row_end = y + ptrdiff_t{p.out[2]} * p.out_channels;
    for (int32_t v = 0; v < lanes.vectors; ++v, y += ptrdiff_t{kLanePixels} * p.out_channels) {
      const int32_t left = p.out[2] - v * kLanePixels, pixels = left < kLanePixels ? left : kLanePixels;
      for (int32_t column = (p.out_channels - 1) / 16 * 16; column >= 0; column -= 16) {
        const int32_t columns = p.out_channels - column < 16 ? p.out_channels - column : 16;
        kLaneBlocks[(columns - 1) / 4](layer, quad, v, column, y + column, pixels, columns, row_end);
      }
    }
    y = row_end;
  }
}

}  // namespace
}  // namespace sinter
