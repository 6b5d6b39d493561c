#include "../clamp.h"
#include "../math_bits.h"
#include "conv_b32.h"

namespace sinter {
namespace {

constexpr int32_t kNr = 16;

// Stored weight of channel k of a block in column n.
template <int kBits>
int32_t stored(const uint8_t* block, int32_t k, int32_t n) {
  const int32_t quarter = k / 4;
  if (kBits == 8) return block[(quarter * kNr + n) * 4 + k % 4];
  const uint8_t pair = block[(quarter % 4 * kNr + n) * 4 + k % 4];
  return quarter < 4 ? pair & 15 : pair >> 4;
}

template <int kBits>
Status conv(const ConvB32Params& p, void* const* operands, int32_t begin, int32_t end) {
  const Block32* input = static_cast<const Block32*>(operands[0]);
  const uint8_t* weights = static_cast<const uint8_t*>(operands[1]);
  const uint16_t* scales = static_cast<const uint16_t*>(operands[2]);
  const float* bias = static_cast<const float*>(operands[3]);
  float* output = static_cast<float*>(operands[4]);
  const int32_t blocks = tap_blocks(p), group_out = p.out_channels / p.groups, panels = conv_panels(p, kNr);

  for (int32_t index = begin; index < end; ++index) {
    const ConvTile tile = conv_tile(p, 1, kNr, index);
    const Pixel pixel = locate(p, tile.pixel);
    for (int32_t panel = tile.panel; panel < tile.panel + tile.panels; ++panel) {
      const ptrdiff_t column = (ptrdiff_t{tile.group} * panels + panel) * kNr;
      const uint16_t* s = scales + column * taps(p) * blocks;
      const uint8_t* w = weights + column * taps(p) * blocks * block_bytes(kBits);
      float acc[kNr];
      for (int n = 0; n < kNr; ++n) acc[n] = bias[column + n];
      visit_taps(p, pixel, [&](int32_t, int32_t position) {
        const Block32* x = input + (ptrdiff_t{position} * p.groups + tile.group) * blocks;
        for (int32_t b = 0; b < blocks; ++b, s += kNr, w += kNr * block_bytes(kBits)) {
          if (position < 0) continue;
          for (int n = 0; n < kNr; ++n) {
            int32_t dot = x[b].offset;
            for (int32_t k = 0; k < kBlockDepth; ++k) dot += x[b].values[k] * stored<kBits>(w, k, n);
            acc[n] += static_cast<float>(dot) * x[b].scale * half_to_float(s[n]);
          }
        }
      });
      const int32_t first = panel * kNr, columns = group_out - first < kNr ? group_out - first : kNr;
      float* y = output + ptrdiff_t{tile.pixel} * p.out_channels + tile.group * group_out + first;
      for (int32_t n = 0; n < columns; ++n) y[n] = clamp(acc[n], p.low, p.high);
    }
  }
  return kOk;
}

}  // namespace

#define SINTER_CONV(name, bits)                                                                                    \
  extern "C" Status name##__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) { \
    return conv<bits>(*static_cast<const ConvB32Params*>(params), operands, begin, end);                           \
  }

SINTER_CONV(conv_q4b32_1x16, 4)
SINTER_CONV(conv_q8b32_1x16, 8)

}  // namespace sinter
