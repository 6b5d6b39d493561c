"""Softmax along one axis."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import tflite as schema

from toolchain.axes import normal_axis
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, IrError, Node, Op, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.reshape import Reshape
from toolchain.quantize import elementwise


@dataclass(frozen=True)
class Softmax(Op):
    """exp(beta * x) / sum(exp(beta * x)) along `axis`, or its logarithm; int8 gives scale 1/256 and zero point -128."""

    axis: int
    beta: float = 1.0
    log: bool = False

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if not 0 <= self.axis < x.rank:
            raise IrError(f"Softmax of {x} along axis {self.axis}")
        return (Type(x.shape, x.dtype),)

    def integer(self, node: Node) -> bool:
        x, y = node.inputs[0], node.output
        if self.log:
            return False
        return x.dtype == np.int8 and y.quant == elementwise.SOFTMAX_QUANT and x.shape[self.axis] <= elementwise.SOFTMAX_MAX_DEPTH

    def permuted(self, node: Node, axes: tuple[int, ...]) -> Softmax:
        return replace(self, axis=axes.index(self.axis))

    def channelwise(self, node: Node) -> bool:
        return self.axis != node.output.type.rank - 1

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        quant = node.inputs[0].quant
        x = np.moveaxis(inputs[0], self.axis, -1)
        if quant is not None:
            y = elementwise.softmax(x, elementwise.softmax_exponentials(quant, self.beta))
        else:
            with np.errstate(invalid="ignore"):
                shifted = self.beta * (x.astype(np.float64) - x.max(axis=-1, keepdims=True, initial=-np.inf))
            total = np.exp(shifted).sum(axis=-1, keepdims=True)
            y = (shifted - np.log(total) if self.log else np.exp(shifted) / total).astype(np.float32)
        return (np.ascontiguousarray(np.moveaxis(y, -1, self.axis)),)

    def lower(self, node: Node, low: Lowering) -> None:
        x, y = node.inputs[0], node.output
        shape = x.shape
        params = {
            "outer": math.prod(shape[: self.axis]),
            "depth": shape[self.axis],
            "inner": math.prod(shape[self.axis + 1 :]),
        }
        if x.quant is not None:
            table = low.constant(elementwise.softmax_exponentials(x.quant, self.beta), "exponentials")
            low.step("softmax_s8", params, [x, table], [y])
        elif x.dtype == np.float32:
            if x.type.size:
                low.step("softmax_f32", {**params, "beta": self.beta, "log": int(self.log)}, [x], [y])
        else:
            raise IrError(f"Softmax of {x.type}: only float32 and quantised int8 are supported")


@onnx("Softmax", "LogSoftmax")
def _from_onnx(node: OnnxNode) -> Value:
    x, log = node.input(0), node.kind == "LogSoftmax"
    axis = normal_axis(node.attribute("axis", -1 if node.opset >= 13 else 1), max(x.type.rank, 1))
    if node.opset >= 13 or axis == x.type.rank - 1:
        return node.add(Softmax(axis, log=log), x)
    flat = node.builder.add(Reshape((math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))), x)
    return node.add(Reshape(x.shape), node.builder.add(Softmax(1, log=log), flat))


@tflite("SOFTMAX")
def _from_tflite(node: TfliteNode) -> Value:
    x = node.input(0)
    return node.add(Softmax(x.type.rank - 1, node.options(schema.SoftmaxOptions).Beta()), x)


@tflite("LOG_SOFTMAX")
def _log_from_tflite(node: TfliteNode) -> Value:
    x = node.input(0)
    return node.add(Softmax(x.type.rank - 1, log=True), x)
