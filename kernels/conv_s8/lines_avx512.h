// Where the windows of a tile's pixels lie, for kernels that read int8 activations in place: K in runs of consecutive bytes, an
// address for each pixel and run. A run is a line of the window, kernel[2] taps by the group's channels, or one tap where lines
// hang over an edge of the input; outside the input, it is a run of in_zero. Lines that are no whole groups of 4 bytes are copied
// where they hang over an edge or lie scattered, or where the last group would reach behind the input.
#pragma once

#include "../intrinsics_avx512.h"
#include "conv_s8.h"
#include "masks_avx512.h"

namespace sinter {
namespace {

// The runs of pixels side by side: address[run * kLinePixels + pixel].
struct LineTable {
  const int8_t* const* address;
  int32_t runs, bytes;  // bytes: of one run, in whole groups of 4
};

class LineReader {
 public:
  LineReader(const ConvS8Params& p, const int8_t* input, void* scratch)
      : p_(p), input_(input), group_in_(p.in_channels / p.groups), sizes_(line_sizes(p)) {
    int8_t* at = static_cast<int8_t*>(scratch);
    table_ = reinterpret_cast<const int8_t**>(at);
    outside_ = at + sizes_.table;
    copies_ = outside_ + sizes_.outside;
    contiguous_ = p.kernel[2] == 1 || (p.groups == 1 && p.dilation[2] == 1);
    pointwise_ = keeps_pixels(p);
    if (!pointwise_) __builtin_memset(outside_, p.in_zero, static_cast<size_t>(sizes_.line));
  }

  // The runs of so many pixels, at most kLinePixels, from one on.
  LineTable find(int32_t pixel, int32_t pixels, int32_t group) {
    const ptrdiff_t channel = ptrdiff_t{group} * group_in_;
    pixels_ = pixels;
    if (pointwise_) {
      fill(0, pixels, input_ + ptrdiff_t{pixel} * p_.in_channels + channel, p_.in_channels);
      for (int v = 0; v < kVectors; ++v) _mm512_storeu_si512(table_ + v * 8, first_[v]);
      if (sizes_.copies != 0) copy_lines(0, 0, all(), all());
      return {table_, 1, sizes_.line};
    }
    locate_pixels(pixel, channel);
    const uint32_t whole = below(coordinates_[2], 0, p_.in[2] - (p_.kernel[2] - 1) * p_.dilation[2]);
    const bool by_taps = sizes_.copies == 0 && !(contiguous_ && whole == all());
    const int32_t width = by_taps ? p_.kernel[2] : 1;
    int32_t run = 0;
    for (int32_t kd = 0; kd < p_.kernel[0]; ++kd) {
      const uint32_t inside_d = below(coordinates_[0], kd * p_.dilation[0], p_.in[0]);
      for (int32_t kh = 0; kh < p_.kernel[1]; ++kh) {
        const uint32_t inside = inside_d & below(coordinates_[1], kh * p_.dilation[1], p_.in[1]);
        const ptrdiff_t line = (ptrdiff_t{kd} * p_.dilation[0] * p_.in[1] + kh * p_.dilation[1]) * p_.in[2];
        for (int32_t kw = 0; kw < width; ++kw, ++run) {
          const int32_t w = kw * p_.dilation[2];
          find_run(run, (line + w) * p_.in_channels, by_taps ? inside & below(coordinates_[2], w, p_.in[2]) : inside);
        }
        if (sizes_.copies != 0) copy_lines(run - 1, line * p_.in_channels, inside, contiguous_ ? whole : 0);
      }
    }
    return {table_, run, by_taps ? group_in_ : sizes_.line};
  }

 private:
  static constexpr int kVectors = kLinePixels / 8;

  uint32_t all() const { return (uint32_t{1} << pixels_) - 1; }

  // The pixels with 0 <= coordinate + distance < end.
  uint32_t below(const __m512i coordinate[2], int32_t distance, int32_t end) const {
    if (end <= 0) return 0;
    const __m512i by = _mm512_set1_epi32(distance), limit = _mm512_set1_epi32(end);
    const uint32_t low = _mm512_cmplt_epu32_mask(_mm512_add_epi32(coordinate[0], by), limit);
    const uint32_t high = _mm512_cmplt_epu32_mask(_mm512_add_epi32(coordinate[1], by), limit);
    return (low | high << 16) & all();
  }

  // First addresses of `count` pixels from one on, so many bytes apart.
  void fill(int32_t from, int32_t count, const int8_t* x, ptrdiff_t step) {
    const __m512i each = _mm512_mullo_epi64(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7), _mm512_set1_epi64(step));
    __m512i address = _mm512_add_epi64(_mm512_set1_epi64(reinterpret_cast<intptr_t>(x) - from * step), each);
    const uint32_t pixels = ~uint32_t{0} << from;
    const int8_t* const last = x + (count - 1) * step;
    if (from == 0 || last > last_) last_ = last;
    for (int v = 0; v < kVectors; ++v, address = _mm512_add_epi64(address, _mm512_set1_epi64(8 * step))) {
      first_[v] = _mm512_mask_mov_epi64(first_[v], static_cast<__mmask8>(pixels >> 8 * v), address);
    }
  }

  // Addresses and coordinates of the first taps, row by row.
  void locate_pixels(int32_t pixel, ptrdiff_t channel) {
    const __m512i count = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i each = _mm512_mullo_epi32(count, _mm512_set1_epi32(p_.stride[2]));
    PixelWalk walk = pixel == next_.index ? next_ : walk_from(p_, pixel);
    for (int32_t i = 0;;) {
      const int32_t d = walk.pixel.origin[0], h = walk.pixel.origin[1], w = walk.pixel.origin[2];
      const ptrdiff_t position = ((ptrdiff_t{walk.pixel.batch} * p_.in[0] + d) * p_.in[1] + h) * p_.in[2] + w;
      const int32_t taken = walk.left < pixels_ - i ? walk.left : pixels_ - i;
      fill(i, taken, input_ + position * p_.in_channels + channel, ptrdiff_t{p_.stride[2]} * p_.in_channels);
      const uint32_t pixels = ~uint32_t{0} << i;
      for (int half = 0; half < 2; ++half) {
        const __mmask16 part = static_cast<__mmask16>(pixels >> 16 * half);
        coordinates_[0][half] = _mm512_mask_set1_epi32(coordinates_[0][half], part, d);
        coordinates_[1][half] = _mm512_mask_set1_epi32(coordinates_[1][half], part, h);
        const __m512i start = _mm512_set1_epi32(w + (16 * half - i) * p_.stride[2]);
        coordinates_[2][half] = _mm512_mask_add_epi32(coordinates_[2][half], part, start, each);
      }
      i += taken;
      skip(walk, taken);
      if (i == pixels_) break;
    }
    next_ = walk;
    if (sizes_.copies == 0) return;
    for (int half = 0; half < 2; ++half) _mm512_store_si512(columns_ + 16 * half, coordinates_[2][half]);
  }

  // next() so many times, which is at most to the next row.
  void skip(PixelWalk& walk, int32_t count) const {
    int32_t* origin = walk.pixel.origin;
    walk.index += count;
    walk.left -= count;
    origin[2] += count * p_.stride[2];
    if (walk.left > 0) return;
    walk.left = p_.out[2];
    origin[2] = -p_.pad[2];
    origin[1] += p_.stride[1];
    if (origin[1] < p_.out[1] * p_.stride[1] - p_.pad[1]) return;
    origin[1] = -p_.pad[1];
    origin[0] += p_.stride[0];
    if (origin[0] < p_.out[0] * p_.stride[0] - p_.pad[0]) return;
    origin[0] = -p_.pad[0];
    ++walk.pixel.batch;
  }

  // Addresses of the line or tap at this distance from the first one; outside, of in_zero.
  void find_run(int32_t run, ptrdiff_t distance, uint32_t inside) {
    const __m512i by = _mm512_set1_epi64(distance), outside = _mm512_set1_epi64(reinterpret_cast<intptr_t>(outside_));
    for (int v = 0; v < kVectors; ++v) {
      const __mmask8 part = static_cast<__mmask8>(inside >> 8 * v);
      _mm512_storeu_si512(table_ + run * kLinePixels + v * 8, _mm512_mask_add_epi64(outside, part, first_[v], by));
    }
  }

  // Replaces the lines that cannot be read where they lie: those not whole, and those that end too close to the input's end.
  void copy_lines(int32_t run, ptrdiff_t distance, uint32_t inside, uint32_t whole) {
    const int8_t *const last = input_ + input_count(p_) - sizes_.line, **table = table_ + run * kLinePixels;
    if (last_ + distance > last) {
      for (int32_t i = 0; i < pixels_; ++i) {
        if (table[i] > last) whole &= ~(uint32_t{1} << i);
      }
    }
    for (uint32_t copied = inside & ~whole; copied != 0; copied &= copied - 1) {
      const int32_t i = __builtin_ctz(copied);
      copy_line(run * kLinePixels + i, columns_[i]);
    }
  }

  // Slots are copied in order, since a copy may run up to 63 bytes into the next ones.
  void copy_line(int32_t slot, int32_t w) {
    const int8_t* x = table_[slot];
    int8_t* to = copies_ + ptrdiff_t{slot} * sizes_.line;
    table_[slot] = to;
    if (contiguous_) {
      const ptrdiff_t before = ptrdiff_t{w < 0 ? -w : 0} * group_in_, room = ptrdiff_t{p_.in[2] - w} * group_in_;
      const ptrdiff_t all = ptrdiff_t{p_.kernel[2]} * group_in_, behind = room < all ? room : all;
      const __m512i outside = _mm512_set1_epi8(static_cast<char>(p_.in_zero));
      for (ptrdiff_t at = 0; at < all; at += 64) {
        const __mmask64 inside = first_bytes(behind - at) & ~first_bytes(before - at);
        _mm512_storeu_si512(to + at, _mm512_mask_loadu_epi8(outside, inside, x + at));
      }
      return;
    }
    const ptrdiff_t step = ptrdiff_t{p_.dilation[2]} * p_.in_channels;
    for (int32_t kw = 0; kw < p_.kernel[2]; ++kw, w += p_.dilation[2], x += step, to += group_in_) {
      const int8_t* tap = w >= 0 && w < p_.in[2] ? x : outside_;
      for (int32_t c = 0; c < group_in_; ++c) to[c] = tap[c];
    }
  }

  const ConvS8Params& p_;
  const int8_t* const input_;
  const int32_t group_in_;
  const LineSizes sizes_;
  bool contiguous_, pointwise_;
  int32_t pixels_ = 0;
  PixelWalk next_ = {{0, {0, 0, 0}}, -1, 0};
  const int8_t* last_ = nullptr;  // the greatest of first_, which need not be that of the last pixel
  const int8_t** table_;
  int8_t *outside_, *copies_;
  __m512i first_[kVectors];
  __m512i coordinates_[3][2];
  alignas(64) int32_t columns_[32] = {};
};

}  // namespace
}  // namespace sinter
