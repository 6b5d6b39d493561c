#include "../unroll.h"
#include "bands_avx512.h"
#include "lines_avx512.h"
#include "pointwise_avx512.h"

namespace sinter {
namespace {

__m256i broadcast_half(const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, sizeof(four));
  return _mm256_xor_si256(_mm256_set1_epi32(four), _mm256_set1_epi8(-128));
}

// Rescales and stores the pixels of a tile: of each kPanels vectors, `step` apart. Four vectors make 64 bytes at a time; those
// behind the last pixel are read.
template <int kPanels>
void finish(const Layer& layer, const __m512i* acc, ptrdiff_t step, int32_t pixels, ptrdiff_t column, int8_t* y, int32_t columns) {
  constexpr int kTogether = 4 / kPanels;
  const int32_t *multiplier = layer.multiplier + column, *shift = layer.shift + column;
  Bracket512 bracket[kPanels];
  SINTER_UNROLL
  for (int n = 0; n < kPanels; ++n) bracket[n] = load_bracket512(multiplier + n * kNr, shift + n * kNr, layer.range);
  const bool whole = columns == kPanels * kNr, dense = whole && columns == layer.out_channels;
  const __mmask64 inside = columns >= 64 ? ~uint64_t{0} : (uint64_t{1} << columns) - 1;
  for (int32_t pixel = 0; pixel < pixels; pixel += kTogether, acc += kTogether * step) {
    const auto at = [&](int i) __attribute__((always_inline)) { return acc[i / kPanels * step + i % kPanels]; };
    const __m512i bytes = requantize64<kPanels>(bracket, at(0), at(1), at(2), at(3), multiplier, shift, layer.range);
    if (dense && pixel + kTogether <= pixels) {
      _mm512_storeu_si512(y + pixel * columns, bytes);
      continue;
    }
    SINTER_UNROLL
    for (int i = 0; i < kTogether; ++i) {
      if (pixel + i >= pixels) break;
      int8_t* to = y + (pixel + i) * layer.out_channels;
      const __m512i row = align_row(bytes, i * kPanels);
      if (!whole) {
        _mm512_mask_storeu_epi8(to, inside, row);
      } else if (kPanels == 4) {
        _mm512_storeu_si512(to, row);
      } else if (kPanels == 2) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(row));
      } else {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_castsi512_si128(row));
      }
    }
  }
}

// finish() of at most 8 columns: a vector has two pixels.
void finish_half(const Layer& layer, const __m512i* acc, int32_t pixels, ptrdiff_t column, int8_t* y, int32_t columns) {
  alignas(32) int32_t multiplier[kNr], shift[kNr];
  for (int i = 0; i < kNr; i += kNr / 2) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(multiplier + i), load_half(layer.multiplier + column));
    _mm256_store_si256(reinterpret_cast<__m256i*>(shift + i), load_half(layer.shift + column));
  }
  const Bracket512 bracket[1] = {load_bracket512(multiplier, shift, layer.range)};
  const bool dense = columns == kNr / 2 && columns == layer.out_channels;
  const __mmask16 inside = static_cast<__mmask16>((1 << columns) - 1);
  for (int32_t pixel = 0; pixel < pixels; pixel += 8, acc += 4) {
    const __m512i bytes = requantize64<1>(bracket, acc[0], acc[1], acc[2], acc[3], multiplier, shift, layer.range);
    if (dense && pixel + 8 <= pixels) {
      _mm512_storeu_si512(y + pixel * columns, bytes);
      continue;
    }
    alignas(64) int8_t packed[64];
    _mm512_store_si512(packed, bytes);
    for (int32_t i = pixel; i < pixels && i < pixel + 8; ++i) {
      const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(packed + (i - pixel) * 8));
      if (columns == kNr / 2) {
        _mm_storel_epi64(reinterpret_cast<__m128i*>(y + i * layer.out_channels), eight);
      } else {
        _mm_mask_storeu_epi8(y + i * layer.out_channels, inside, eight);
      }
    }
  }
}

// Accumulators of kRows pixels by kPanels panels.
template <int kRows, int kPanels>
__attribute__((noinline)) void block(const Layer& layer, const LineTable& lines, ptrdiff_t column, __m512i* to) {
  const int8_t* w = layer.weights + column / kNr * layer.panel;
  const ptrdiff_t panel = layer.panel;
  __m512i acc[kRows][kPanels];
  SINTER_UNROLL
  for (int n = 0; n < kPanels; ++n) {
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) acc[row][n] = load(layer.bias + column + n * kNr);
  }
  const int8_t* const* address = lines.address;
  int32_t runs = lines.runs;
  do {
    const int8_t* x[kRows];
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) x[row] = address[row];
    ptrdiff_t k = 0;
    do {
      __m512i weight[kPanels];
      SINTER_UNROLL
      for (int n = 0; n < kPanels; ++n) weight[n] = load(w + n * panel);
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) {
        const __m512i four = broadcast(x[row] + k);
        SINTER_UNROLL
        for (int n = 0; n < kPanels; ++n) add_products(acc[row][n], four, weight[n]);
      }
      k += 4;
      w += kGroup;
    } while (k < lines.bytes);
    address += kLinePixels;
  } while (--runs > 0);
  SINTER_UNROLL
  for (int row = 0; row < kRows; ++row) {
    SINTER_UNROLL
    for (int n = 0; n < kPanels; ++n) to[row * kPanels + n] = acc[row][n];
  }
}

// block() of one pixel: chains along K hide the latency of the multiplications.
template <int kPanels>
__attribute__((noinline)) void row(const Layer& layer, const LineTable& lines, ptrdiff_t column, __m512i* to) {
  constexpr int kChains = kPanels == 1 ? 4 : 2;
  const int8_t* w = layer.weights + column / kNr * layer.panel;
  const ptrdiff_t panel = layer.panel;
  __m512i acc[kChains][kPanels];
  SINTER_UNROLL
  for (int n = 0; n < kPanels; ++n) {
    acc[0][n] = load(layer.bias + column + n * kNr);
    SINTER_UNROLL
    for (int i = 1; i < kChains; ++i) acc[i][n] = _mm512_setzero_si512();
  }
  for (int32_t run = 0; run < lines.runs; ++run) {
    const int8_t* x = lines.address[run * kLinePixels];
    ptrdiff_t k = 0;
    for (; k + 4 * kChains <= lines.bytes; k += 4 * kChains, w += kChains * kGroup) {
      SINTER_UNROLL
      for (int i = 0; i < kChains; ++i) {
        const __m512i four = broadcast(x + k + 4 * i);
        SINTER_UNROLL
        for (int n = 0; n < kPanels; ++n) add_products(acc[i][n], four, load(w + n * panel + i * kGroup));
      }
    }
    for (; k < lines.bytes; k += 4, w += kGroup) {
      const __m512i four = broadcast(x + k);
      SINTER_UNROLL
      for (int n = 0; n < kPanels; ++n) add_products(acc[0][n], four, load(w + n * panel));
    }
  }
  SINTER_UNROLL
  for (int n = 0; n < kPanels; ++n) {
    SINTER_UNROLL
    for (int i = 1; i < kChains; ++i) acc[0][n] = _mm512_add_epi32(acc[0][n], acc[i][n]);
    to[n] = acc[0][n];
  }
}

// block() of at most 8 columns: half vectors, side by side.
template <int kRows>
__attribute__((noinline)) void half_block(const Layer& layer, const LineTable& lines, ptrdiff_t column, __m256i* to) {
  const int8_t* w = layer.weights + column / kNr * layer.panel;
  __m256i acc[kRows];
  SINTER_UNROLL
  for (int row = 0; row < kRows; ++row) acc[row] = load_half(layer.bias + column);
  const int8_t* const* address = lines.address;
  int32_t runs = lines.runs;
  do {
    const int8_t* x[kRows];
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) x[row] = address[row];
    ptrdiff_t k = 0;
    do {
      const __m256i weight = load_half(w);
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) {
        add_products(acc[row], broadcast_half(x[row] + k), weight);
      }
      k += 4;
      w += kGroup;
    } while (k < lines.bytes);
    address += kLinePixels;
  } while (--runs > 0);
  SINTER_UNROLL
  for (int row = 0; row < kRows; ++row) to[row] = acc[row];
}

using Block = void (*)(const Layer& layer, const LineTable& lines, ptrdiff_t column, __m512i* to);
using HalfBlock = void (*)(const Layer& layer, const LineTable& lines, ptrdiff_t column, __m256i* to);

// The blocks of 1 to 8 pixels, for 1 to 4 panels.
constexpr Block kBlocks[4][8] = {
    {row<1>, block<2, 1>, block<3, 1>, block<4, 1>, block<5, 1>, block<6, 1>, block<7, 1>, block<8, 1>},
    {row<2>, block<2, 2>, block<3, 2>, block<4, 2>, block<5, 2>, block<6, 2>, block<7, 2>, block<8, 2>},
    {row<3>, block<2, 3>, block<3, 3>, block<4, 3>, block<5, 3>, block<6, 3>, block<7, 3>, block<8, 3>},
    {row<4>, block<2, 4>, block<3, 4>, block<4, 4>, block<5, 4>, block<6, 4>, nullptr, nullptr},
};
constexpr HalfBlock kHalfBlocks[8] = {half_block<1>, half_block<2>, half_block<3>, half_block<4>,
                                      half_block<5>, half_block<6>, half_block<7>, half_block<8>};

// So many columns of a tile's pixels, in blocks of pixels as equal as can be, from one that starts a panel on.
void panels(const Layer& layer, const LineTable& lines, int32_t pixels, ptrdiff_t column, int8_t* y, int32_t columns) {
  __m512i acc[kLinePixels * 4];
  while (columns > 0) {
    const bool half = columns <= kNr / 2 && pixels > 1;
    const int32_t full = half ? 0 : (columns <= kNr ? 1 : div_up(columns - kNr / 2, kNr)),
                  width = full > 4 ? (full == 5 ? 3 : 4) : full;
    const int32_t most = width == 4 ? 6 : 8, rows = div_up(pixels, div_up(pixels, most));
    const int32_t taken = width * kNr < columns && !half ? width * kNr : columns;
    for (int32_t pixel = 0; pixel < pixels; pixel += rows) {
      const int32_t count = pixels - pixel < rows ? pixels - pixel : rows;
      const LineTable part = {lines.address + pixel, lines.runs, lines.bytes};
      if (half) {
        kHalfBlocks[count - 1](layer, part, column, reinterpret_cast<__m256i*>(acc) + pixel);
      } else {
        kBlocks[width - 1][count - 1](layer, part, column, acc + pixel * width);
      }
    }
    if (half) {
      finish_half(layer, acc, pixels, column, y, taken);
    } else if (width == 4) {
      finish<4>(layer, acc, 4, pixels, column, y, taken);
    } else if (width == 2) {
      finish<2>(layer, acc, 2, pixels, column, y, taken);
    } else {
      for (int32_t n = 0; n < width; ++n) {
        const int32_t rest = taken - n * kNr;
        finish<1>(layer, acc + n, width, pixels, column + n * kNr, y + n * kNr, rest < kNr ? rest : kNr);
      }
    }
    columns -= taken;
    column += taken;
    y += taken;
  }
}

// requantize() of at most four panels.
__attribute__((noinline)) __m512i requantize_panels(const ConvS8Params& p, __m512i a, __m512i b, __m512i c, __m512i d,
                                                    const int32_t* multiplier, const int32_t* shift, int32_t panels) {
  const Int8Range512 range = int8_range512(p.out_zero, p.out_min, p.out_max);
  Bracket512 bracket[4];
  Columns columns[4];
  for (int n = 0; n < 4; ++n) {
    const int32_t first = (n < panels ? n : 0) * kNr;
    columns[n] = {multiplier + first, shift + first};
    bracket[n] = load_bracket512(columns[n].multiplier, columns[n].shift, range);
  }
  return requantize64<4>(bracket, a, b, c, d, columns, range);
}

// One pixel whose activations lie side by side, depth a multiple of 4: the weights pass as one stream. Processors reach the next
// layer's weights while this one's last arrive, if few instructions lie between: so no accumulator is stored.
inline __attribute__((always_inline)) void vector_product(const ConvS8Params& p, void* const* operands, int32_t begin,
                                                          int32_t end) {
  constexpr int kChains = 8;
  const ptrdiff_t depth = p.in_channels, column = ptrdiff_t{begin} * kNr;
  const int8_t *x = static_cast<const int8_t*>(operands[0]), *w = static_cast<const int8_t*>(operands[1]) + column * depth;
  const int32_t *bias = static_cast<const int32_t*>(operands[2]) + column, *multiplier = static_cast<const int32_t*>(operands[3]),
                *shift = static_cast<const int32_t*>(operands[4]);
  int8_t* y = static_cast<int8_t*>(operands[5]);
  const Int8Range512 range = int8_range512(p.out_zero, p.out_min, p.out_max);
  const Bracket512 first[1] = {load_bracket512(multiplier, shift, range)};
  const ptrdiff_t last = ptrdiff_t{end} * kNr < p.out_channels ? ptrdiff_t{end} * kNr : p.out_channels;
  for (ptrdiff_t at = column; at < last; at += kGroup) {
    const int32_t columns = static_cast<int32_t>(last - at < kGroup ? last - at : kGroup), panels = div_up(columns, kNr);
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    for (int32_t n = 0; n < panels; ++n, bias += kNr) {
      __m512i acc[kChains];
      acc[0] = load(bias);
      SINTER_UNROLL
      for (int i = 1; i < kChains; ++i) acc[i] = _mm512_setzero_si512();
      ptrdiff_t k = 0;
      for (; k + 4 * kChains <= depth; k += 4 * kChains, w += kChains * kGroup) {
        SINTER_UNROLL
        for (int i = 0; i < kChains; ++i) add_products(acc[i], broadcast(x + k + 4 * i), load(w + i * kGroup));
      }
      for (; k < depth; k += 4, w += kGroup) add_products(acc[0], broadcast(x + k), load(w));
      SINTER_UNROLL
      for (int i = 0; i < kChains / 2; ++i) acc[i] = _mm512_add_epi32(acc[i], acc[i + kChains / 2]);
      a = b;
      b = c;
      c = d;
      d = _mm512_add_epi32(_mm512_add_epi32(acc[0], acc[1]), _mm512_add_epi32(acc[2], acc[3]));
    }
    for (int32_t n = panels; n < 4; ++n) {
      a = b;
      b = c;
      c = d;
    }
    const __m512i bytes = p.uniform != 0 ? requantize64<1>(first, a, b, c, d, multiplier, shift, range)
                                         : requantize_panels(p, a, b, c, d, multiplier + at, shift + at, panels);
    if (columns == kGroup) {
      _mm512_storeu_si512(y + at, bytes);
    } else {
      _mm512_mask_storeu_epi8(y + at, (uint64_t{1} << columns) - 1, bytes);
    }
  }
}

__attribute__((noinline)) void convolve(const ConvS8Params& p, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  const Layer layer = {static_cast<const int8_t*>(operands[1]),
                       static_cast<const int32_t*>(operands[2]),
                       static_cast<const int32_t*>(operands[3]),
                       static_cast<const int32_t*>(operands[4]),
                       ptrdiff_t{p.kernel[0]} * p.kernel[1] * line_bytes(p) * kNr,
                       p.out_channels,
                       int8_range512(p.out_zero, p.out_min, p.out_max)};
  const int32_t group_out = p.out_channels / p.groups, count = conv_panels(p, kNr);
  if (is_pointwise(p)) {
    convolve_points(p, layer, static_cast<const int8_t*>(operands[0]), begin, end, static_cast<int8_t*>(operands[5]));
    return;
  }
  LineReader reader(p, static_cast<const int8_t*>(operands[0]), scratch);
  while (begin < end) {
    const ConvTile tile = take_panels(p, kLinePixels, kNr, begin, end);
    const LineTable lines = reader.find(tile.pixel, tile.pixels, tile.group);
    const int32_t first = tile.panel * kNr, last = (tile.panel + tile.panels) * kNr;
    int8_t* y = static_cast<int8_t*>(operands[5]) + ptrdiff_t{tile.pixel} * p.out_channels + tile.group * group_out + first;
    panels(layer, lines, tile.pixels, ptrdiff_t{tile.group} * count * kNr + first, y,
           (last < group_out ? last : group_out) - first);
  }
}

}  // namespace

extern "C" Status conv_s8_24x16k4u__avx512(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  const ConvS8Params& p = *static_cast<const ConvS8Params*>(params);
  if (begin >= end) return kOk;
  if (has_one_row(p) && p.in_channels % 4 == 0) {
    vector_product(p, operands, begin, end);  // tiles are panels here, whatever conv_splits() says of one
  } else {
    convolve(p, operands, scratch, begin, end);
  }
  return kOk;
}

extern "C" Status conv_s8_8x16k4u__avx512(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  convolve_bands(*static_cast<const ConvS8Params*>(params), operands, static_cast<int8_t*>(scratch), begin, end);
  return kOk;
}

}  // namespace sinter
