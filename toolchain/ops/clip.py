"""Clamping to a range: Relu, Relu6, Clip."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, IrError, Node, Op, Type, Value, constant
from toolchain.lowering import Lowering
from toolchain.ops.extremum import Maximum, Minimum
from toolchain.ops.lookup import lower_table
from toolchain.ops.unary import lower_function
from toolchain.quantize import elementwise


@dataclass(frozen=True)
class Clip(Op):
    """max(low, min(x, high)) in real values; int8 may be rescaled on the way."""

    low: float = -math.inf
    high: float = math.inf
    elementwise: ClassVar[bool] = True

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        return (Type(inputs[0].shape, inputs[0].dtype),)

    def integer(self, node: Node) -> bool:
        return node.inputs[0].dtype == np.int8

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        source, target = node.inputs[0].quant, node.output.quant
        if source is not None and target is not None:
            return (elementwise.clip(x, source, target, self.low, self.high),)
        if x.dtype.kind == "f":
            return (np.clip(x, self.low, self.high).astype(x.dtype),)
        info = np.iinfo(x.dtype)
        return (np.clip(x, max(math.ceil(self.low), info.min), min(math.floor(self.high), info.max)),)

    def lower(self, node: Node, low: Lowering) -> None:
        x, y = node.inputs[0], node.output
        if x.quant is not None and y.quant is not None:
            lower_table(node, low, elementwise.clip(elementwise.all_int8(), x.quant, y.quant, self.low, self.high))
        elif x.dtype == np.float32:
            lower_function(node, low, "clip", self.low, self.high)
        else:
            raise IrError(f"Clip of {x.type}: only float32 and quantised int8 are supported")


@onnx("Relu")
def _relu(node: OnnxNode) -> Value:
    return clipped(node, node.input(0), constant(np.zeros((), node.input(0).dtype)), None)


@onnx("Clip")
def _from_onnx(node: OnnxNode) -> Value:
    x = node.input(0)
    if node.opset < 11:
        return node.add(Clip(node.attribute("min", -math.inf), node.attribute("max", math.inf)), x)
    return clipped(node, x, node.optional(1), node.optional(2))


def clipped(node: OnnxNode, x: Value, low: Value | None, high: Value | None) -> Value:
    """x between bounds that may be left out, be constant or be computed."""
    bounds = [bound for bound in (low, high) if bound is not None]
    if x.dtype.kind == "f" and all(bound.data is not None and bound.data.size == 1 for bound in bounds):
        least = -math.inf if low is None else float(low.constant.ravel()[0])
        most = math.inf if high is None else float(high.constant.ravel()[0])
        return node.add(Clip(least, most), x)
    if low is not None:
        x = node.builder.add(Maximum(), x, low, name=node.name)
    return x if high is None else node.builder.add(Minimum(), x, high, name=node.name)


_TFLITE = {
    "RELU": (0.0, math.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU_0_TO_1": (0.0, 1.0),
}


@tflite(*_TFLITE)
def _from_tflite(node: TfliteNode) -> Value:
    return node.add(Clip(*_TFLITE[node.kind]), node.input(0))
