#include <arm_neon.h>

#include "../unroll.h"
#include "quantize_b32.h"

namespace sinter {
namespace {

inline float as_float(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof(x));
  return x;
}

void quantise(const float* x, int32_t weight_zero, Block32& block) {
  float32x4_t values[8];
  uint32x4_t maxima = vdupq_n_u32(0);
  SINTER_UNROLL
  for (int i = 0; i < 8; ++i) {
    values[i] = vld1q_f32(x + i * 4);
    // Magnitudes compare as integers do, a NaN above infinity.
    maxima = vmaxq_u32(maxima, vreinterpretq_u32_f32(vabsq_f32(values[i])));
  }
  const uint32_t largest = vmaxvq_u32(maxima);
  if (largest - kLeastMaximum >= kInfinity - kLeastMaximum) {
    block = Block32{};
    if (largest >= kInfinity) block.scale = as_float(kNotANumber);
    return;
  }
  const float inverse = 127.0f / as_float(largest);
  int16x8_t rounded[4];
  SINTER_UNROLL
  for (int i = 0; i < 4; ++i) {
    const int32x4_t low = vcvtnq_s32_f32(vmulq_n_f32(values[i * 2], inverse));
    const int32x4_t high = vcvtnq_s32_f32(vmulq_n_f32(values[i * 2 + 1], inverse));
    rounded[i] = vcombine_s16(vmovn_s32(low), vmovn_s32(high));
  }
  SINTER_UNROLL
  for (int i = 0; i < 2; ++i) vst1q_s8(block.values + i * 16, vmovn_high_s16(vmovn_s16(rounded[i * 2]), rounded[i * 2 + 1]));
  const int16x8_t sums = vaddq_s16(vaddq_s16(rounded[0], rounded[1]), vaddq_s16(rounded[2], rounded[3]));
  block.scale = as_float(largest) / 127.0f;
  block.offset = -weight_zero * vaddvq_s16(sums);
}

}  // namespace

extern "C" Status quantize_b32__neon(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const QuantizeB32Params& p = *static_cast<const QuantizeB32Params*>(params);
  // Short blocks all are equally short.
  float padded[kBlockDepth] = {};
  for_each_block(p, operands, begin, end, [&](const float* x, int32_t count, Block32& block) {
    if (count < kBlockDepth) {
      for (int32_t i = 0; i < count; ++i) padded[i] = x[i];
      x = padded;
    }
    quantise(x, p.weight_zero, block);
  });
  return kOk;
}

}  // namespace sinter
