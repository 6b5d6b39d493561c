// What kernels of kLargeTile rows keep in scratch: rows of the input widened to int16, or the windows of so many pixels, at most
// kWidenedDepth of K at once.
#pragma once

#include "conv_s8.h"

namespace sinter {

constexpr int32_t kLargeTile = 6, kWidenedDepth = 16384, kWidenedSlack = 16;

// The part of K, in whole groups of kr, that scratch holds at once.
static inline int32_t widened_depth(const ConvS8Params& p, int32_t kr) {
  const int32_t depth = div_up(conv_depth(p), kr) * kr;
  return depth < kWidenedDepth ? depth : kWidenedDepth;
}

// Whole rows of the input, padded, that such kernels widen at once instead of pixels, so that windows are read where they lie.
struct WidenedBand {
  int32_t rows;   // of the output; 0: none
  int32_t pitch;  // elements of a row
  int32_t line;   // elements of one line of a window
  bool split;     // whether lines end within a pair of the packed weights, which are then copied, line by line in whole pairs
  int64_t elements, weights;
};

constexpr int32_t kBandElements = 12 << 10, kMostBandElements = 64 << 10, kSplitWeights = 16 << 10;

static inline WidenedBand widened_band(const ConvS8Params& p) {
  WidenedBand band = {};
  if (p.groups != 1 || p.batch != 1 || p.in[0] != 1 || p.kernel[0] != 1 || p.out[0] != 1 || p.pad[0] != 0) return band;
  if (taps(p) == 1 || (p.kernel[2] != 1 && p.dilation[2] != 1)) return band;
  const int64_t line = int64_t{p.kernel[2]} * p.in_channels, pitch = (p.out[2] - 1) * int64_t{p.stride[2]} * p.in_channels + line;
  const int64_t window = (p.kernel[1] - 1) * int64_t{p.dilation[1]} + 1, tile = 1 + div_up(kLargeTile - 1, p.out[2]);
  if (pitch > kMostBandElements) return band;
  int64_t rows = (kBandElements / pitch - window) / p.stride[1] + 1;
  if (rows < tile) rows = tile;
  if (rows > p.out[1]) rows = p.out[1];
  band.elements = ((rows - 1) * p.stride[1] + window) * pitch + 2 * kWidenedSlack;
  band.split = line % 2 != 0 && p.kernel[1] != 1;
  band.weights = band.split ? int64_t{p.kernel[1]} * (line + 1) * conv_panels(p, 16) * 16 : 0;
  if (band.elements > kMostBandElements || band.weights > kSplitWeights) return band;
  band.rows = static_cast<int32_t>(rows);
  band.pitch = static_cast<int32_t>(pitch);
  band.line = static_cast<int32_t>(line);
  return band;
}

// Scratch of kernels that widen, in bytes: rows, copied weights, what they prepare for requantising at most kScaledPanels panels.
struct WidenedScratch {
  size_t weights, scales, bytes;
};

constexpr int32_t kScaledPanels = 64;
constexpr size_t kPanelScales = 16 * 3 * sizeof(float);

static inline WidenedScratch widened_scratch(const ConvS8Params& p, int32_t kr) {
  const WidenedBand band = widened_band(p);
  const int64_t elements = band.rows != 0 ? band.elements : kLargeTile * int64_t{widened_depth(p, kr)} + kWidenedSlack;
  const int32_t panels = conv_panels(p, 16), scaled = panels < kScaledPanels ? panels : kScaledPanels;
  const size_t weights = static_cast<size_t>(round_up(static_cast<uint64_t>(elements) * sizeof(int16_t), 64));
  const size_t scales = weights + (band.rows != 0 ? static_cast<size_t>(round_up(static_cast<uint64_t>(band.weights), 64)) : 0);
  return {weights, scales, scales + static_cast<size_t>(scaled) * kPanelScales};
}

}  // namespace sinter
