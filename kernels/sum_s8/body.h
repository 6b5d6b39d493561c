// The arithmetic of every kernel of the family, vectorised by the compiler for each instruction set.
#pragma once

#include "../requantize.h"
#include "sum_s8.h"

namespace sinter {
namespace {

Status sum_bytes(const void* params, void* const* operands, int32_t begin, int32_t end) {
  const SumS8Params& p = *static_cast<const SumS8Params*>(params);
  const int8_t* x = static_cast<const int8_t*>(operands[0]);
  int8_t* y = static_cast<int8_t*>(operands[1]);
  const uint32_t offset = static_cast<uint32_t>(index_count(p.axis_shape)) * static_cast<uint32_t>(p.in_zero);
  reduce(
      p, x, begin, end, uint32_t{0}, [](uint32_t acc, int8_t v) { return acc + static_cast<uint32_t>(int32_t{v}); },
      [](uint32_t a, uint32_t b) { return a + b; },
      [&](ptrdiff_t output, uint32_t acc) {
        y[output] = requantize(static_cast<int32_t>(acc - offset), p.multiplier, p.shift, p.out_zero, -128, 127);
      });
  return kOk;
}

}  // namespace
}  // namespace sinter
