"""Product of two tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tflite as schema

from toolchain.importers.spelling import tflite
from toolchain.importers.tflite import TfliteNode, activation
from toolchain.ir import Array, IrError, Node, Value
from toolchain.lowering import Lowering
from toolchain.ops import integer
from toolchain.ops.binary import Binary, broadcast_params
from toolchain.quantize import elementwise
from toolchain.quantize.numerics import activation_range, multiply_by_quantized_multiplier, wrap


@dataclass(frozen=True)
class Mul(Binary):
    """a * b with broadcasting, clamped to [low, high] in real values; integers that are not quantised wrap."""

    low: float = -math.inf
    high: float = math.inf

    def integer(self, node: Node) -> bool:
        return all(value.dtype == np.int8 and value.quant is not None for value in (*node.inputs, node.output))

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        a, b = inputs
        left, right, y = (value.quant for value in (*node.inputs, node.output))
        if left is not None and right is not None and y is not None:
            product = (a.astype(np.int64) - left.zero[0]) * (b.astype(np.int64) - right.zero[0])
            scaled = multiply_by_quantized_multiplier(product, *elementwise.mul_rescale(left, right, y))
            return (np.clip(wrap(scaled + y.zero[0]), *activation_range(self.low, self.high, y)).astype(np.int8),)
        with np.errstate(over="ignore", invalid="ignore"):
            result = np.asarray(a * b)
        return (np.clip(result, self.low, self.high) if a.dtype == np.float32 else result,)

    def lower(self, node: Node, low: Lowering) -> None:
        a, b = node.inputs
        y = node.output
        if a.dtype.kind in "iu" and a.quant is None and b.quant is None:
            integer.lower("multiply", node, low)
            return
        params = broadcast_params(a.type, b.type, y.type)
        if a.quant is None or b.quant is None or y.quant is None:
            raise IrError(f"Mul of {a.type} has no kernel family yet")
        multiplier, shift = elementwise.mul_rescale(a.quant, b.quant, y.quant)
        least, most = activation_range(self.low, self.high, y.quant)
        integers = {
            "a_zero": a.quant.zero[0],
            "b_zero": b.quant.zero[0],
            "multiplier": multiplier,
            "shift": shift,
            "out_zero": y.quant.zero[0],
            "out_min": least,
            "out_max": most,
        }
        low.step("mul_s8", {**params, **integers}, [a, b], [y])


@tflite("MUL")
def _from_tflite(node: TfliteNode) -> Value:
    low, high = activation(node.options(schema.MulOptions).FusedActivationFunction())
    return node.add(Mul(low, high), node.input(0), node.input(1))
