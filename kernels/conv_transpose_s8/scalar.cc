#include "../requantize.h"
#include "conv_transpose_s8.h"

namespace sinter {
namespace {

template <int kNr>
Status conv_transpose(const ConvTransposeS8Params& p, void* const* operands, int32_t begin, int32_t end) {
  const int8_t* input = static_cast<const int8_t*>(operands[0]);
  const int8_t* weights = static_cast<const int8_t*>(operands[1]);
  const int32_t* bias = static_cast<const int32_t*>(operands[2]);
  const int32_t* multiplier = static_cast<const int32_t*>(operands[3]);
  const int32_t* shift = static_cast<const int32_t*>(operands[4]);
  int8_t* output = static_cast<int8_t*>(operands[5]);
  const int32_t group_in = p.in_channels / p.groups, group_out = p.out_channels / p.groups;
  const int32_t panels = conv_panels(p, kNr), depth = conv_depth(p);

  for (int32_t index = begin; index < end; ++index) {
    const ConvTile tile = conv_tile(p, 1, kNr, index);
    for (int32_t panel = tile.panel; panel < tile.panel + tile.panels; ++panel) {
      const ptrdiff_t column = (ptrdiff_t{tile.group} * panels + panel) * kNr;
      const int8_t* panel_weights = weights + column * depth;
      uint32_t acc[kNr];
      for (int n = 0; n < kNr; ++n) acc[n] = static_cast<uint32_t>(bias[column + n]);
      visit_transposed_taps(p, tile.pixel, [&](int32_t tap, int32_t position) {
        const int8_t* x = input + ptrdiff_t{position} * p.in_channels + tile.group * group_in;
        const int8_t* w = panel_weights + ptrdiff_t{tap} * group_in * kNr;
        for (int32_t c = 0; c < group_in; ++c, w += kNr) {
          for (int n = 0; n < kNr; ++n) acc[n] += static_cast<uint32_t>((x[c] - p.in_zero) * w[n]);
        }
      });
      const int32_t first = panel * kNr, columns = group_out - first < kNr ? group_out - first : kNr;
      int8_t* y = output + ptrdiff_t{tile.pixel} * p.out_channels + tile.group * group_out + first;
      for (int32_t n = 0; n < columns; ++n) {
        const ptrdiff_t o = column + n;
        y[n] = requantize(static_cast<int32_t>(acc[n]), multiplier[o], shift[o], p.out_zero, p.out_min, p.out_max);
      }
    }
  }
  return kOk;
}

}  // namespace

#define SINTER_CONV_TRANSPOSE(name, nr)                                                                            \
  extern "C" Status name##__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) { \
    return conv_transpose<nr>(*static_cast<const ConvTransposeS8Params*>(params), operands, begin, end);           \
  }

SINTER_CONV_TRANSPOSE(conv_transpose_s8_1x16, 16)
SINTER_CONV_TRANSPOSE(conv_transpose_s8_1x1, 1)

}  // namespace sinter
