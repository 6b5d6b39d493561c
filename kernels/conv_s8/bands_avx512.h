// Convolution of bands of rows: bands.h.
#pragma once

#include "../intrinsics_avx512.h"
//
#include "band_block_avx512.h"
#include "bands.h"
#include "lanes_avx512.h"
#include "masks_avx512.h"

namespace sinter {
namespace {

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
  BandRows(const ConvS8Params& p, const Bands& b, const int8_t* input, int8_t* rows) : p_(p), b_(b), input_(input), rows_(rows) {
    for (ptrdiff_t at = 0; b.rest != 0 && at + b.step <= 64; at += b.step, chunk_ = at) {
      for (int i = 0; i < b.together; ++i) lines_[i] |= first_bytes(b.rest) << (at + i * b.rest);
    }
  }

  // Copies those of `count` rows of the output, from one on.
  void copy(int32_t batch, int32_t row, int32_t count) const {
    const int32_t first = row * p_.stride[1] - p_.pad[1], last = first + (count - 1) * p_.stride[1] + b_.reach;
    const int32_t top = first > 0 ? first : 0, bottom = last < p_.in[1] ? last : p_.in[1];
    const ptrdiff_t bytes = ptrdiff_t{p_.in[2]} * p_.in_channels, pad = ptrdiff_t{p_.pad[2]} * p_.in_channels;
    const int8_t* const image = input_ + ptrdiff_t{batch} * p_.in[1] * bytes - pad;
    const __m512i outside = _mm512_set1_epi8(static_cast<char>(p_.in_zero)), sign = _mm512_set1_epi8(-128);
    for (ptrdiff_t at = 0; at < b_.row; at += 64) {
      const __mmask64 inside = first_bytes(pad + bytes - at) & ~first_bytes(pad - at);
      int8_t* to = rows_ + at;
      for (int32_t h = first; h < last; ++h, to += b_.row) {
        const __mmask64 mask = h >= top && h < bottom ? inside : 0;
        const __m512i x = _mm512_mask_loadu_epi8(outside, mask, image + h * bytes + at);
        _mm512_store_si512(to, _mm512_xor_si512(x, sign));
      }
    }
    for (int32_t group = 0; group < b_.shared; ++group) share(group, count);
  }

  // Computes so many pixels of the band, in blocks of this shape.
  void pass(const BandLayer& layer, const BandShape& shape, ptrdiff_t column, int8_t* y, int32_t pixels, int32_t columns) const {
    const ptrdiff_t step = b_.step, down = p_.stride[1] * b_.row - (p_.out[2] - 1) * step;
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

  // The same by lanes: at most 8 columns.
  void pass_lanes(const BandLayer& layer, ptrdiff_t column, int8_t* y, int32_t pixels, int32_t columns) const {
    const __m512i lanes = lane_bytes(static_cast<int32_t>(b_.step));
    const int8_t* at = rows_;
    for (; pixels > 0; pixels -= p_.out[2], at += p_.stride[1] * b_.row) {
      const int8_t* window = at;
      for (int32_t left = p_.out[2]; left > 0;) {
        const int32_t vectors = div_up(left, kLanePixels), most = vectors == 4 ? 2 : kLaneVectors;
        const int32_t taken = vectors < most ? vectors : most;
        const int32_t count = left < taken * kLanePixels ? left : taken * kLanePixels;
        lane_block(layer, window, b_.step, lanes, taken, column, y, count, columns);
        y += count * layer.out_channels;
        window += count * b_.step;
        left -= count;
      }
    }
  }

 private:
  // Copies the last bytes of some lines of each window to the groups that they share.
  void share(int32_t group, int32_t count) const {
    const int32_t first = group * b_.together, left = p_.kernel[1] - first, lines = left < b_.together ? left : b_.together;
    const ptrdiff_t down = p_.dilation[1] * b_.row - b_.rest;
    const int8_t* from = rows_ + first * p_.dilation[1] * b_.row + 4 * b_.own;
    int8_t* to = rows_ + (1 + group) * b_.image;
    for (int32_t i = 0; i < count; ++i, from += p_.stride[1] * b_.row, to += p_.stride[1] * b_.row) {
      for (ptrdiff_t at = 0; at < b_.row; at += chunk_) {
        __m512i bytes = _mm512_loadu_si512(from + at);
        for (int32_t k = 1; k < lines; ++k) bytes = _mm512_mask_loadu_epi8(bytes, lines_[k], from + at + k * down);
        _mm512_storeu_si512(to + at, bytes);
      }
    }
  }

  const ConvS8Params& p_;
  const Bands& b_;
  const int8_t* input_;
  int8_t* rows_;
  ptrdiff_t chunk_ = 0;      // windows in 64 bytes of shared groups, in bytes
  __mmask64 lines_[4] = {};  // the bytes of each line there
};

// The weights of all panels, the lines' last bytes in shared groups.
void share_weights(const ConvS8Params& p, const Bands& b, const int8_t* from, int8_t* to) {
  const ptrdiff_t line = ptrdiff_t{line_bytes(p)} * 16;
  for (int32_t panel = 0; panel < conv_panels(p, 16); ++panel, from += p.kernel[1] * line) {
    for (int32_t kh = 0; kh < p.kernel[1]; ++kh) {
      for (int32_t i = 0; i < b.own; ++i, to += 64) _mm512_store_si512(to, _mm512_loadu_si512(from + kh * line + i * 64));
    }
    for (int32_t kh = 0; kh < p.kernel[1]; to += 64) {
      __m512i group = _mm512_setzero_si512();
      for (int32_t i = 0; i < b.together && kh < p.kernel[1]; ++i, ++kh) {
        const __m512i rest = _mm512_loadu_si512(from + kh * line + b.own * 64);
        group = _mm512_or_si512(group, _mm512_sll_epi32(rest, _mm_cvtsi32_si128(8 * b.rest * i)));
      }
      _mm512_store_si512(to, group);
    }
  }
}

void convolve_bands(const ConvS8Params& p, void* const* operands, int8_t* scratch, int32_t begin, int32_t end) {
  const Bands b = bands(p);
  int32_t *const offset = reinterpret_cast<int32_t*>(scratch), *to = offset;
  for (int32_t kh = 0; kh < p.kernel[1]; ++kh) {
    for (int32_t i = 0; i < b.own; ++i) *to++ = static_cast<int32_t>(kh * p.dilation[1] * b.row) + 4 * i;
  }
  for (int32_t i = 0; i < b.shared; ++i) *to++ = static_cast<int32_t>((1 + i) * b.image);
  float* brackets = reinterpret_cast<float*>(scratch + b.offsets);
  int8_t *shared = scratch + b.offsets + b.brackets, *image = shared + b.weights;
  const int8_t* packed = static_cast<const int8_t*>(operands[1]);
  if (b.rest != 0) share_weights(p, b, packed, shared);
  const int32_t *multiplier = static_cast<const int32_t*>(operands[3]), *shift = static_cast<const int32_t*>(operands[4]);
  const Int8Range512 range = int8_range512(p.out_zero, p.out_min, p.out_max);
  const BandLayer layer = {b.rest != 0 ? shared : packed,
                           static_cast<const int32_t*>(operands[2]),
                           multiplier,
                           shift,
                           store_brackets(multiplier, shift, range, ptrdiff_t{conv_panels(p, 16)} * 16, brackets),
                           offset,
                           b.quads,
                           ptrdiff_t{b.quads} * 64,
                           p.out_channels,
                           range};
  const BandRows rows(p, b, static_cast<const int8_t*>(operands[0]), image);
  int8_t* y = static_cast<int8_t*>(operands[5]) + ptrdiff_t{begin} * p.out[2] * p.out_channels;
  const bool lanes = fits_lanes(p);
  while (begin < end) {
    const int32_t row = begin % p.out[1], below = p.out[1] - row < end - begin ? p.out[1] - row : end - begin;
    const int32_t count = below < b.rows ? below : b.rows, pixels = count * p.out[2];
    rows.copy(begin / p.out[1], row, count);
    for (int32_t column = 0; column < p.out_channels;) {
      const int32_t left = p.out_channels - column;
      if (left <= kLaneColumns && lanes) {
        rows.pass_lanes(layer, column, y + column, pixels, left);
        break;
      }
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
