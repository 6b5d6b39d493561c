"""The law of integer arithmetic, in numpy: what docs/numerics.md states and every integer kernel reproduces to the bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.ir import Quant

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
INT8_MIN, INT8_MAX = -128, 127


def quantize_multiplier(real: float) -> tuple[int, int]:
    """The 31-bit multiplier and shift that stand for a positive real: real ~= multiplier * 2^(shift - 31).

    Computed in double, halves away from zero, as TFLite's QuantizeMultiplier does; a shift below -31 becomes (0, 0).
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        return (1 << 31) - 1, 30
    return multiplier, shift


def quantize_multipliers(real: Any) -> tuple[Int32, Int32]:
    """quantize_multiplier for each element of a one-dimensional array of doubles."""
    pairs = [quantize_multiplier(float(value)) for value in np.asarray(real, np.float64).ravel()]
    return np.array([m for m, _ in pairs], np.int32), np.array([s for _, s in pairs], np.int32)


def rounding_doubling_high_mul(a: NDArray[Any], b: NDArray[Any] | int) -> NDArray[np.int64]:
    """round(a * b / 2^31), halves up, saturating where both are INT32_MIN; int32 values in int64 arrays."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    quotient = np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))
    result: Int64 = np.minimum(quotient, (1 << 31) - 1)
    return result


def rounding_divide_by_power_of_two(x: NDArray[Any], exponent: NDArray[Any] | int) -> NDArray[np.int64]:
    """round(x / 2^exponent), halves away from zero."""
    x = np.asarray(x, np.int64)
    exponent = np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    result: Int64 = (x >> exponent) + ((x & mask) > threshold)
    return result


def wrap(x: NDArray[Any]) -> NDArray[np.int64]:
    """The value of an int32 accumulator after wrapping, in int64."""
    return np.asarray(x, np.int64).astype(np.int32).astype(np.int64)


def multiply_by_quantized_multiplier(
    x: NDArray[Any], multiplier: NDArray[Any] | int, shift: NDArray[Any] | int
) -> NDArray[np.int64]:
    """x * multiplier * 2^(shift - 31) with the specification's double rounding, on int32 values."""
    shift = np.asarray(shift, np.int64)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    return rounding_divide_by_power_of_two(rounding_doubling_high_mul(wrap(np.asarray(x, np.int64) << left), multiplier), right)


def round_half_away(x: NDArray[Any]) -> NDArray[Any]:
    """Round to the nearest integer, halves away from zero, in x's own precision."""
    x = np.asarray(x)
    whole = np.trunc(x)
    result: NDArray[Any] = whole + np.where(np.abs(x - whole) >= 0.5, np.sign(x), 0).astype(x.dtype)
    return result


def integer_range(dtype: Any) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def quantize(x: NDArray[Any], quant: Quant, dtype: Any) -> NDArray[Any]:
    """clamp(round(x / scale) + zero), halves away from zero, in float32 (TFLite's AffineQuantize)."""
    low, high = integer_range(dtype)
    scale, zero = _along(quant, x.ndim)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = round_half_away(np.asarray(x, np.float32) / scale)
        clipped: NDArray[Any] = np.clip(np.nan_to_num(scaled, nan=0.0).astype(np.float64) + zero, low, high)
    stored: NDArray[Any] = clipped.astype(dtype)
    return stored


def dequantize(x: NDArray[Any], quant: Quant) -> NDArray[np.float32]:
    """scale * (x - zero) in float32."""
    scale, zero = _along(quant, x.ndim)
    real: NDArray[np.float32] = ((x.astype(np.int64) - zero).astype(np.float32) * scale).astype(np.float32)
    return real


def activation_range(low: float, high: float, quant: Quant, dtype: Any = np.int8) -> tuple[int, int]:
    """The stored values between which a fused activation clamps (TFLite's CalculateActivationRangeQuantized)."""
    least, most = integer_range(dtype)
    scale, zero = np.float32(quant.scale[0]), quant.zero[0]

    def stored(real: float) -> int:
        return zero + int(round_half_away(np.asarray(np.float32(real) / scale)))

    return (
        least if math.isinf(low) else min(max(least, stored(low)), most),
        most if math.isinf(high) else max(min(most, stored(high)), least),
    )


def _along(quant: Quant, rank: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    shape = [1] * rank
    if quant.axis is not None and rank:
        shape[quant.axis] = len(quant.scale)
        return quant.scales().reshape(shape), quant.zeros().astype(np.int64).reshape(shape)
    return quant.scales().reshape(()), quant.zeros().astype(np.int64).reshape(())
