"""The parametric rectifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, Node, Value
from toolchain.lowering import Lowering
from toolchain.ops.arithmetic import Arithmetic, all_int8
from toolchain.ops.binary import broadcast_params
from toolchain.quantize import elementwise


@dataclass(frozen=True)
class PRelu(Arithmetic):
    """x where it is not negative, else x * slope; the slope is broadcast to x."""

    function: ClassVar[str] = "prelu"

    def integer(self, node: Node) -> bool:
        return all_int8(node)

    def real(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(a < 0, a * b, a)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, slope, y = (value.quant for value in (*node.inputs, node.output))
        if x is None or slope is None or y is None:
            return super().evaluate(node, *inputs)
        return (elementwise.prelu(inputs[0], inputs[1], x, slope, y),)

    def lower(self, node: Node, low: Lowering) -> None:
        x, slope = node.inputs
        y = node.output
        if x.quant is None or slope.quant is None or y.quant is None:
            super().lower(node, low)
            return
        positive, negative = elementwise.prelu_rescales(x.quant, slope.quant, y.quant)
        integers = {
            "a_zero": x.quant.zero[0],
            "b_zero": slope.quant.zero[0],
            "multiplier": positive[0],
            "shift": positive[1],
            "negative_multiplier": negative[0],
            "negative_shift": negative[1],
            "out_zero": y.quant.zero[0],
        }
        low.step("prelu_s8", broadcast_params(x.type, slope.type, y.type) | integers, [x, slope], [y])


@onnx("PRelu")
@tflite("PRELU")
def _read(node: OnnxNode | TfliteNode) -> Value:
    return node.add(PRelu(), node.input(0), node.input(1))
