// Convolution by kernels that take mr pixels by one panel of 16 columns. Isa is a type that no other source file has, so that no
// two instruction sets share code:
//
//   Isa::kMr                              pixels of a tile
//   Isa::Tile<bits, rows>(bias)           accumulators of `rows` pixels by 16 columns
//     .multiply(rows, blocks, w, s)       adds the products over consecutive blocks of each row
//     .store(params, y, columns)          clamps into rows of `columns` outputs, out_channels apart
#pragma once

#include "conv_b32.h"

namespace sinter {

constexpr int32_t kNr = 16;

// The constants of one call.
struct LocatedLayer {
  const ConvB32Params& p;
  const Block32 *input, *blank;
  const uint8_t* weights;
  const uint16_t* scales;
  const float* bias;
  float* output;
  const Block32** located;  // [tap][mr]
  int32_t panels, blocks;   // blocks of a tap
  int32_t group_out, taps, at_once;
};

// Where the blocks of taps [begin, end) lie for each pixel of a tile.
template <class Isa>
static void locate_taps(const LocatedLayer& layer, const ConvTile& tile, int32_t begin, int32_t end) {
  const ConvB32Params& p = layer.p;
  const ptrdiff_t step = ptrdiff_t{p.groups} * layer.blocks, group = ptrdiff_t{tile.group} * layer.blocks;
  const ptrdiff_t right = p.dilation[2] * step, down = ptrdiff_t{p.dilation[1]} * p.in[2] * step;
  const ptrdiff_t deep = ptrdiff_t{p.dilation[0]} * p.in[1] * p.in[2] * step;
  PixelWalk walk = walk_from(p, tile.pixel);
  for (int32_t row = 0; row < tile.pixels; ++row, next(p, walk)) {
    const int32_t* at = walk.pixel.origin;
    const bool inside = window_inside(p, walk.pixel);
    const ptrdiff_t first = ((ptrdiff_t{walk.pixel.batch} * p.in[0] + at[0]) * p.in[1] + at[1]) * p.in[2] + at[2];
    const ptrdiff_t origin = first * step + group;
    const Block32** to = layer.located + row;
    int32_t kw = begin % p.kernel[2], kh = begin / p.kernel[2] % p.kernel[1], kd = begin / p.kernel[2] / p.kernel[1];
    for (int32_t tap = begin; tap < end; ++kd, kh = 0) {
      for (; kh < p.kernel[1] && tap < end; ++kh, kw = 0) {
        const ptrdiff_t line = origin + kd * deep + kh * down;
        for (; kw < p.kernel[2] && tap < end; ++kw, ++tap, to += Isa::kMr) {
          const bool seen =
              inside || input_pixel(p, 0, at[0] + kd * p.dilation[0], at[1] + kh * p.dilation[1], at[2] + kw * p.dilation[2]) >= 0;
          *to = seen ? layer.input + (line + kw * right) : layer.blank;
        }
      }
    }
  }
}

template <class Isa, int kBits, int kRows>
static void located_panel(const LocatedLayer& layer, const ConvTile& tile, int32_t panel) {
  const ConvB32Params& p = layer.p;
  const ptrdiff_t column = (ptrdiff_t{tile.group} * layer.panels + panel) * kNr, tap_scales = ptrdiff_t{layer.blocks} * kNr;
  const uint16_t* s = layer.scales + column * layer.taps * layer.blocks;
  const uint8_t* w = layer.weights + column * layer.taps * layer.blocks * block_bytes(kBits);
  typename Isa::template Tile<kBits, kRows> acc(layer.bias + column);
  for (int32_t begin = 0; begin < layer.taps; begin += layer.at_once) {
    const int32_t end = begin + layer.at_once < layer.taps ? begin + layer.at_once : layer.taps;
    if (layer.at_once < layer.taps) locate_taps<Isa>(layer, tile, begin, end);
    for (int32_t tap = begin; tap < end; ++tap, s += tap_scales, w += tap_scales * block_bytes(kBits)) {
      acc.multiply(layer.located + (tap - begin) * Isa::kMr, layer.blocks, w, s);
    }
  }
  float* y = layer.output + ptrdiff_t{tile.pixel} * p.out_channels + tile.group * layer.group_out + panel * kNr;
  acc.store(p, y, layer.group_out - panel * kNr);
}

template <class Isa, int kBits, int kRows>
static void located_tile(const LocatedLayer& layer, const ConvTile& tile) {
  if (tile.pixels != kRows) {
    if constexpr (kRows > 1) located_tile<Isa, kBits, kRows - 1>(layer, tile);
    return;
  }
  for (int32_t panel = tile.panel; panel < tile.panel + tile.panels; ++panel) {
    located_panel<Isa, kBits, kRows>(layer, tile, panel);
  }
}

// The run function. More weights than kResident stay in no cache between tiles: then as many panels as do pass over all tiles.
template <class Isa, int kBits>
static Status conv_located(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  constexpr int64_t kResident = 1 << 18;
  if (begin >= end) return kOk;
  const ConvB32Params& p = *static_cast<const ConvB32Params*>(params);
  const Block32* input = static_cast<const Block32*>(operands[0]);
  const LocatedLayer layer = {p,
                              input,
                              input + input_blocks(p),
                              static_cast<const uint8_t*>(operands[1]),
                              static_cast<const uint16_t*>(operands[2]),
                              static_cast<const float*>(operands[3]),
                              static_cast<float*>(operands[4]),
                              static_cast<const Block32**>(scratch),
                              conv_panels(p, kNr),
                              tap_blocks(p),
                              p.out_channels / p.groups,
                              taps(p),
                              located_taps(p)};
  const int64_t panel = int64_t{kNr} * layer.taps * layer.blocks * block_bytes(kBits), resident = kResident / panel;
  const int32_t together = resident < 1 ? 1 : resident < layer.panels ? static_cast<int32_t>(resident) : layer.panels;
  pass_over(p, Isa::kMr, kNr, begin, end, together, [&](const ConvTile& tile, bool moved) {
    if (moved && layer.at_once == layer.taps) locate_taps<Isa>(layer, tile, 0, layer.taps);
    located_tile<Isa, kBits, Isa::kMr>(layer, tile);
  });
  return kOk;
}

}  // namespace sinter
