// Arithmetic and bitwise operations on two integer tensors that broadcast against each other.
//
//   output = a <kind> b
//
// Sums, differences, products and powers wrap. Division by zero gives 0, whatever the kind of division, and the lowest integer by
// -1 itself. Divide truncates towards zero and remainder has the dividend's sign; floor_divide rounds down and modulo has the
// divisor's sign. A power with a negative exponent is the reciprocal truncated towards zero, and 0 for base 0. A
// shift by the width or more, or by a negative count, shifts everything out; a right shift of signed integers repeats the sign.
// Bool takes and, or and exclusive or.
//
// Operands: a, b; output, contiguous; all of one type.
//
// Tiles: 4096 output elements.
#pragma once

#include "../binary_rows.h"

namespace sinter {

enum BinaryIntKind : int32_t {
  kIntAdd,
  kIntSubtract,
  kIntMultiply,
  kIntDivide,
  kIntFloorDivide,
  kIntRemainder,
  kIntModulo,
  kIntMinimum,
  kIntMaximum,
  kIntPower,
  kIntAnd,
  kIntOr,
  kIntXor,
  kIntShiftLeft,
  kIntShiftRight,
};

#define BINARY_INT_PARAMS(F, A) \
  SINTER_BROADCAST(F, A)        \
  F(int32_t, kind)              \
  F(int32_t, dtype)

SINTER_PARAMS(BinaryIntParams, BINARY_INT_PARAMS);

}  // namespace sinter
