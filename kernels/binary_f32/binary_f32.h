// A function of two float32 tensors, broadcast against each other: y = clamp(f(a, b), low, high), f a row of BINARY_F32_FUNCTIONS.
//
// min and max of a NaN are NaN. fmod has the sign of a, floor_mod that of b; both are exact where their result is.
//
// Operands: a, b, y float32.
#pragma once

#include "../elementwise.h"

namespace sinter {

// F(name, value for a and b). Rows are numbered in this order.
#define BINARY_F32_FUNCTIONS(F)                      \
  F(add, a + b)                                      \
  F(sub, a - b)                                      \
  F(mul, a* b)                                       \
  F(div, a / b)                                      \
  F(minimum, select(a < b, a, select(a != a, a, b))) \
  F(maximum, select(a > b, a, select(a != a, a, b))) \
  F(squared_difference, (a - b) * (a - b))           \
  F(prelu, select(a < 0.0f, a * b, a))               \
  F(floor_div, floor(a / b))                         \
  F(pow, pow(a, b))                                  \
  F(fmod, fmod(a, b))                                \
  F(floor_mod, floor_mod(a, b))                      \
  F(atan2, atan2(a, b))

#define BINARY_F32_PARAMS(F, A) \
  SINTER_BROADCAST(F, A)        \
  F(int32_t, function)          \
  F(float, low)                 \
  F(float, high)

SINTER_PARAMS(BinaryF32Params, BINARY_F32_PARAMS);

enum BinaryF32Function : int32_t {
#define SINTER_ROW(name, value) kBinary_##name,
  BINARY_F32_FUNCTIONS(SINTER_ROW)
#undef SINTER_ROW
      kBinaryFunctions
};

}  // namespace sinter
