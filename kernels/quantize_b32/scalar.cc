#include "../math_bits.h"
#include "quantize_b32.h"

namespace sinter {
namespace {

void quantise(const float* x, int32_t count, int32_t weight_zero, Block32& block) {
  uint32_t largest = 0;
  for (int32_t i = 0; i < count; ++i) {
    const uint32_t magnitude = float_bits(x[i]) & 0x7fffffffu;
    if (magnitude > largest) largest = magnitude;
  }
  block = Block32{};
  if (largest < kLeastMaximum) return;
  if (largest >= kInfinity) {
    block.scale = bits_float(kNotANumber);
    return;
  }
  const float inverse = 127.0f / bits_float(largest);
  int32_t sum = 0;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t value = static_cast<int32_t>(round_half_even(x[i] * inverse));
    block.values[i] = static_cast<int8_t>(value);
    sum += value;
  }
  block.scale = bits_float(largest) / 127.0f;
  block.offset = -weight_zero * sum;
}

}  // namespace

extern "C" Status quantize_b32__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const QuantizeB32Params& p = *static_cast<const QuantizeB32Params*>(params);
  for_each_block(p, operands, begin, end,
                 [&](const float* x, int32_t count, Block32& block) { quantise(x, count, p.weight_zero, block); });
  return kOk;
}

}  // namespace sinter
