#include "../requantize.h"
#include "depthwise_s8.h"

namespace sinter {
namespace {

template <int kNr, int kKr>
Status depthwise(const DepthwiseS8Params& p, void* const* operands, int32_t begin, int32_t end) {
  const int8_t* input = static_cast<const int8_t*>(operands[0]);
  const int8_t* weights = static_cast<const int8_t*>(operands[1]);
  const int32_t* bias = static_cast<const int32_t*>(operands[2]);
  const int32_t* multiplier = static_cast<const int32_t*>(operands[3]);
  const int32_t* shift = static_cast<const int32_t*>(operands[4]);
  int8_t* output = static_cast<int8_t*>(operands[5]);
  const int32_t copies = p.out_channels / p.in_channels, depth = div_up(taps(p), kKr) * kKr;

  for (int32_t index = begin * p.out[2]; index < end * p.out[2]; ++index) {
    const Pixel pixel = locate(p, index);
    for (int32_t first = 0; first < p.out_channels; first += kNr) {
      const int32_t channels = p.out_channels - first < kNr ? p.out_channels - first : kNr;
      int32_t source[kNr];
      uint32_t acc[kNr];
      for (int32_t n = 0; n < channels; ++n) {
        source[n] = (first + n) / copies;
        acc[n] = static_cast<uint32_t>(bias[first + n]);
      }
      visit_taps(p, pixel, [&](int32_t tap, int32_t position) {
        const int8_t* x = position < 0 ? nullptr : input + ptrdiff_t{position} * p.in_channels;
        const int8_t* w = weights + ptrdiff_t{first} * depth + ptrdiff_t{tap / kKr} * kNr * kKr + tap % kKr;
        for (int32_t n = 0; n < channels; ++n) {
          acc[n] += static_cast<uint32_t>((x != nullptr ? x[source[n]] : p.in_zero) * w[n * kKr]);
        }
      });
      int8_t* y = output + ptrdiff_t{index} * p.out_channels + first;
      for (int32_t n = 0; n < channels; ++n) {
        const int32_t o = first + n;
        y[n] = requantize(static_cast<int32_t>(acc[n]), multiplier[o], shift[o], p.out_zero, p.out_min, p.out_max);
      }
    }
  }
  return kOk;
}

// Packing quads.
Status depthwise_quads(const DepthwiseS8Params& p, void* const* operands, int32_t begin, int32_t end) {
  constexpr int32_t kNr = 16;
  const int8_t* input = static_cast<const int8_t*>(operands[0]);
  const int8_t* weights = static_cast<const int8_t*>(operands[1]);
  const int32_t* bias = static_cast<const int32_t*>(operands[2]);
  const int32_t* multiplier = static_cast<const int32_t*>(operands[3]);
  const int32_t* shift = static_cast<const int32_t*>(operands[4]);
  int8_t* y = static_cast<int8_t*>(operands[5]) + ptrdiff_t{begin} * p.out[2] * p.out_channels;
  const Quads q = tap_quads(p);
  const int32_t copies = p.out_channels / p.in_channels, packed = div_up(p.out_channels, kNr) * kNr;

  for (int32_t index = begin * p.out[2]; index < end * p.out[2]; ++index) {
    const Pixel pixel = locate(p, index);
    for (int32_t o = 0; o < p.out_channels; ++o, ++y) {
      uint32_t acc = static_cast<uint32_t>(bias[o]);
      visit_taps(p, pixel, [&](int32_t tap, int32_t position) {
        const int32_t row = tap / p.kernel[2], column = tap % p.kernel[2];
        const int32_t quad = row / q.high * q.across + column / q.wide, part = row % q.high * q.wide + column % q.wide;
        const int32_t x = position < 0 ? p.in_zero : input[ptrdiff_t{position} * p.in_channels + o / copies];
        acc += static_cast<uint32_t>((x + 128) * weights[(ptrdiff_t{quad} * packed + o) * 4 + part]);
      });
      *y = requantize(static_cast<int32_t>(acc), multiplier[o], shift[o], p.out_zero, p.out_min, p.out_max);
    }
  }
  return kOk;
}

}  // namespace

extern "C" Status depthwise_s8_1x16k4__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return depthwise_quads(*static_cast<const DepthwiseS8Params*>(params), operands, begin, end);
}

#define SINTER_DEPTHWISE(name, nr, kr)                                                                             \
  extern "C" Status name##__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) { \
    return depthwise<nr, kr>(*static_cast<const DepthwiseS8Params*>(params), operands, begin, end);                \
  }

SINTER_DEPTHWISE(depthwise_s8_1x16k2, 16, 2)
SINTER_DEPTHWISE(depthwise_s8_1x16k2s, 16, 2)
SINTER_DEPTHWISE(depthwise_s8_1x1, 1, 1)

}  // namespace sinter
