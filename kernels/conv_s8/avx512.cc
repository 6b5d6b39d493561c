#include "../requantize_avx512.h"
#include "../unroll.h"
#include "lines_avx512.h"

namespace sinter {
namespace {

constexpr int32_t kNr = 16, kGroup = 4 * kNr;

// The constants of one call.
struct Layer {
  const int8_t* weights;
  const int32_t *bias, *multiplier, *shift;
  ptrdiff_t panel;  // bytes of one panel's weights
  ptrdiff_t out_channels;
  Int8Range512 range;
};

__m512i load(const void* from) { return _mm512_loadu_si512(from); }

// Four activations as unsigned, in all columns.
__m512i broadcast(const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, sizeof(four));
  return _mm512_xor_si512(_mm512_set1_epi32(four), _mm512_set1_epi8(-128));
}

void store(int8_t* y, __m128i bytes, int32_t columns) {
  if (columns >= kNr) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y), bytes);
  } else {
    _mm_mask_storeu_epi8(y, static_cast<__mmask16>((1 << columns) - 1), bytes);
  }
}

// Rescales and stores `rows` pixels by panels of `columns`, which lie in acc panel by panel.
__attribute__((noinline)) void finish(const Layer& layer, const __m512i* acc, int32_t rows, ptrdiff_t column, int8_t* y,
                                      int32_t columns) {
  for (; columns > 0; columns -= kNr, column += kNr, y += kNr) {
    const Rescaler512 rescaler = load_rescaler512(layer.multiplier + column, layer.shift + column);
    int8_t* to = y;
    for (int32_t row = 0; row < rows; ++row, to += layer.out_channels)
      store(to, to_s8(layer.range, rescale(rescaler, *acc++)), columns);
  }
}

// kRows pixels by kPanels panels; `columns` of them are real.
template <int kRows, int kPanels>
__attribute__((noinline)) void block(const Layer& layer, const LineTable& lines, ptrdiff_t column, int8_t* y, int32_t columns) {
  const int8_t* w = layer.weights + column / kNr * layer.panel;
  const ptrdiff_t panel = layer.panel;
  __m512i acc[kRows][kPanels];
  SINTER_UNROLL
  for (int n = 0; n < kPanels; ++n) {
    const __m512i bias = load(layer.bias + column + n * kNr);
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) acc[row][n] = bias;
  }
  const int8_t* const* address = lines.address;
  for (int32_t run = 0; run < lines.runs; ++run, address += kLinePixels) {
    const int8_t* x[kRows];
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) x[row] = address[row];
    for (ptrdiff_t k = 0; k < lines.bytes; k += 4, w += kGroup) {
      __m512i weight[kPanels];
      SINTER_UNROLL
      for (int n = 0; n < kPanels; ++n) weight[n] = load(w + n * panel);
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) {
        const __m512i four = broadcast(x[row] + k);
        SINTER_UNROLL
        for (int n = 0; n < kPanels; ++n) acc[row][n] = _mm512_dpbusd_epi32(acc[row][n], four, weight[n]);
      }
    }
  }
  __m512i result[kPanels * kRows];
  SINTER_UNROLL
  for (int i = 0; i < kPanels * kRows; ++i) result[i] = acc[i % kRows][i / kRows];
  finish(layer, result, kRows, column, y, columns);
}

// One pixel: chains along K hide the latency of the multiplications.
void row(const Layer& layer, const LineTable& lines, ptrdiff_t column, int8_t* y, int32_t columns) {
  constexpr int kChains = 4;
  const int8_t* w = layer.weights + column / kNr * layer.panel;
  for (; columns > 0; columns -= kNr, column += kNr, y += kNr) {
    __m512i acc[kChains] = {load(layer.bias + column), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int32_t run = 0; run < lines.runs; ++run) {
      const int8_t* x = lines.address[run * kLinePixels];
      int32_t k = 0;
      for (; k + 4 * kChains <= lines.bytes; k += 4 * kChains, w += kChains * kGroup) {
        SINTER_UNROLL
        for (int i = 0; i < kChains; ++i) acc[i] = _mm512_dpbusd_epi32(acc[i], broadcast(x + k + 4 * i), load(w + i * kGroup));
      }
      for (; k < lines.bytes; k += 4, w += kGroup) acc[0] = _mm512_dpbusd_epi32(acc[0], broadcast(x + k), load(w));
    }
    const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(acc[0], acc[1]), _mm512_add_epi32(acc[2], acc[3]));
    const Rescaler512 rescaler = load_rescaler512(layer.multiplier + column, layer.shift + column);
    store(y, to_s8(layer.range, rescale(rescaler, sum)), columns);
  }
}

// At most 8 columns, which are half a panel: two pixels share a vector when they are rescaled.
template <int kRows>
__attribute__((noinline)) void half_block(const Layer& layer, const LineTable& lines, ptrdiff_t column, int8_t* y,
                                          int32_t columns) {
  const auto half = [](const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); };
  const int8_t* w = layer.weights + column / kNr * layer.panel;
  __m256i acc[kRows + 1];
  SINTER_UNROLL
  for (int row = 0; row <= kRows; ++row) acc[row] = half(layer.bias + column);
  const int8_t* const* address = lines.address;
  for (int32_t run = 0; run < lines.runs; ++run, address += kLinePixels) {
    const int8_t* x[kRows];
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) x[row] = address[row];
    for (ptrdiff_t k = 0; k < lines.bytes; k += 4, w += kGroup) {
      const __m256i weight = half(w);
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) {
        const __m256i four = _mm512_castsi512_si256(broadcast(x[row] + k));
        acc[row] = _mm256_dpbusd_epi32(acc[row], four, weight);
      }
    }
  }
  alignas(32) int32_t multiplier[kNr], shift[kNr];
  for (int i = 0; i < kNr; i += kNr / 2) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(multiplier + i), half(layer.multiplier + column));
    _mm256_store_si256(reinterpret_cast<__m256i*>(shift + i), half(layer.shift + column));
  }
  const Rescaler512 rescaler = load_rescaler512(multiplier, shift);
  SINTER_UNROLL
  for (int row = 0; row < kRows; row += 2, y += 2 * layer.out_channels) {
    const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(acc[row]), acc[row + 1], 1);
    const __m128i bytes = to_s8(layer.range, rescale(rescaler, both));
    if (row + 1 < kRows && columns == layer.out_channels && columns == kNr / 2) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(y), bytes);
      continue;
    }
    store(y, bytes, columns);
    if (row + 1 < kRows) store(y + layer.out_channels, _mm_srli_si128(bytes, kNr / 2), columns);
  }
}

using Block = void (*)(const Layer& layer, const LineTable& lines, ptrdiff_t column, int8_t* y, int32_t columns);

// The blocks of 1 to 8 pixels, for half a panel and for 1 to 4 panels.
constexpr Block kBlocks[5][8] = {
    {row, half_block<2>, half_block<3>, half_block<4>, half_block<5>, half_block<6>, half_block<7>, half_block<8>},
    {row, block<2, 1>, block<3, 1>, block<4, 1>, block<5, 1>, block<6, 1>, block<7, 1>, block<8, 1>},
    {row, block<2, 2>, block<3, 2>, block<4, 2>, block<5, 2>, block<6, 2>, block<7, 2>, block<8, 2>},
    {row, block<2, 3>, block<3, 3>, block<4, 3>, block<5, 3>, block<6, 3>, block<7, 3>, block<8, 3>},
    {row, block<2, 4>, block<3, 4>, block<4, 4>, block<5, 4>, block<6, 4>, nullptr, nullptr},
};

// Panels [first, last) of a tile's pixels, in blocks of pixels as equal as can be.
void panels(const Layer& layer, const LineTable& lines, int32_t pixels, ptrdiff_t column, int8_t* y, int32_t columns) {
  while (columns > 0) {
    const int32_t full = columns <= 8 ? 0 : div_up(columns - 8, kNr);
    const int32_t width = full > 4 ? (full == 5 ? 3 : 4) : full;
    const int32_t most = width == 4 ? 6 : 8, rows = div_up(pixels, div_up(pixels, most));
    const int32_t taken = width == 0 ? columns : (width * kNr < columns ? width * kNr : columns);
    for (int32_t pixel = 0; pixel < pixels; pixel += rows) {
      const int32_t count = pixels - pixel < rows ? pixels - pixel : rows;
      const LineTable part = {lines.address + pixel, lines.runs, lines.bytes};
      kBlocks[width][count - 1](layer, part, column, y + pixel * layer.out_channels, taken);
    }
    columns -= taken;
    column += taken;
    y += taken;
  }
}

}  // namespace

extern "C" Status conv_s8_24x16k4u__avx512(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  const ConvS8Params& p = *static_cast<const ConvS8Params*>(params);
  if (begin >= end) return kOk;
  const int32_t group_out = p.out_channels / p.groups, count = conv_panels(p, kNr), splits = conv_splits(p, kLinePixels, kNr);
  const ptrdiff_t depth = ptrdiff_t{p.kernel[0]} * p.kernel[1] * line_bytes(p);
  const Layer layer = {static_cast<const int8_t*>(operands[1]),
                       static_cast<const int32_t*>(operands[2]),
                       static_cast<const int32_t*>(operands[3]),
                       static_cast<const int32_t*>(operands[4]),
                       depth * kNr,
                       p.out_channels,
                       int8_range512(p.out_zero, p.out_min, p.out_max)};
  LineReader reader(p, static_cast<const int8_t*>(operands[0]), scratch);
  while (begin < end) {
    const ConvTile tile = conv_tile(p, kLinePixels, kNr, begin);
    const int32_t left = splits == 1 ? count : count - tile.panel, wanted = splits == 1 ? count : end - begin;
    const int32_t taken = left < wanted ? left : wanted;
    begin += splits == 1 ? 1 : taken;
    const LineTable lines = reader.find(tile.pixel, tile.pixels, tile.group);
    const int32_t first = tile.panel * kNr, last = (tile.panel + taken) * kNr;
    int8_t* y = static_cast<int8_t*>(operands[5]) + ptrdiff_t{tile.pixel} * p.out_channels + tile.group * group_out + first;
    panels(layer, lines, tile.pixels, ptrdiff_t{tile.group} * count * kNr + first, y,
           (last < group_out ? last : group_out) - first);
  }
  return kOk;
}

}  // namespace sinter
