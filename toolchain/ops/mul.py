"""Product of two tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import tflite as schema
from numpy.typing import NDArray

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, Node, Value
from toolchain.lowering import Lowering
from toolchain.ops.arithmetic import Arithmetic, activated, all_int8
from toolchain.ops.binary import broadcast_params
from toolchain.quantize import elementwise
from toolchain.quantize.numerics import activation_range, multiply_by_quantized_multiplier, wrap


@dataclass(frozen=True)
class Mul(Arithmetic):
    """a * b with broadcasting, clamped to [low, high] in real values."""

    function: ClassVar[str] = "mul"
    kind: ClassVar[str] = "multiply"

    def integer(self, node: Node) -> bool:
        return all_int8(node)

    def real(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return a * b

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        left, right, y = (value.quant for value in (*node.inputs, node.output))
        if left is None or right is None or y is None:
            return super().evaluate(node, *inputs)
        product = (inputs[0].astype(np.int64) - left.zero[0]) * (inputs[1].astype(np.int64) - right.zero[0])
        scaled = multiply_by_quantized_multiplier(product, *elementwise.mul_rescale(left, right, y))
        return (np.clip(wrap(scaled + y.zero[0]), *activation_range(self.low, self.high, y)).astype(np.int8),)

    def lower(self, node: Node, low: Lowering) -> None:
        a, b = node.inputs
        y = node.output
        if a.quant is None or b.quant is None or y.quant is None:
            super().lower(node, low)
            return
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
        low.step("mul_s8", broadcast_params(a.type, b.type, y.type) | integers, [a, b], [y])


@onnx("Mul")
def _from_onnx(node: OnnxNode) -> Value:
    return node.add(Mul(), node.input(0), node.input(1))


@tflite("MUL")
def _from_tflite(node: TfliteNode) -> Value:
    return activated(node, Mul, node.options(schema.MulOptions).FusedActivationFunction())
