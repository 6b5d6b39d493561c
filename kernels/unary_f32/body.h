// The arithmetic of every kernel of the family, vectorised by the compiler for each instruction set.
#pragma once

#include "../clamp.h"
#include "../math.h"
#include "../vectorize.h"
#include "unary_f32.h"

namespace sinter {
namespace {

Status unary(const void* params, void* const* operands, int32_t begin, int32_t end) {
  const UnaryF32Params& p = *static_cast<const UnaryF32Params*>(params);
  const Elements range = elements(p.count, begin, end);
  const float* input = static_cast<const float*>(operands[0]) + range.begin;
  float* output = static_cast<float*>(operands[1]) + range.begin;
  const int32_t count = range.end - range.begin;
  [[maybe_unused]] const float a = p.alpha, b = p.beta;
  switch (p.function) {
#define SINTER_ROW(name, value)           \
  case kUnary_##name: {                   \
    SINTER_VECTORIZE                      \
    for (int32_t i = 0; i < count; ++i) { \
      const float x = input[i];           \
      output[i] = value;                  \
    }                                     \
    break;                                \
  }
    UNARY_F32_FUNCTIONS(SINTER_ROW)
#undef SINTER_ROW
    default:
      break;
  }
  return kOk;
}

}  // namespace
}  // namespace sinter
