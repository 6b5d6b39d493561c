// Geometry shared by the convolutions whose weights are packed in panels: the params have `groups` beside the spatial fields.
//
// Packing n<nr>k<kr>: per group, columns (output channels) in panels of nr, the depth K = taps * in_channels / groups (tap-major)
// in groups of kr: weight[group][panel][K / kr][nr][kr]; n<nr> stands for kr = 1. Columns and depth are padded with zeros to full
// panels and groups; the vectors of one element a column are padded likewise.
//
// Tiles: mr output pixels by all columns of one group; where there are few pixels, by one panel.
#pragma once

#include "spatial.h"

namespace sinter {

// The pixels, group and panels of one tile.
struct ConvTile {
  int32_t pixel, pixels;
  int32_t group;
  int32_t panel, panels;
};

template <class Params>
static constexpr int32_t conv_panels(const Params& p, int32_t nr) {
  return div_up(p.out_channels / p.groups, nr);
}

// The depth of one group: K.
template <class Params>
static constexpr int32_t conv_depth(const Params& p) {
  return taps(p) * (p.in_channels / p.groups);
}

// Into how many tiles the panels of one pixel block are split.
template <class Params>
static constexpr int32_t conv_splits(const Params& p, int32_t mr, int32_t nr) {
  return int64_t{div_up(output_pixels(p), mr)} * p.groups >= 16 ? 1 : conv_panels(p, nr);
}

template <class Params>
static constexpr int32_t conv_tiles(const Params& p, int32_t mr, int32_t nr) {
  return div_up(output_pixels(p), mr) * p.groups * conv_splits(p, mr, nr);
}

template <class Params>
static inline ConvTile conv_tile(const Params& p, int32_t mr, int32_t nr, int32_t index) {
  const int32_t splits = conv_splits(p, mr, nr), pixels = output_pixels(p), rest = index / splits;
  ConvTile tile;
  tile.group = rest % p.groups;
  tile.pixel = rest / p.groups * mr;
  tile.pixels = pixels - tile.pixel < mr ? pixels - tile.pixel : mr;
  tile.panel = splits == 1 ? 0 : index % splits;
  tile.panels = splits == 1 ? conv_panels(p, nr) : 1;
  return tile;
}

// The tile at `begin`, with as many of the panels behind it as end before `end`; `begin` becomes what follows.
template <class Params>
static inline ConvTile take_panels(const Params& p, int32_t mr, int32_t nr, int32_t& begin, int32_t end) {
  ConvTile tile = conv_tile(p, mr, nr, begin);
  if (conv_splits(p, mr, nr) == 1) {
    ++begin;
    return tile;
  }
  const int32_t left = conv_panels(p, nr) - tile.panel;
  tile.panels = left < end - begin ? left : end - begin;
  begin += tile.panels;
  return tile;
}

// The tile that follows.
template <class Params>
static inline void next(const Params& p, int32_t mr, int32_t splits, int32_t pixels, ConvTile& tile) {
  if (splits != 1 && ++tile.panel < splits) return;
  if (splits != 1) tile.panel = 0;
  if (++tile.group < p.groups) return;
  tile.group = 0;
  tile.pixel += mr;
  tile.pixels = pixels - tile.pixel < mr ? pixels - tile.pixel : mr;
}

// Calls body(tile, moved) for tiles [begin, end), of which at most `together` panels at a time pass over all the others; moved:
// whether the pixels or the group are not those of the call before. Inlined, so that the body's constants stay in registers.
template <class Params, class Body>
static inline __attribute__((always_inline)) void pass_over(const Params& p, int32_t mr, int32_t nr, int32_t begin, int32_t end,
                                                            int32_t together, Body body) {
  const int32_t splits = conv_splits(p, mr, nr), panels = conv_panels(p, nr), pixels = output_pixels(p);
  const ConvTile first = conv_tile(p, mr, nr, begin);
  for (int32_t panel = 0; panel < (splits == 1 ? panels : 1); panel += together) {
    ConvTile tile = first;
    for (int32_t index = begin; index < end; ++index, next(p, mr, splits, pixels, tile)) {
      if (splits == 1) {
        tile.panel = panel;
        tile.panels = panels - panel < together ? panels - panel : together;
      }
      body(tile, splits == 1 || index == begin || tile.panel == 0);
    }
  }
}

// Packed columns of all groups.
template <class Params>
static constexpr Count conv_columns(const Kernel& kernel, const Params& p) {
  return Count(conv_panels(p, kernel.nr)) * Count(kernel.nr) * Count(p.groups);
}

// Packed weights of all groups.
template <class Params>
static constexpr Count conv_weights(const Kernel& kernel, const Params& p) {
  return conv_columns(kernel, p) * Count(round_up(static_cast<uint64_t>(conv_depth(p)), static_cast<uint64_t>(kernel.kr)));
}

// Sizes that keep every index into the operands, and the number of tiles, inside int32.
template <class Params>
static constexpr bool conv_valid(const Kernel& kernel, const Params& p) {
  if (!spatial_valid(p) || p.groups < 1 || p.in_channels % p.groups != 0 || p.out_channels % p.groups != 0) return false;
  const Count tiles = Count(div_up(output_pixels(p), kernel.mr)) * Count(p.groups) * Count(conv_panels(p, kernel.nr));
  return conv_weights(kernel, p) <= Count(INT32_MAX) && tiles <= Count(INT32_MAX);
}

}  // namespace sinter
