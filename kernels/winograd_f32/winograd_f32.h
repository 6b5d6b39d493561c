// float32 convolution with 3x3 taps, strides and dilations of 1 and one group by Winograd's F(4x4, 3x3): for each tile of 4x4
// output pixels and its 6x6 input pixels d, with the weights g of each input channel,
//
//   output tile = clamp(bias + A^T [sum over channels of (G g G^T) * (B^T d B)] A, low, high), * element by element.
//
// The points are 0, +-a, +-b and infinity with a = 5/8 and b = 3/2: among small numbers those with little error, and every element
// of A and B is exact in float32. With p over the points and n(p) the product of the differences from the others,
//
//   B^T = | a^2 b^2     0    -(a^2+b^2)     0         1   0 |     G = | 1/n(p)  p/n(p)  p^2/n(p) |     A^T = | 1    ...    0 |
//         |    0     -p q^2    -q^2         p         1   0 |         |   0       0        1     |           | p    ...    0 |
//         |    0     a^2 b^2     0      -(a^2+b^2)    0   1 |                                                | p^2  ...    0 |
//                                                                                                            | p^3  ...    1 |
// where q^2 is b^2 for p = +-a, and a^2 for p = +-b.
//
// The error is at most (in_channels + 12) * eps * [|bias| + |A^T| (sum over channels of |G g G^T| * (|B^T| |d| |B|)) |A|]: the last
// rounding of the weights, two of each pass over the input, one for each channel, three of each pass over the output, the bias. A
// value that is not finite spoils the tiles that see it. A NaN sum stays NaN.
//
// Operands and params: as conv_f32, but the weights, whose packing is t4n<nr>: columns (output channels) in panels of nr,
// weight[panel][36][channel][nr] = G g G^T, rounded once; columns are padded with zeros to full panels, the bias likewise.
//
// Tiles: mr output tiles by all columns; where there are few of them, by one panel. Kernels with mr > 1 keep in scratch the
// transformed input of mr tiles and the products of up to 32 columns: they need the room so that weights are read once for all of
// them.
#pragma once

#include "../conv_f32/conv_f32.h"

namespace sinter {

#define WINOGRAD_F32_PARAMS(F, A) CONV_F32_PARAMS(F, A)

SINTER_PARAMS(WinogradF32Params, WINOGRAD_F32_PARAMS);

constexpr int32_t kOutputTile = 4, kInputTile = 6, kFrequencies = 36, kProductColumns = 32;
constexpr size_t kWinogradScratch = 256 << 10;

static inline int32_t winograd_tiles(const WinogradF32Params& p) {
  return p.batch * div_up(p.out[1], kOutputTile) * div_up(p.out[2], kOutputTile);
}

// Into how many parts the panels of one block of tiles are split.
static inline int32_t winograd_splits(const WinogradF32Params& p, int32_t mr, int32_t nr) {
  return div_up(winograd_tiles(p), mr) >= 8 ? 1 : conv_panels(p, nr);
}

// Floats from one frequency to the next, of the transformed input and of the products: no power of two, which would crowd a cache.
static inline int32_t winograd_input_step(const WinogradF32Params& p, int32_t mr) {
  return mr * div_up(p.in_channels, 16) * 16 + 16;
}
static inline int32_t winograd_product_step(int32_t mr) { return mr * kProductColumns + 16; }

// A tile: its image, and the output pixel of its first corner.
struct WinogradTile {
  int32_t batch, h, w;
};

static inline WinogradTile winograd_tile(const WinogradF32Params& p, int32_t index) {
  const int32_t across = div_up(p.out[2], kOutputTile), down = div_up(p.out[1], kOutputTile), row = index / across;
  return {row / down, row % down * kOutputTile, index % across * kOutputTile};
}

// One pass of B^T d and of A^T m: x[0], x[step], ... in vectors V of floats_<isa>.h.
template <class V>
struct Winograd {
  using Type = typename V::Type;
  static constexpr float a = 0.625f, b = 1.5f, a2 = a * a, b2 = b * b;

  static void input(const Type* d, int step, Type* y, int y_step) {
    const Type even_a = fma(-b2, d[2 * step], d[4 * step]), even_b = fma(-a2, d[2 * step], d[4 * step]);
    const Type odd_a = fma(-b2, d[step], d[3 * step]), odd_b = fma(-a2, d[step], d[3 * step]);
    y[0] = fma(a2 * b2, d[0], fma(-(a2 + b2), d[2 * step], d[4 * step]));
    y[y_step] = fma(a, odd_a, even_a);
    y[2 * y_step] = fma(-a, odd_a, even_a);
    y[3 * y_step] = fma(b, odd_b, even_b);
    y[4 * y_step] = fma(-b, odd_b, even_b);
    y[5 * y_step] = fma(a2 * b2, d[step], fma(-(a2 + b2), d[3 * step], d[5 * step]));
  }

  static void output(const Type* m, int step, Type* y, int y_step) {
    const Type even_a = V::add(m[step], m[2 * step]), odd_a = V::subtract(m[step], m[2 * step]);
    const Type even_b = V::add(m[3 * step], m[4 * step]), odd_b = V::subtract(m[3 * step], m[4 * step]);
    y[0] = V::add(V::add(m[0], even_a), even_b);
    y[y_step] = fma(a, odd_a, V::multiply(V::all(b), odd_b));
    y[2 * y_step] = fma(a2, even_a, V::multiply(V::all(b2), even_b));
    y[3 * y_step] = fma(a2 * a, odd_a, fma(b2 * b, odd_b, m[5 * step]));
  }

 private:
  static Type fma(float factor, Type x, Type y) { return V::multiply_add(V::all(factor), x, y); }
};

}  // namespace sinter
