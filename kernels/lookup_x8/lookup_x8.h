// A table of 256 bytes applied to bytes: y[i] = table[x[i]], x read as unsigned.
//
// Operands: x [count], table [256], y [count], all of one-byte elements.
#pragma once

#include "../elementwise.h"

namespace sinter {

#define LOOKUP_X8_PARAMS(F, A) F(int32_t, count)

SINTER_PARAMS(LookupX8Params, LOOKUP_X8_PARAMS);

}  // namespace sinter
