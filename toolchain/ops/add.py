"""Sum and difference of two tensors."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import tflite as schema
from numpy.typing import NDArray

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, Node, Value, constant
from toolchain.lowering import Lowering
from toolchain.ops.arithmetic import Arithmetic, activated, all_int8
from toolchain.ops.binary import broadcast_params
from toolchain.ops.mul import Mul
from toolchain.quantize import elementwise
from toolchain.quantize.numerics import activation_range


@dataclass(frozen=True)
class Add(Arithmetic):
    """a + b with broadcasting, clamped to [low, high] in real values."""

    function: ClassVar[str] = "add"
    kind: ClassVar[str] = "add"
    subtract: ClassVar[bool] = False

    def integer(self, node: Node) -> bool:
        return all_int8(node)

    def real(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return a - b if self.subtract else a + b

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        left, right, y = (value.quant for value in (*node.inputs, node.output))
        if left is None or right is None or y is None:
            return super().evaluate(node, *inputs)
        rescales = elementwise.add_rescales(left, right, y, subtract=self.subtract)
        total = elementwise.add(inputs[0], inputs[1], left.zero[0], right.zero[0], rescales, y.zero[0])
        return (np.clip(total, *activation_range(self.low, self.high, y)).astype(np.int8),)

    def lower(self, node: Node, low: Lowering) -> None:
        a, b = node.inputs
        y = node.output
        if a.quant is None or b.quant is None or y.quant is None:
            super().lower(node, low)
            return
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
        low.step("add_s8", broadcast_params(a.type, b.type, y.type) | integers, [a, b], [y])


@dataclass(frozen=True)
class Sub(Add):
    """a - b, otherwise as Add."""

    function: ClassVar[str] = "sub"
    kind: ClassVar[str] = "subtract"
    subtract: ClassVar[bool] = True


@onnx("Add")
def _add_from_onnx(node: OnnxNode) -> Value:
    return node.add(Add(), node.input(0), node.input(1))


@onnx("Sub")
def _sub_from_onnx(node: OnnxNode) -> Value:
    return node.add(Sub(), node.input(0), node.input(1))


@onnx("Sum", "Mean")
def _sum_from_onnx(node: OnnxNode) -> Value:
    """A sum of any number of tensors, and their mean."""
    first, *rest = node.inputs()
    total = functools.reduce(lambda left, right: node.builder.add(Add(), left, right), rest, first)
    if node.kind == "Sum" or not rest:
        return total
    return node.add(Mul(), total, constant(np.asarray(1 / node.count, total.dtype)))


@tflite("ADD", "SUB")
def _from_tflite(node: TfliteNode) -> Value:
    add = node.kind == "ADD"
    options = node.options(schema.AddOptions if add else schema.SubOptions)
    return activated(node, Add if add else Sub, options.FusedActivationFunction())


@tflite("ADD_N")
def _sum_from_tflite(node: TfliteNode) -> Value:
    first, *rest = node.inputs()
    return functools.reduce(lambda left, right: node.builder.add(Add(), left, right, quant=node.declared(0).quant), rest, first)
