"""Sum and difference of two tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import tflite as schema

from toolchain.importers.spelling import tflite
from toolchain.importers.tflite import TfliteNode, activation
from toolchain.ir import Array, IrError, Node, Value
from toolchain.lowering import Lowering
from toolchain.ops import integer
from toolchain.ops.binary import Binary, broadcast_params
from toolchain.quantize import elementwise
from toolchain.quantize.numerics import activation_range


@dataclass(frozen=True)
class Add(Binary):
    """a + b with broadcasting, clamped to [low, high] in real values; integers that are not quantised wrap."""

    low: float = -math.inf
    high: float = math.inf
    subtract: ClassVar[bool] = False

    def integer(self, node: Node) -> bool:
        return all(value.dtype == np.int8 and value.quant is not None for value in (*node.inputs, node.output))

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        a, b = inputs
        left, right, y = (value.quant for value in (*node.inputs, node.output))
        if left is not None and right is not None and y is not None:
            rescales = elementwise.add_rescales(left, right, y, subtract=self.subtract)
            total = elementwise.add(a, b, left.zero[0], right.zero[0], rescales, y.zero[0])
            return (np.clip(total, *activation_range(self.low, self.high, y)).astype(np.int8),)
        with np.errstate(over="ignore", invalid="ignore"):
            result = np.asarray(a - b if self.subtract else a + b)
        return (np.clip(result, self.low, self.high) if a.dtype == np.float32 else result,)

    def lower(self, node: Node, low: Lowering) -> None:
        a, b = node.inputs
        y = node.output
        if a.dtype.kind in "iu" and a.quant is None and b.quant is None:
            integer.lower("subtract" if self.subtract else "add", node, low)
            return
        params = broadcast_params(a.type, b.type, y.type)
        if a.quant is None or b.quant is None or y.quant is None:
            raise IrError(f"{self.name} of {a.type} has no kernel family yet")
        first, second, output = elementwise.add_rescales(a.quant, b.quant, y.quant, subtract=self.subtract)
        least, most = activation_range(self.low, self.high, y.quant)
        integers = {
            "a_zero": a.quant.zero[0],
            "a_multiplier": first[0],
            "a_shift": first[1],
            "b_zero": b.quant.zero[0],
            "b_multiplier": second[0],
            "b_shift": second[1],
            "multiplier": output[0],
            "shift": output[1],
            "out_zero": y.quant.zero[0],
            "out_min": least,
            "out_max": most,
        }
        low.step("add_s8", {**params, **integers}, [a, b], [y])


@dataclass(frozen=True)
class Sub(Add):
    """a - b, otherwise as Add."""

    subtract: ClassVar[bool] = True


@tflite("ADD", "SUB")
def _from_tflite(node: TfliteNode) -> Value:
    add = node.kind == "ADD"
    options = node.options(schema.AddOptions if add else schema.SubOptions)
    low, high = activation(options.FusedActivationFunction())
    return node.add(Add(low, high) if add else Sub(low, high), node.input(0), node.input(1))
