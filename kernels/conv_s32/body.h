// What every kernel of the family does around its dot product.
#pragma once

#include "conv_s32.h"

namespace sinter {
namespace {

// Dot: uint32_t operator()(const X* x, const W* w, int32_t count, int32_t x_zero, int32_t w_zero).
template <class X, class W, class Dot>
void conv_integer(const ConvS32Params& p, void* const* operands, int32_t begin, int32_t end, Dot dot) {
  const X* input = static_cast<const X*>(operands[0]);
  const W* weights = static_cast<const W*>(operands[1]);
  const int32_t x_zero = *static_cast<const X*>(operands[2]);
  const W* w_zero = static_cast<const W*>(operands[3]);
  int32_t* output = static_cast<int32_t*>(operands[4]);
  const int32_t blocks = conv_s32_blocks(p), depth = p.in_channels / p.groups, group_out = p.out_channels / p.groups;
  for (int32_t tile = begin; tile < end; ++tile) {
    const int32_t index = tile / blocks, first = tile % blocks * kIntegerColumns;
    const int32_t last = p.out_channels - first < kIntegerColumns ? p.out_channels : first + kIntegerColumns;
    const Pixel pixel = locate(p, index);
    for (int32_t o = first; o < last; ++o) {
      const W* row = weights + ptrdiff_t{o} * taps(p) * depth;
      uint32_t sum = 0;
      visit_taps(p, pixel, [&](int32_t tap, int32_t position) {
        if (position < 0) return;
        const X* x = input + ptrdiff_t{position} * p.in_channels + o / group_out * depth;
        sum += dot(x, row + ptrdiff_t{tap} * depth, depth, x_zero, w_zero[o]);
      });
      output[ptrdiff_t{index} * p.out_channels + o] = static_cast<int32_t>(sum);
    }
  }
}

template <class X, class W>
inline uint32_t dot_plain(const X* x, const W* w, int32_t count, int32_t x_zero, int32_t w_zero) {
  uint32_t sum = 0;
  for (int32_t i = 0; i < count; ++i) sum += static_cast<uint32_t>((x[i] - x_zero) * (w[i] - w_zero));
  return sum;
}

// Calls body with a value of the input's type and one of the weights'.
template <class Body>
Status with_bytes(const ConvS32Params& p, Body body) {
  if (p.input_unsigned == 0) {
    p.weight_unsigned == 0 ? body(int8_t{}, int8_t{}) : body(int8_t{}, uint8_t{});
  } else {
    p.weight_unsigned == 0 ? body(uint8_t{}, int8_t{}) : body(uint8_t{}, uint8_t{});
  }
  return kOk;
}

}  // namespace
}  // namespace sinter
