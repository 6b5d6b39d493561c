// Convolution of single pixels of few channels: requantising takes as long as the products there.
//
// Activations are copied first, pixels side by side, as unsigned. Blocks of eight accumulators are rescaled straight from
// registers, each amid the products of the next one: those are the older instructions then and go first, so that what may run on
// any pipe takes another than theirs.
#pragma once

#include "../unroll.h"
#include "conv_s8.h"
#include "layer_avx512.h"

namespace sinter {
namespace {

__m512i as_unsigned(__m512i x) { return _mm512_xor_si512(x, _mm512_set1_epi8(-128)); }

// Copies so many bytes as unsigned, whole vectors and then those of the mask, for which a whole vector is written as well.
__attribute__((always_inline)) inline void copy_unsigned(const int8_t* x, ptrdiff_t bytes, __mmask64 last, int8_t* to) {
  for (; bytes > 64; bytes -= 64, x += 64, to += 64) _mm512_storeu_si512(to, as_unsigned(load(x)));
  _mm512_storeu_si512(to, as_unsigned(_mm512_maskz_loadu_epi8(last, x)));
}

// Copies the activations of so many pixels, each in whole groups of four channels.
void copy_pixels(const ConvS8Params& p, const int8_t* input, int32_t pixel, int32_t pixels, int8_t* to) {
  const ptrdiff_t channels = p.in_channels, depth = line_bytes(p), step = p.stride[2] * channels;
  const auto last = [](ptrdiff_t bytes) { return ~uint64_t{0} >> (63 - (bytes - 1) % 64); };
  if (channels == depth && input_count(p) == output_pixels(p) * channels) {
    copy_unsigned(input + pixel * depth, pixels * depth, last(pixels * depth), to);
    return;
  }
  for (PixelWalk walk = walk_from(p, pixel); pixels > 0;) {
    const int32_t *origin = walk.pixel.origin, count = walk.left < pixels ? walk.left : pixels;
    const int8_t* x = input + input_pixel(p, walk.pixel.batch, origin[0], origin[1], origin[2]) * channels;
    for (int32_t i = 0; i < count; ++i, x += step, to += depth) copy_unsigned(x, channels, last(channels), to);
    skip(p, walk, count);
    pixels -= count;
  }
}

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

// The accumulators of 8 / kPanels pixels by kPanels panels, and where their products go on: at weights, activations of the first
// pixel, and those of the pixel four further.
template <int kPanels>
struct PointBlock {
  static constexpr int kPixels = 8 / kPanels;

  __m512i acc[8];
  const int8_t *w, *x, *above;

  __attribute__((always_inline)) void begin(const Layer& layer, const int8_t* pixel, ptrdiff_t depth) {
    const int32_t* bias = afresh(&layer)->bias;
    SINTER_UNROLL
    for (int i = 0; i < 8; ++i) {
      acc[i] = load(bias + i % kPanels * kNr);
      __asm__("" : "+v"(acc[i]));
    }
    w = afresh(&layer)->weights;
    x = afresh(pixel);
    above = x + 4 * depth;
  }

  // Products of four channels.
  __attribute__((always_inline)) void multiply_group(ptrdiff_t panel, ptrdiff_t depth) {
    __m512i weight[kPanels];
    SINTER_UNROLL
    for (int n = 0; n < kPanels; ++n) {
      weight[n] = load(w + n * panel);
      __asm__("" : "+v"(weight[n]));
    }
    SINTER_UNROLL
    for (int i = 0; i < kPixels; ++i) {
      const __m512i four = broadcast_four((i < 4 ? x : above) + i % 4 * depth);
      SINTER_UNROLL
      for (int n = 0; n < kPanels; ++n) add_products(acc[i * kPanels + n], four, weight[n]);
    }
    w += kGroup;
    x += 4;
    above += 4;
  }

  __attribute__((always_inline)) void multiply_groups(ptrdiff_t panel, ptrdiff_t depth, ptrdiff_t bytes) {
    for (; bytes > 0; bytes -= kGroup) multiply_group(panel, depth);
  }
};

// The words of half a block; kSigned: outputs may lie below the zero point.
template <int kPanels, bool kSigned>
__attribute__((always_inline)) inline Words512 rescale(const Bracket512 (&bracket)[kPanels], const __m512i* acc,
                                                       const Layer& layer) {
  if (kSigned != (layer.range.low < layer.range.zero)) __builtin_unreachable();
  return sinter::multiply<kPanels>(bracket, acc[0], acc[1], acc[2], acc[3], layer.range);
}

__attribute__((always_inline)) inline bool any_doubtful(const Words512& a, const Words512& b) {
  const Words512 least = {_mm512_min_epu16(a.p, a.q), _mm512_min_epu16(a.r, a.s), _mm512_min_epu16(b.p, b.q),
                          _mm512_min_epu16(b.r, b.s)};
  return sinter::any_doubtful(least, _mm512_set1_epi16(kWindow));
}

// All of a block of which some results are in doubt.
template <int kPanels>
__attribute__((noinline, cold)) void settle(const Layer& layer, const int8_t* x, ptrdiff_t depth, int32_t columns, ptrdiff_t step,
                                            int8_t* y) {
  PointBlock<kPanels> block;
  block.begin(layer, x, depth);
  block.multiply_groups(layer.panel, depth, layer.panel);
  Columns all[4];
  for (int i = 0; i < 4; ++i) all[i] = {layer.multiplier + i % kPanels * kNr, layer.shift + i % kPanels * kNr};
  const __m512i* acc = block.acc;
  store_pixels<kPanels>(requantize64_exactly(acc[0], acc[1], acc[2], acc[3], all, layer.range), columns, step, y);
  y += 4 / kPanels * step;
  store_pixels<kPanels>(requantize64_exactly(acc[4], acc[5], acc[6], acc[7], all, layer.range), columns, step, y);
}

// Copied pixels by the first kPanels panels.
template <int kPanels, bool kSigned>
__attribute__((noinline)) void strip(const Layer& layer, const int8_t* x, ptrdiff_t depth, int32_t pixels, int8_t* y,
                                     int32_t columns) {
  constexpr int32_t kPixels = 8 / kPanels, kHalf = kPixels / 2, kWidth = kPanels * kNr;
  const ptrdiff_t panel = layer.panel;
  Bracket512 bracket[kPanels];
  SINTER_UNROLL
  for (int n = 0; n < kPanels; ++n) bracket[n] = load_bracket512(layer.multiplier + n * kNr, layer.shift + n * kNr, layer.range);
  PointBlock<kPanels> block;
  block.begin(layer, x, depth);
  block.multiply_groups(panel, depth, panel);
  for (; pixels > kPixels; pixels -= kPixels) {
    const PointBlock<kPanels> last = block;
    block.begin(layer, x + kPixels * depth, depth);
    block.multiply_group(panel, depth);
    const Words512 low = rescale<kPanels, kSigned>(bracket, last.acc, layer);
    const Words512 high = rescale<kPanels, kSigned>(bracket, last.acc + 4, layer);
    block.multiply_groups(panel, depth, panel - kGroup);
    const bool doubtful = any_doubtful(low, high);
    store_pixels<kPanels>(pack_s8(layer.range, low), columns, layer.out_channels, y);
    store_pixels<kPanels>(pack_s8(layer.range, high), columns, layer.out_channels, y + kHalf * layer.out_channels);
    if (doubtful) settle<kPanels>(layer, x, depth, columns, layer.out_channels, y);
    x += kPixels * depth;
    y += kPixels * layer.out_channels;
  }
  alignas(64) int8_t rows[128];
  const bool whole = pixels == kPixels;
  int8_t* to = whole ? y : rows;
  const ptrdiff_t step = whole ? layer.out_channels : kWidth;
  const int32_t stored = whole ? columns : kWidth;
  const Words512 low = rescale<kPanels, kSigned>(bracket, block.acc, layer);
  const Words512 high = rescale<kPanels, kSigned>(bracket, block.acc + 4, layer);
  store_pixels<kPanels>(pack_s8(layer.range, low), stored, step, to);
  store_pixels<kPanels>(pack_s8(layer.range, high), stored, step, to + kHalf * step);
  if (any_doubtful(low, high)) settle<kPanels>(layer, x, depth, stored, step, to);
  const __mmask64 inside = ~uint64_t{0} >> (64 - columns);
  for (int32_t i = 0; i < pixels && !whole; ++i, y += layer.out_channels) {
    _mm512_mask_storeu_epi8(y, inside, _mm512_maskz_loadu_epi8(inside, rows + i * kWidth));
  }
}

// Where the bytes of four pixels by one and a half panels lie in pack_pairs() of the whole panel and, two pixels in a vector, of
// the half.
struct HalvesIndex {
  uint8_t byte[128];
};
constexpr HalvesIndex halves_index() {
  HalvesIndex index = {};
  for (int i = 0; i < 4 * kPointHalves; ++i) {
    const int pixel = i / kPointHalves, column = i % kPointHalves, vector = column < 16 ? pixel : pixel / 2;
    const int lane = column < 16 ? column : pixel % 2 * 8 + column - 16;
    index.byte[i] = static_cast<uint8_t>((column < 16 ? 0 : 64) + pairs_position(vector, lane));
  }
  return index;
}
alignas(64) constexpr HalvesIndex kHalvesInOrder = halves_index();

// The accumulators of four pixels by one and a half panels.
struct HalvesBlock {
  __m512i acc[4];
  __m256i half[4];
  const int8_t *w, *x;

  __attribute__((always_inline)) void begin(const Layer& layer, const int8_t* pixel) {
    const int32_t* bias = afresh(&layer)->bias;
    SINTER_UNROLL
    for (int i = 0; i < 4; ++i) {
      acc[i] = load(bias);
      half[i] = load_half(bias + kNr);
      __asm__("" : "+v"(acc[i]), "+v"(half[i]));
    }
    w = afresh(&layer)->weights;
    x = afresh(pixel);
  }

  __attribute__((always_inline)) void multiply_groups(ptrdiff_t panel, ptrdiff_t depth, ptrdiff_t bytes) {
    for (; bytes > 0; bytes -= kGroup, w += kGroup, x += 4) {
      __m512i whole = load(w);
      __m256i rest = load_half(w + panel);
      __asm__("" : "+v"(whole), "+v"(rest));
      SINTER_UNROLL
      for (int i = 0; i < 4; ++i) {
        const __m512i four = broadcast_four(x + i * depth);
        add_products(acc[i], four, whole);
        add_products(half[i], _mm512_castsi512_si256(four), rest);
      }
    }
  }
};

__attribute__((noinline, cold)) void settle_halves(const Layer& layer, const int8_t* x, ptrdiff_t depth, int32_t pixels,
                                                   int8_t* y) {
  alignas(64) int8_t rows[4][32];
  settle<2>(layer, x, depth, 32, 32, rows[0]);
  for (int32_t i = 0; i < pixels && i < 4; ++i) __builtin_memcpy(y + i * kPointHalves, rows[i], kPointHalves);
}

// strip() of a layer of one and a half panels.
template <bool kSigned>
__attribute__((noinline)) void strip_halves(const Layer& layer, const int8_t* x, ptrdiff_t depth, int32_t pixels, int8_t* y,
                                            int32_t) {
  const ptrdiff_t panel = layer.panel;
  alignas(64) int32_t multiplier[kNr], shift[kNr];
  for (int i = 0; i < kNr; ++i) {
    multiplier[i] = layer.multiplier[kNr + i % 8];
    shift[i] = layer.shift[kNr + i % 8];
  }
  const Bracket512 whole[1] = {load_bracket512(layer.multiplier, layer.shift, layer.range)};
  const Bracket512 twice[1] = {load_bracket512(multiplier, shift, layer.range)};
  HalvesBlock block;
  block.begin(layer, x);
  block.multiply_groups(panel, depth, panel);
  for (bool more = true; more;) {
    const HalvesBlock last = block;
    more = pixels > 4;
    if (more) block.begin(layer, x + 4 * depth);
    if (more) block.multiply_groups(panel, depth, kGroup);
    const auto pair = [&](int i) __attribute__((always_inline)) {
      return _mm512_inserti64x4(_mm512_castsi256_si512(last.half[i]), last.half[i + 1], 1);
    };
    const __m512i pairs[4] = {pair(0), pair(2), pair(0), pair(2)};
    const Words512 low = rescale<1, kSigned>(whole, last.acc, layer), high = rescale<1, kSigned>(twice, pairs, layer);
    if (more) block.multiply_groups(panel, depth, panel - kGroup);
    const __m512i a = pack_pairs(layer.range, low), b = pack_pairs(layer.range, high);
    const __m512i first = _mm512_permutex2var_epi8(a, _mm512_load_si512(kHalvesInOrder.byte), b);
    const __m512i rest = _mm512_permutex2var_epi8(a, _mm512_load_si512(kHalvesInOrder.byte + 64), b);
    if (pixels >= 4) {
      _mm512_storeu_si512(y, first);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + 64), _mm512_castsi512_si256(rest));
    } else {
      _mm512_mask_storeu_epi8(y, ~uint64_t{0} >> (pixels < 3 ? 64 - kPointHalves * pixels : 0), first);
      if (pixels == 3) _mm_storel_epi64(reinterpret_cast<__m128i*>(y + 64), _mm512_castsi512_si128(rest));
    }
    if (any_doubtful(low, high)) settle_halves(layer, x, depth, pixels, y);
    pixels -= 4;
    x += 4 * depth;
    y += 4 * kPointHalves;
  }
}

using Strip = void (*)(const Layer& layer, const int8_t* x, ptrdiff_t depth, int32_t pixels, int8_t* y, int32_t columns);
constexpr Strip kStrips[2][4] = {{strip<1, false>, strip<2, false>, strip<4, false>, strip_halves<false>},
                                 {strip<1, true>, strip<2, true>, strip<4, true>, strip_halves<true>}};

// So many pixels and columns, from one that starts a panel on.
void pointwise(const ConvS8Params& p, const Layer& layer, const int8_t* input, int32_t pixel, int32_t pixels, int32_t column,
               int32_t columns, int8_t* output) {
  constexpr int32_t kCopied = 8192;
  alignas(64) int8_t copies[kCopied + 64];
  const int32_t depth = line_bytes(p), most = kCopied / depth / 8 * 8, each = div_up(div_up(pixels, div_up(pixels, most)), 8) * 8;
  const Strip* strips = kStrips[layer.range.low < layer.range.zero];
  for (; pixels > 0; pixel += each, pixels -= each) {
    const int32_t count = pixels < each ? pixels : each;
    copy_pixels(p, input, pixel, count, copies);
    for (int32_t at = column, left = columns; left > 0;) {
      const int32_t kind = p.out_channels == kPointHalves && left == kPointHalves ? 3 : left <= kNr ? 0 : left <= 3 * kNr ? 1 : 2;
      const int32_t width = kind == 3 ? kPointHalves : kNr << kind, taken = left < width ? left : width;
      Layer part = layer;
      part.weights += at / kNr * layer.panel;
      part.bias += at;
      part.multiplier += at;
      part.shift += at;
      strips[kind](part, copies, depth, count, output + ptrdiff_t{pixel} * p.out_channels + at, taken);
      at += taken;
      left -= taken;
    }
  }
}

// Tiles [begin, end), as many pixels at a time as there are of all columns.
void convolve_points(const ConvS8Params& p, const Layer& layer, const int8_t* input, int32_t begin, int32_t end, int8_t* output) {
  const int32_t splits = conv_splits(p, kLinePixels, kNr);
  while (begin < end) {
    const ConvTile tile = conv_tile(p, kLinePixels, kNr, begin);
    const int32_t blocks = tile.panel == 0 ? (end - begin) / splits : 0, rest = output_pixels(p) - tile.pixel;
    const int32_t first = tile.panel * kNr;
    if (blocks > 0) {
      const int32_t pixels = blocks <= rest / kLinePixels ? blocks * kLinePixels : rest;
      pointwise(p, layer, input, tile.pixel, pixels, 0, p.out_channels, output);
      begin += blocks * splits;
    } else {
      const int32_t left = splits - tile.panel, taken = left < end - begin ? left : end - begin, last = first + taken * kNr;
      pointwise(p, layer, input, tile.pixel, tile.pixels, first, (last < p.out_channels ? last : p.out_channels) - first, output);
      begin += taken;
    }
  }
}

}  // namespace
}  // namespace sinter
