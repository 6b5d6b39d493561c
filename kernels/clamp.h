#pragma once

#include <stdint.h>

namespace sinter {

static inline int32_t clamp(int32_t x, int32_t low, int32_t high) { return x < low ? low : (x > high ? high : x); }

// A NaN stays NaN, and -0 counts as equal to 0.
static inline float clamp(float x, float low, float high) {
  const float raised = x < low ? low : x;
  return raised > high ? high : raised;
}

}  // namespace sinter
