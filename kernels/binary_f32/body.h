// The arithmetic of every kernel of the family, vectorised by the compiler for each instruction set.
#pragma once

#include "../clamp.h"
#include "../math.h"
#include "../vectorize.h"
#include "binary_f32.h"

namespace sinter {
namespace {

inline float floor_mod(float a, float b) {
  const float rest = fmod(a, b);
  return rest != 0.0f && (rest < 0.0f) != (b < 0.0f) ? rest + b : copysign(rest, rest == 0.0f ? b : rest);
}

inline float atan2(float y, float x) {
  const float pi = 3.14159274f, rise = abs(y), run = abs(x);
  const bool steep = rise > run;
  const float small = steep ? run : rise, large = steep ? rise : run;
  const float ratio = large == 0.0f ? 0.0f : (is_infinite(small) ? 1.0f : small / large);
  const float first = atan(ratio), octant = steep ? 0.5f * pi - first : first;
  const float angle = (float_bits(x) & kSignBit) != 0 ? pi - octant : octant;
  return is_nan(x) || is_nan(y) ? quiet_nan() : copysign(angle, y);
}

template <class Function>
void apply(const BinaryF32Params& p, void* const* operands, int32_t begin, int32_t end, Function function) {
  const float* left = static_cast<const float*>(operands[0]);
  const float* right = static_cast<const float*>(operands[1]);
  float* output = static_cast<float*>(operands[2]);
  const float low = p.low, high = p.high;
  for_each_row(p, begin, end, [&](ptrdiff_t a_at, ptrdiff_t b_at, ptrdiff_t y_at, int32_t count) {
    const float *a = left + a_at, *b = right + b_at;
    float* y = output + y_at;
    if (p.a_stride[7] == 0) {
      const float fixed = *a;
      SINTER_VECTORIZE
      for (int32_t i = 0; i < count; ++i) y[i] = clamp(function(fixed, b[i]), low, high);
    } else if (p.b_stride[7] == 0) {
      const float fixed = *b;
      SINTER_VECTORIZE
      for (int32_t i = 0; i < count; ++i) y[i] = clamp(function(a[i], fixed), low, high);
    } else {
      SINTER_VECTORIZE
      for (int32_t i = 0; i < count; ++i) y[i] = clamp(function(a[i], b[i]), low, high);
    }
  });
}

Status binary(const void* params, void* const* operands, int32_t begin, int32_t end) {
  const BinaryF32Params& p = *static_cast<const BinaryF32Params*>(params);
  switch (p.function) {
#define SINTER_ROW(name, value)                                             \
  case kBinary_##name:                                                      \
    apply(p, operands, begin, end, [](float a, float b) { return value; }); \
    break;
    BINARY_F32_FUNCTIONS(SINTER_ROW)
#undef SINTER_ROW
    default:
      break;
  }
  return kOk;
}

}  // namespace
}  // namespace sinter
