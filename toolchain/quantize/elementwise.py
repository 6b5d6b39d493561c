"""The integer laws of elementwise operators: how each multiplier is computed and each byte follows from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.ir import Quant
from toolchain.quantize.fixed_point import exp_on_negative_values, logistic, multiply_greater_than_one, reciprocal_of_one_plus, tanh
from toolchain.quantize.numerics import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    round_half_away,
    rounding_divide_by_power_of_two,
    rounding_doubling_high_mul,
    wrap,
)

Int8 = NDArray[np.int8]
Int64 = NDArray[np.int64]
INT8 = (-128, 127)
ADD_LEFT_SHIFT = 20
SOFTMAX_QUANT = Quant.of(1 / 256, -128)
TANH_QUANT = Quant.of(1 / 128, 0)
SOFTMAX_MAX_DEPTH = 4095
_SOFTMAX_INTEGER_BITS = 5
_SOFTMAX_SUM_BITS = 12
_SIGMOID_INTEGER_BITS = 4

Rescale = tuple[int, int]


def add_rescales(a: Quant, b: Quant, y: Quant, *, subtract: bool = False) -> tuple[Rescale, Rescale, Rescale]:
    """Multiplier and shift of both inputs, brought to twice the larger scale, and of the output (TFLM's ADD and SUB).

    SUB divides in float32, ADD in double; the difference is ADD with b's multiplier negated.
    """
    left, right, out = a.scales()[0], b.scales()[0], y.scales()[0]
    twice = np.float32(2) * max(left, right)
    wide = np.float32 if subtract else np.float64
    ratios = [wide(left) / wide(twice), wide(right) / wide(twice), wide(twice) / (wide(1 << ADD_LEFT_SHIFT) * wide(out))]
    first, second, output = (quantize_multiplier(float(ratio)) for ratio in ratios)
    return first, (-second[0] if subtract else second[0], second[1]), output


def add(a: Int8, b: Int8, a_zero: int, b_zero: int, rescales: tuple[Rescale, Rescale, Rescale], out_zero: int) -> Int64:
    """The sum before clamping."""
    first, second, output = rescales
    left = multiply_by_quantized_multiplier((a.astype(np.int64) - a_zero) << ADD_LEFT_SHIFT, *first)
    right = multiply_by_quantized_multiplier((b.astype(np.int64) - b_zero) << ADD_LEFT_SHIFT, *second)
    return wrap(multiply_by_quantized_multiplier(wrap(left + right), *output) + out_zero)


def mul_rescale(a: Quant, b: Quant, y: Quant) -> Rescale:
    """Multiplier and shift of a product, computed in double (TFLM's MUL)."""
    return quantize_multiplier(a.scale[0] * b.scale[0] / y.scale[0])


def sum_rescale(source: Quant, target: Quant, count: int, kind: str) -> Rescale:
    """Multiplier and shift of a sum or mean of `count` elements (TFLite's QuantizedMeanOrSum): a mean divides the multiplier."""
    multiplier, shift = quantize_multiplier(source.scale[0] / target.scale[0])
    if kind == "mean":
        widening = min(count.bit_length() - 1, 32, 31 + shift)
        multiplier, shift = (multiplier << widening) // count, shift - widening
    return multiplier, shift


def rescale(x: NDArray[Any], factor: Rescale, zero: int) -> Int8:
    """Accumulators to int8."""
    return np.clip(wrap(multiply_by_quantized_multiplier(wrap(x), *factor) + zero), *INT8).astype(np.int8)


def requantize(x: NDArray[Any], source: Quant, target: Quant, dtype: Any) -> NDArray[Any]:
    """From one quantisation to another (TFLite's Requantize); the ratio of scales is taken in double."""
    info = np.iinfo(dtype)
    scaled = multiply_by_quantized_multiplier(
        x.astype(np.int64) - source.zero[0], *quantize_multiplier(source.scale[0] / target.scale[0])
    )
    result: NDArray[Any] = np.clip(scaled + target.zero[0], info.min, info.max).astype(dtype)
    return result


def all_int8() -> Int8:
    """Every int8 value in the order of its byte: 0 to 127, then -128 to -1."""
    return np.arange(256, dtype=np.uint8).view(np.int8)


def tabulate(function: Callable[[NDArray[Any]], NDArray[Any]], source: Quant, target: Quant) -> Int8:
    """A function of reals on every int8, in the order of `all_int8`, in float32 (TFLite's LUTPopulate); NaN becomes zero."""
    real = np.float32(source.scale[0]) * (all_int8().astype(np.int32) - source.zero[0]).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = round_half_away(function(real) * (np.float32(1) / np.float32(target.scale[0]))) + np.float32(target.zero[0])
    return np.clip(np.where(np.isnan(scaled), target.zero[0], scaled), *INT8).astype(np.int8)


def clip(x: Int8, source: Quant, target: Quant, low: float, high: float) -> Int8:
    """Rescaling with a clamp in the target's stored values (TFLite's RELU family)."""

    def stored(bound: float) -> float:
        if math.isinf(bound):
            return bound
        ratio = float(np.float32(bound) / np.float32(target.scale[0]))
        return target.zero[0] + math.copysign(math.floor(abs(ratio) + 0.5), ratio)

    scaled = multiply_by_quantized_multiplier(
        x.astype(np.int64) - source.zero[0], *quantize_multiplier(source.scale[0] / target.scale[0])
    )
    least, most = max(stored(low), -128), min(stored(high), 127)
    clamped: Int8 = np.clip(np.minimum(np.maximum(scaled + target.zero[0], least), most), *INT8).astype(np.int8)
    return clamped


def leaky_relu(x: Int8, source: Quant, target: Quant, alpha: float) -> Int8:
    """Two multipliers, their ratios in float32 (TFLite's LEAKY_RELU)."""
    scale, out = np.float32(source.scale[0]), np.float32(target.scale[0])
    value = x.astype(np.int64) - source.zero[0]
    positive = multiply_by_quantized_multiplier(value, *quantize_multiplier(float(scale / out)))
    slope = float(scale * np.float32(alpha) / out)
    multiplier, shift = quantize_multiplier(abs(slope))
    negative = multiply_by_quantized_multiplier(value, int(math.copysign(multiplier, slope)), shift)
    scaled: Int64 = np.where(value >= 0, positive, negative)
    return np.clip(scaled + target.zero[0], *INT8).astype(np.int8)


def prelu_rescales(x: Quant, slope: Quant, y: Quant) -> tuple[Rescale, Rescale]:
    """Multiplier and shift for x that is not negative and for negative x times slope, computed in double (TFLM's PRELU)."""
    return quantize_multiplier(x.scale[0] / y.scale[0]), quantize_multiplier(x.scale[0] * slope.scale[0] / y.scale[0])


def prelu(x: Int8, slope: Int8, x_quant: Quant, slope_quant: Quant, y_quant: Quant) -> Int8:
    """x rescaled, or x * slope where x is negative."""
    positive, negative = prelu_rescales(x_quant, slope_quant, y_quant)
    value = x.astype(np.int64) - x_quant.zero[0]
    sloped = multiply_by_quantized_multiplier(value * (slope.astype(np.int64) - slope_quant.zero[0]), *negative)
    scaled: Int64 = np.where(value >= 0, multiply_by_quantized_multiplier(value, *positive), sloped)
    return np.clip(wrap(scaled + y_quant.zero[0]), *INT8).astype(np.int8)


def sigmoid(x: Int8, source: Quant) -> Int8:
    """The logistic function with output scale 1/256 and zero point -128 (TFLM's LOGISTIC)."""
    return _sigmoid_shape(x, source, 8, -128, logistic)


def hyperbolic_tangent(x: Int8, source: Quant) -> Int8:
    """tanh with output scale 1/128 and zero point 0 (TFLM's TANH)."""
    return _sigmoid_shape(x, source, 7, 0, tanh)


def _sigmoid_shape(x: Int8, source: Quant, fraction_bits: int, zero: int, function: Any) -> Int8:
    multiplier, shift = quantize_multiplier(source.scale[0] * (1 << (31 - _SIGMOID_INTEGER_BITS)))
    radius = input_radius(_SIGMOID_INTEGER_BITS, shift)
    value = x.astype(np.int64) - source.zero[0]
    inside = np.clip(value, -radius + 1, radius - 1) if radius > 0 else value * 0
    result = function(multiply_by_quantized_multiplier(inside, multiplier, shift), _SIGMOID_INTEGER_BITS)
    result = rounding_divide_by_power_of_two(result, 31 - fraction_bits) + zero
    result = np.where(value <= -radius, -128, np.where(value >= radius, 127, result))
    return np.clip(result, *INT8).astype(np.int8)


def input_radius(integer_bits: int, shift: int) -> int:
    """The largest input that a rescaling by 2^shift leaves inside `integer_bits` (TFLite's CalculateInputRadius)."""
    return math.floor(((1 << integer_bits) - 1) * (1 << (31 - integer_bits)) / 2.0**shift)


def hard_swish(x: Int8, source: Quant, target: Quant) -> Int8:
    """x * relu6(x + 3) / 6 in 16-bit fixed point (TFLite's HARD_SWISH)."""
    fine = np.float32(1 / 128) * np.float32(source.scale[0])
    output, output_shift = _int16_multiplier(float(fine / np.float32(target.scale[0])))
    gate, gate_shift = _int16_multiplier(float(fine / (np.float32(3) / np.float32(32768))))
    value = (x.astype(np.int64) - source.zero[0]) << 7
    scaled = _high_mul_int16(value, output)
    if gate_shift > 0:
        value = _saturate_int16(value << (gate_shift - 1))
    value = _high_mul_int16(value, gate)
    if gate_shift > 0:
        value = _saturate_int16(value << 1)
    elif gate_shift < 0:
        value = rounding_divide_by_power_of_two(value, -gate_shift)
    value = (value + (1 << 15)) >> 1
    product = value * scaled
    product = np.where(product >= 0, product >> 15, -(-product >> 15))
    return np.clip(rounding_divide_by_power_of_two(product, -output_shift) + target.zero[0], *INT8).astype(np.int8)


def hard_swish_fits(source: Quant, target: Quant) -> bool:
    """Whether HARD_SWISH is defined: the output's scale is at least 1/128 of the input's."""
    return quantize_multiplier(float(np.float32(1 / 128) * np.float32(source.scale[0]) / np.float32(target.scale[0])))[1] <= 0


def _int16_multiplier(real: float) -> tuple[int, int]:
    multiplier, shift = quantize_multiplier(real)
    return ((1 << 15) - 1 if multiplier >= (1 << 31) - 1 - (1 << 15) else (multiplier + (1 << 15)) >> 16), shift


def _saturate_int16(x: Int64) -> Int64:
    return np.clip(x, -(1 << 15), (1 << 15) - 1)


def _high_mul_int16(x: Int64, multiplier: int) -> Int64:
    return _saturate_int16((x * multiplier + (1 << 14)) >> 15)


def softmax_exponentials(source: Quant, beta: float) -> NDArray[np.int32]:
    """exp(beta * scale * d) in Q0.31 for d = -255 ... 0, and 0 where it is left out (TFLite's SOFTMAX)."""
    real = min(float(np.float32(beta)) * source.scale[0] * (1 << (31 - _SOFTMAX_INTEGER_BITS)), (1 << 31) - 1.0)
    multiplier, shift = quantize_multiplier(real)
    difference = np.arange(-255, 1)
    kept = difference >= -input_radius(_SOFTMAX_INTEGER_BITS, shift)
    if shift >= 0:
        scaled = multiply_greater_than_one(np.where(kept, difference, 0), multiplier, shift)
    else:
        scaled = multiply_by_quantized_multiplier(difference, multiplier, shift)
    return np.where(kept, exp_on_negative_values(scaled, _SOFTMAX_INTEGER_BITS), 0).astype(np.int32)


def softmax(x: Int8, exponentials: NDArray[np.int32]) -> Int8:
    """Softmax over the last axis with output scale 1/256 and zero point -128."""
    e = exponentials[255 + x.astype(np.int64) - x.max(axis=-1, keepdims=True)].astype(np.int64)
    total = rounding_divide_by_power_of_two(e, _SOFTMAX_SUM_BITS).sum(axis=-1, keepdims=True)
    zeros = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    scale = reciprocal_of_one_plus((total << zeros) - (1 << 31))
    shifted = rounding_divide_by_power_of_two(rounding_doubling_high_mul(e, scale), _SOFTMAX_SUM_BITS - zeros + 31 - 8)
    return np.clip(shifted - 128, *INT8).astype(np.int8)
