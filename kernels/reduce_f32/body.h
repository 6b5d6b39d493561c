// The arithmetic of every kernel of the family, vectorised by the compiler for each instruction set.
#pragma once

#include "../math.h"
#include "reduce_f32.h"

namespace sinter {
namespace {

Status reduce_floats(const void* params, void* const* operands, int32_t begin, int32_t end) {
  const ReduceF32Params& p = *static_cast<const ReduceF32Params*>(params);
  const float* x = static_cast<const float*>(operands[0]);
  float* y = static_cast<float*>(operands[1]);
  const auto finish = [&](ptrdiff_t output, float value) { y[output] = value / p.divisor; };
  const auto add = [](float a, float b) { return a + b; };
  const auto multiply = [](float a, float b) { return a * b; };
  const auto maximum = [](float a, float b) { return select(a > b, a, select(a != a, a, b)); };
  const auto minimum = [](float a, float b) { return select(a < b, a, select(a != a, a, b)); };
  switch (p.kind) {
    case kFoldSum:
      reduce(p, x, begin, end, 0.0f, add, add, finish);
      break;
    case kFoldSumAbs:
      reduce(p, x, begin, end, 0.0f, [](float a, float b) { return a + abs(b); }, add, finish);
      break;
    case kFoldSumSquare:
      reduce(p, x, begin, end, 0.0f, [](float a, float b) { return a + b * b; }, add, finish);
      break;
    case kFoldProduct:
      reduce(p, x, begin, end, 1.0f, multiply, multiply, finish);
      break;
    case kFoldMaximum:
      reduce(p, x, begin, end, -infinity(), maximum, maximum, finish);
      break;
    default:
      reduce(p, x, begin, end, infinity(), minimum, minimum, finish);
      break;
  }
  return kOk;
}

}  // namespace
}  // namespace sinter
