// What the vector kernels share, in vectors V of floats_<isa>.h.
#pragma once

#include "../panels_f32.h"
#include "winograd_f32.h"

namespace sinter {
namespace {

template <int kMr>
struct Layer {
  const WinogradF32Params& p;
  const float *input, *weights, *bias;
  float* output;
  float *zeros, *transformed, *products;  // [frequency][tile][channel], [frequency][tile][column]
  int32_t panels, channels;               // channels rounded up to whole vectors
  int32_t input_step;
};

// B^T d B of one tile, all channels.
template <class V, int kMr>
void transform_input(const Layer<kMr>& layer, const WinogradTile& tile, float* to) {
  const WinogradF32Params& p = layer.p;
  const float* pixel[kFrequencies];
  for (int32_t i = 0; i < kInputTile; ++i) {
    for (int32_t j = 0; j < kInputTile; ++j) {
      const int32_t position = input_pixel(p, tile.batch, 0, tile.h + i - p.pad[1], tile.w + j - p.pad[2]);
      pixel[i * kInputTile + j] = position < 0 ? layer.zeros : layer.input + ptrdiff_t{position} * p.in_channels;
    }
  }
  for (int32_t c = 0; c < p.in_channels; c += V::kLanes) {
    const typename V::Mask mask = V::lanes(0, p.in_channels - c);
    typename V::Type d[kFrequencies], half[kFrequencies];
    SINTER_UNROLL
    for (int j = 0; j < kInputTile; ++j) {
      SINTER_UNROLL
      for (int i = 0; i < kInputTile; ++i) d[i] = V::load_masked(pixel[i * kInputTile + j] + c, mask);
      Winograd<V>::input(d, 1, half + j, kInputTile);
    }
    SINTER_UNROLL
    for (int i = 0; i < kInputTile; ++i) {
      Winograd<V>::input(half + i * kInputTile, 1, d, 1);
      SINTER_UNROLL
      for (int j = 0; j < kInputTile; ++j) V::store(to + (i * kInputTile + j) * layer.input_step + c, d[j]);
    }
  }
}

// bias + A^T m A of one tile for the columns of one vector, clamped, and stored where there is an output.
template <class V, int kMr>
void transform_output(const Layer<kMr>& layer, const WinogradTile& tile, const float* from, int32_t column) {
  const WinogradF32Params& p = layer.p;
  constexpr int32_t kStep = kMr * kProductColumns + 16;
  typename V::Type m[kFrequencies], half[kFrequencies];
  SINTER_UNROLL
  for (int j = 0; j < kInputTile; ++j) {
    SINTER_UNROLL
    for (int i = 0; i < kInputTile; ++i) m[i] = V::load(from + (i * kInputTile + j) * kStep);
    Winograd<V>::output(m, 1, half + j, kInputTile);
  }
  const typename V::Type bias = V::load(layer.bias + column), low = V::all(p.low), high = V::all(p.high);
  const int32_t columns = p.out_channels - column;
  const ptrdiff_t line = ptrdiff_t{p.out[2]} * p.out_channels;
  float* y = layer.output + ((ptrdiff_t{tile.batch} * p.out[1] + tile.h) * p.out[2] + tile.w) * p.out_channels + column;
  SINTER_UNROLL
  for (int i = 0; i < kOutputTile; ++i) {
    if (tile.h + i >= p.out[1]) return;
    Winograd<V>::output(half + i * kInputTile, 1, m, 1);
    SINTER_UNROLL
    for (int j = 0; j < kOutputTile; ++j) {
      if (tile.w + j >= p.out[2]) break;
      V::store_first(y + i * line + ptrdiff_t{j} * p.out_channels, V::clamp(V::add(bias, m[j]), low, high), columns);
    }
  }
}

// The products of kRows tiles with kVectors vectors of columns, from panel `panel` on.
template <class V, int kRows, int kVectors, int kMr>
__attribute__((noinline)) void multiply_tiles(const Layer<kMr>& layer, int32_t panel, ptrdiff_t vector_step) {
  constexpr int kWays = kRows < 4 ? 2 : 1;
  const int32_t depth = layer.p.in_channels;
  const float* w = layer.weights + ptrdiff_t{panel} * kFrequencies * depth * kNr;
  const float* x = layer.transformed;
  float* y = layer.products;
  for (int f = 0; f < kFrequencies; ++f, x += layer.input_step, y += kMr * kProductColumns + 16, w += ptrdiff_t{depth} * kNr) {
    const float* rows[kRows];
    typename V::Type acc[kWays][kRows][kVectors];
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      rows[row] = x + row * layer.channels;
      SINTER_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        SINTER_UNROLL
        for (int way = 0; way < kWays; ++way) acc[way][row][v] = V::zero();
      }
    }
    multiply_panels<V, kRows, kVectors, kWays>(rows, {1, depth, 0}, w, vector_step, acc);
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      SINTER_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        typename V::Type sum = acc[0][row][v];
        if (kWays == 2) sum = V::add(sum, acc[1][row][v]);
        V::store(y + row * kProductColumns + v * V::kLanes, sum);
      }
    }
  }
}

template <class V, int kVectors, int kRows, int kMr>
void multiply_rows(const Layer<kMr>& layer, int32_t rows, int32_t panel, ptrdiff_t vector_step) {
  if (rows == kRows) return multiply_tiles<V, kRows, kVectors>(layer, panel, vector_step);
  if constexpr (kRows > 1) multiply_rows<V, kVectors, kRows - 1>(layer, rows, panel, vector_step);
}

// Panels::multiply(layer, rows, panel, end) makes the products of one panel or more, and gives how many panels those are.
template <class V, class Panels, int kMr>
Status winograd(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  const WinogradF32Params& p = *static_cast<const WinogradF32Params*>(params);
  const int32_t channels = div_up(p.in_channels, 16) * 16, input_step = winograd_input_step(p, kMr);
  float* zeros = static_cast<float*>(scratch);
  const Layer<kMr> layer = {p,
                            static_cast<const float*>(operands[0]),
                            static_cast<const float*>(operands[1]),
                            static_cast<const float*>(operands[2]),
                            static_cast<float*>(operands[3]),
                            zeros,
                            zeros + channels,
                            zeros + channels + ptrdiff_t{kFrequencies} * input_step,
                            conv_panels(p, kNr),
                            channels,
                            input_step};
  for (int32_t c = 0; c < channels; ++c) zeros[c] = 0.0f;
  const int32_t all = winograd_tiles(p), splits = winograd_splits(p, kMr, kNr);
  for (int32_t index = begin; index < end;) {
    const int32_t first = index / splits * kMr, count = all - first < kMr ? all - first : kMr;
    // All panels, or those of the tiles that follow for the same pixels.
    int32_t panel = 0, last = layer.panels;
    if (splits != 1) {
      panel = index % splits;
      last = splits - panel < end - index ? splits : panel + end - index;
    }
    index += splits == 1 ? 1 : last - panel;
    WinogradTile tiles[kMr];
    for (int32_t t = 0; t < count; ++t) {
      tiles[t] = winograd_tile(p, first + t);
      transform_input<V>(layer, tiles[t], layer.transformed + ptrdiff_t{t} * channels);
    }
    while (panel < last) {
      const int32_t done = Panels::multiply(layer, count, panel, last);
      const int32_t left = p.out_channels - panel * kNr, columns = left < done * kNr ? left : done * kNr;
      for (int32_t t = 0; t < count; ++t) {
        for (int32_t c = 0; c < columns; c += V::kLanes) {
          transform_output<V>(layer, tiles[t], layer.products + t * kProductColumns + c, panel * kNr + c);
        }
      }
      panel += done;
    }
  }
  return kOk;
}

}  // namespace
}  // namespace sinter
