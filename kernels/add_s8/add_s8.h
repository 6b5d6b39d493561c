// Sum or difference of two int8 tensors, broadcast against each other.
//
//   scaled_a = multiply_by_quantized_multiplier((a - a_zero) << 20, a_multiplier, a_shift), and likewise b
//   y        = clamp(multiply_by_quantized_multiplier(scaled_a + scaled_b, multiplier, shift) + out_zero, out_min, out_max)
//
// A difference has a negative b_multiplier. Operands: a, b, y int8.
#pragma once

#include "../elementwise.h"
#include "../requantize.h"

namespace sinter {

#define ADD_S8_PARAMS(F, A) \
  SINTER_BROADCAST(F, A)    \
  F(int32_t, a_zero)        \
  F(int32_t, a_multiplier)  \
  F(int32_t, a_shift)       \
  F(int32_t, b_zero)        \
  F(int32_t, b_multiplier)  \
  F(int32_t, b_shift)       \
  F(int32_t, multiplier)    \
  F(int32_t, shift)         \
  F(int32_t, out_zero)      \
  F(int32_t, out_min)       \
  F(int32_t, out_max)

SINTER_PARAMS(AddS8Params, ADD_S8_PARAMS);

constexpr int kAddLeftShift = 20;

static inline int8_t add(const AddS8Params& p, int8_t a, int8_t b) {
  const int32_t left = (a - p.a_zero) * (1 << kAddLeftShift), right = (b - p.b_zero) * (1 << kAddLeftShift);
  const int32_t sum = wrapping_add(multiply_by_quantized_multiplier(left, p.a_multiplier, p.a_shift),
                                   multiply_by_quantized_multiplier(right, p.b_multiplier, p.b_shift));
  return requantize(sum, p.multiplier, p.shift, p.out_zero, p.out_min, p.out_max);
}

}  // namespace sinter
