#include "../requantize.h"
#include "conv_s8.h"

namespace sinter {
namespace {

template <int kMr, int kNr, int kKr>
Status conv(const ConvS8Params& p, void* const* operands, int32_t begin, int32_t end) {
  const int8_t* input = static_cast<const int8_t*>(operands[0]);
  const int8_t* weights = static_cast<const int8_t*>(operands[1]);
  const int32_t* bias = static_cast<const int32_t*>(operands[2]);
  const int32_t* multiplier = static_cast<const int32_t*>(operands[3]);
  const int32_t* shift = static_cast<const int32_t*>(operands[4]);
  int8_t* output = static_cast<int8_t*>(operands[5]);
  const int32_t group_in = p.in_channels / p.groups, group_out = p.out_channels / p.groups;
  const int32_t panels = conv_panels(p, kNr), depth = div_up(conv_depth(p), kKr) * kKr;

  for (int32_t index = begin; index < end; ++index) {
    const ConvTile tile = conv_tile(p, kMr, kNr, index);
    for (int32_t row = 0; row < tile.pixels; ++row) {
      const Pixel pixel = locate(p, tile.pixel + row);
      for (int32_t panel = tile.panel; panel < tile.panel + tile.panels; ++panel) {
        const ptrdiff_t first_column = (ptrdiff_t{tile.group} * panels + panel) * kNr;
        const int8_t* panel_weights = weights + first_column * depth;
        uint32_t acc[kNr];
        for (int n = 0; n < kNr; ++n) acc[n] = static_cast<uint32_t>(bias[first_column + n]);
        int32_t k = 0;
        for (int32_t kd = 0; kd < p.kernel[0]; ++kd) {
          for (int32_t kh = 0; kh < p.kernel[1]; ++kh) {
            for (int32_t kw = 0; kw < p.kernel[2]; ++kw) {
              const int32_t d = pixel.origin[0] + kd * p.dilation[0];
              const int32_t h = pixel.origin[1] + kh * p.dilation[1];
              const int32_t w = pixel.origin[2] + kw * p.dilation[2];
              const bool inside = d >= 0 && d < p.in[0] && h >= 0 && h < p.in[1] && w >= 0 && w < p.in[2];
              const ptrdiff_t position = ((ptrdiff_t{pixel.batch} * p.in[0] + d) * p.in[1] + h) * p.in[2] + w;
              const int8_t* x = input + (inside ? position * p.in_channels + tile.group * group_in : 0);
              for (int32_t c = 0; c < group_in; ++c, ++k) {
                const int32_t value = inside ? x[c] : p.in_zero;
                const int8_t* column = panel_weights + ptrdiff_t{k / kKr} * kNr * kKr + k % kKr;
                for (int n = 0; n < kNr; ++n) acc[n] += static_cast<uint32_t>(value * column[n * kKr]);
              }
            }
          }
        }
        const int32_t first = panel * kNr, columns = group_out - first < kNr ? group_out - first : kNr;
        int8_t* y = output + ptrdiff_t{tile.pixel + row} * p.out_channels + tile.group * group_out + first;
        for (int32_t n = 0; n < columns; ++n) {
          const ptrdiff_t column = first_column + n;
          const int32_t scaled = multiply_by_quantized_multiplier(static_cast<int32_t>(acc[n]), multiplier[column], shift[column]);
          y[n] = static_cast<int8_t>(clamp(wrapping_add(scaled, p.out_zero), p.out_min, p.out_max));
        }
      }
    }
  }
  return kOk;
}

}  // namespace

#define SINTER_CONV(name, mr, nr, kr)                                                                              \
  extern "C" Status name##__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) { \
    return conv<mr, nr, kr>(*static_cast<const ConvS8Params*>(params), operands, begin, end);                      \
  }

SINTER_CONV(conv_s8_4x16k2, 4, 16, 2)
SINTER_CONV(conv_s8_1x1k1, 1, 1, 1)

}  // namespace sinter
