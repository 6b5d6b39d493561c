#include "../clamp.h"
#include "depthwise_f32.h"

namespace sinter {
namespace {

template <int kNr>
Status depthwise(const DepthwiseF32Params& p, void* const* operands, int32_t begin, int32_t end) {
  const float* input = static_cast<const float*>(operands[0]);
  const float* weights = static_cast<const float*>(operands[1]);
  const float* bias = static_cast<const float*>(operands[2]);
  float* output = static_cast<float*>(operands[3]);
  const int32_t copies = p.out_channels / p.in_channels, depth = taps(p);

  for (int32_t index = begin * p.out[2]; index < end * p.out[2]; ++index) {
    const Pixel pixel = locate(p, index);
    for (int32_t first = 0; first < p.out_channels; first += kNr) {
      const int32_t channels = p.out_channels - first < kNr ? p.out_channels - first : kNr;
      int32_t source[kNr];
      float acc[kNr];
      for (int32_t n = 0; n < channels; ++n) {
        source[n] = (first + n) / copies;
        acc[n] = bias[first + n];
      }
      visit_taps(p, pixel, [&](int32_t tap, int32_t position) {
        if (position < 0) return;
        const float* x = input + ptrdiff_t{position} * p.in_channels;
        const float* w = weights + ptrdiff_t{first} * depth + ptrdiff_t{tap} * kNr;
        for (int32_t n = 0; n < channels; ++n) acc[n] += x[source[n]] * w[n];
      });
      float* y = output + ptrdiff_t{index} * p.out_channels + first;
      for (int32_t n = 0; n < channels; ++n) y[n] = clamp(acc[n], p.low, p.high);
    }
  }
  return kOk;
}

}  // namespace

#define SINTER_DEPTHWISE(name, nr)                                                                                 \
  extern "C" Status name##__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) { \
    return depthwise<nr>(*static_cast<const DepthwiseF32Params*>(params), operands, begin, end);                   \
  }

SINTER_DEPTHWISE(depthwise_f32_1x16, 16)
SINTER_DEPTHWISE(depthwise_f32_1x1, 1)

}  // namespace sinter
