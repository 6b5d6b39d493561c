// Comparison of two tensors that broadcast against each other.
//
//   output = a <kind> b, 1 or 0
//
// Elements are of one integer type, float32 or bool. Comparison with a NaN gives 0, but 1 for "not equal".
//
// Operands: a, b; output bool, contiguous.
//
// Tiles: 4096 output elements.
#pragma once

#include "../binary_rows.h"

namespace sinter {

enum CompareKind : int32_t { kCompareEqual, kCompareNotEqual, kCompareLess, kCompareLessEqual };

#define COMPARE_PARAMS(F, A) \
  SINTER_BROADCAST(F, A)     \
  F(int32_t, kind)           \
  F(int32_t, dtype)

SINTER_PARAMS(CompareParams, COMPARE_PARAMS);

}  // namespace sinter
