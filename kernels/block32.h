// Products of weights and activations that are quantised in blocks of 32 along the reduction.
#pragma once

#include "check.h"

namespace sinter {

constexpr int32_t kBlockDepth = 32;

// 32 activations: scale * values. Weights are stored as unsigned integers above a zero point, so that
//   sum of (stored weight - zero) * value = offset + sum of stored weight * value,   offset = -zero * sum of values.
struct Block32 {
  float scale;
  int32_t offset;
  int8_t values[kBlockDepth];
};

static_assert(sizeof(Block32) == 40, "kernels and the toolchain count on 40 bytes");

}  // namespace sinter
