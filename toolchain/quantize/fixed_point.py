"""Elementary functions in 32-bit fixed point, bit for bit as gemmlowp's fixedpoint.h computes them; int32 values in int64 arrays.

A format Qm.n has m integer and n = 31 - m fractional bits beside the sign.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.quantize.numerics import rounding_divide_by_power_of_two, rounding_doubling_high_mul, wrap

Int64 = NDArray[np.int64]
INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1

# round(2^31 * exp(-2^i)) for i from -2 upwards.
_EXP_OF_MINUS_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
_EXP_OF_MINUS_EIGHTH = 1895147668
_ONE_THIRD = 715827883
# 48/17 and -32/17 in Q2.29: the line that Newton's division starts from.
_DIVISION_INTERCEPT, _DIVISION_SLOPE = 1515870810, -1010580540


def exp_on_negative_values(x: NDArray[Any], integer_bits: int) -> Int64:
    """exp(x) in Q0.31 for x <= 0 in the format with `integer_bits` (at most 5)."""
    x = np.asarray(x, np.int64)
    fraction_bits = 31 - integer_bits
    quarter = np.int64(1) << (fraction_bits - 2)
    reduced = (x & (quarter - 1)) - quarter
    result = _exp_between_minus_quarter_and_zero(_multiply_by_power_of_two(reduced, integer_bits))
    remainder = reduced - x
    for power, factor in enumerate(_EXP_OF_MINUS_POWERS, start=-2):
        if power < integer_bits:
            taken = remainder & (np.int64(1) << (fraction_bits + power)) != 0
            result = np.where(taken, rounding_doubling_high_mul(result, factor), result)
    return np.where(x == 0, INT32_MAX, result)


def logistic(x: NDArray[Any], integer_bits: int) -> Int64:
    """1 / (1 + exp(-x)) in Q0.31 for x in the format with `integer_bits`."""
    x = np.asarray(x, np.int64)
    positive = reciprocal_of_one_plus(exp_on_negative_values(-np.abs(x), integer_bits))
    return np.where(x == 0, np.int64(1) << 30, np.where(x > 0, positive, INT32_MAX - positive))


def tanh(x: NDArray[Any], integer_bits: int) -> Int64:
    """tanh(x) in Q0.31 for x in the format with `integer_bits`."""
    x = np.asarray(x, np.int64)
    exponential = exp_on_negative_values(-np.abs(x), integer_bits + 1)
    positive = _multiply_by_power_of_two(_divide_by_one_plus(exponential) - (1 << 29), 2)
    return np.where(x == 0, 0, np.where(x > 0, positive, -positive))


def reciprocal_of_one_plus(x: NDArray[Any]) -> Int64:
    """1 / (1 + x) in Q0.31 for x in [0, 1), in Q0.31."""
    return _multiply_by_power_of_two(_divide_by_one_plus(x), 1)


def multiply_greater_than_one(x: NDArray[Any], multiplier: int, left_shift: int) -> Int64:
    """x * 2^left_shift * multiplier / 2^31, the product with 2^left_shift wrapping."""
    return rounding_doubling_high_mul(wrap(np.asarray(x, np.int64) << left_shift), multiplier)


def _exp_between_minus_quarter_and_zero(x: Int64) -> Int64:
    """The Taylor series of exp around -1/8, to the fourth power, Q0.31 to Q0.31."""
    x = x + (1 << 28)
    square = rounding_doubling_high_mul(x, x)
    cube = rounding_doubling_high_mul(square, x)
    fourth = rounding_doubling_high_mul(square, square)
    tail = rounding_doubling_high_mul(rounding_divide_by_power_of_two(fourth, 2) + cube, _ONE_THIRD) + square
    series = x + rounding_divide_by_power_of_two(tail, 1)
    return _EXP_OF_MINUS_EIGHTH + rounding_doubling_high_mul(series, _EXP_OF_MINUS_EIGHTH)


def _divide_by_one_plus(x: NDArray[Any]) -> Int64:
    """2 / (1 + x) in Q2.29 for x in [0, 1), in Q0.31: three Newton steps."""
    half_denominator = (np.asarray(x, np.int64) + INT32_MAX + 1) // 2
    y = _DIVISION_INTERCEPT + rounding_doubling_high_mul(half_denominator, _DIVISION_SLOPE)
    for _ in range(3):
        rest = (1 << 29) - rounding_doubling_high_mul(half_denominator, y)
        y = y + _multiply_by_power_of_two(rounding_doubling_high_mul(y, rest), 2)
    return y


def _multiply_by_power_of_two(x: Int64, exponent: int) -> Int64:
    """x * 2^exponent, saturating."""
    limit = (1 << (31 - exponent)) - 1
    result: Int64 = np.where(x > limit, INT32_MAX, np.where(x < -limit, INT32_MIN, x << exponent))
    return result
