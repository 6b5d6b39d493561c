// The arithmetic of every kernel of the family, vectorised by the compiler for each instruction set.
#pragma once

#include "resample_f32.h"

namespace sinter {
namespace {

struct FloatArithmetic {
  using Element = float;
  using Weight = float;
  using Sum = float;
  static float weight(float row, float column) { return row * column; }
  static float product(float factor, float x) { return factor * x; }
  static float finish(float sum) { return sum; }
};

Status resample_f32(const void* params, void* const* operands, int32_t begin, int32_t end) {
  return resample<FloatArithmetic>(*static_cast<const ResampleF32Params*>(params), operands, begin, end);
}

}  // namespace
}  // namespace sinter
