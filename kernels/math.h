// Elementary functions in float32 for kernels that run without a C library.
//
// Only IEEE-754 single precision is assumed, rounding to nearest and keeping subnormals, so with -ffp-contract=off every core and
// every compiler gives the same bits (a NaN's payload apart). Any argument is allowed, subnormal, infinite or NaN.
// The errors stated are the largest distances from the exact value over all floats, in units in the last place of the result.
// All but sin, cos, tan, pow, fmod and the software square root are straight-line code that compilers vectorise.
#pragma once

#include "math_arithmetic.h"
#include "math_bits.h"
#include "math_erf.h"
#include "math_exp.h"
#include "math_log.h"
#include "math_pow.h"
#include "math_trigonometry.h"
