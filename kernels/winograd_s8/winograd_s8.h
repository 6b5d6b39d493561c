// int8 convolution of 3x3 windows with stride 1, exactly what conv_s8 computes, by Winograd's F(4x4, 3x3): 36 multiplications for
// each channel and 16 outputs instead of 144. Params and operands are those of conv_s8, save for two constants.
//
//   v = B^T d B       of a tile of 6x6 inputs d, one every 4 pixels; outside the input they read in_zero
//   u = G g G^T       of the 3x3 weights g, by the toolchain
//   m = sum over channels of u * v, for each of the 36 positions
//   y = A^T m A / 576 of 4x4 outputs
//
//         4  0 -5  0  1  0           6  0  0
//         0 -4 -4  1  1  0          -4 -4 -4
//   B^T = 0  4 -4 -1  1  0     G  = -4  4 -4     A^T = 1  1  1  1  1  0
//         0 -2 -1  2  1  0           1  2  4           0  1 -1  2 -2  0
//         0  2 -1 -2  1  0           1 -2  4           0  1  1  4  4  0
//         0  4  0 -5  0  1           0  0 12           0  1 -1  8 -8  2
//
// All numbers are integers, scaled by 24 along each axis. |v| <= 10 * 10 * 128 and |u| <= 12 * 12 * 128 fit int16, and a pair of
// products int32. Sums wrap: y * 576 is known modulo 2^32. Multiplied by the inverse of 9, it is y * 64 modulo 2^32, and shifted
// right by 6, y itself wherever -2^25 <= y < 2^25. The toolchain packs no layer whose weights and bias could leave that range.
//
// Packing w4n16k2t: u, transposed, as int16 [panel][36 positions][in_channels / 2][16 columns][2 channels], both padded with zeros:
// 8 bytes for each weight of conv_s8. bias: 576 * that of conv_s8, wrapping; it enters m at position (1, 1), whose column of A^T is
// all ones.
//
// Tiles: up to mr Winograd tiles by all columns; where there are few, by one panel of 16. Scratch holds v of at most kWinogradDepth
// channels (a wide kernel's fit half of a 512 KiB cache) and m of one panel.
#pragma once

#include "../conv_s8/conv_s8.h"

namespace sinter {

constexpr int32_t kWinogradSize = 4, kWinogradReach = 6, kWinogradPositions = 36, kWinogradColumns = 16;

// Channels whose v scratch holds at once: in kernels with vectors, and in the portable one.
constexpr int32_t kWinogradDepth = 384, kWinogradPortableDepth = 32;

// How the outputs split into Winograd tiles, these into blocks, and the blocks into the kernel's tiles.
struct WinogradGrid {
  int32_t across, down;   // Winograd tiles of one image
  int32_t count;          // of all images
  int32_t block, blocks;  // Winograd tiles of one block but the last, which may have fewer
  int32_t panels, splits;
  int32_t depth;  // channels that scratch holds at once, in whole groups of 16
};

static inline WinogradGrid winograd_grid(const ConvS8Params& p, int32_t mr) {
  const int32_t most = mr == 1 ? kWinogradPortableDepth : kWinogradDepth, channels = div_up(p.in_channels, 16) * 16;
  WinogradGrid grid;
  grid.across = div_up(p.out[2], kWinogradSize);
  grid.down = div_up(p.out[1], kWinogradSize);
  grid.count = p.batch * p.out[0] * grid.down * grid.across;
  grid.block = div_up(grid.count, div_up(grid.count, mr));
  grid.blocks = div_up(grid.count, grid.block);
  grid.panels = div_up(p.out_channels, kWinogradColumns);
  grid.splits = grid.blocks >= 16 ? 1 : grid.panels;
  grid.depth = channels < most ? channels : most;
  return grid;
}

// Where each part of scratch starts: behind v [depth / 16][mr][36][16] there are A^T m [mr][4][6][16], a pixel outside the input,
// and the input's last bytes with slack behind.
struct WinogradScratch {
  size_t products, border, tail, bytes;
};

static inline WinogradScratch winograd_scratch(const WinogradGrid& grid, int32_t mr) {
  const size_t depth = static_cast<size_t>(grid.depth), tiles = static_cast<size_t>(mr);
  WinogradScratch scratch;
  scratch.products = kWinogradPositions * tiles * depth * sizeof(int16_t);
  scratch.border = scratch.products + 24 * tiles * kWinogradColumns * sizeof(int32_t);
  scratch.tail = scratch.border + depth;
  scratch.bytes = scratch.tail + 2 * depth;
  return scratch;
}

}  // namespace sinter
