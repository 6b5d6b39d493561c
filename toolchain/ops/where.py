"""Choice between two tensors, element by element."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, IrError, Node, Op, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.binary import broadcast_shape
from toolchain.ops.reshape import Reshape
from toolchain.strides import collapse, repeated


@dataclass(frozen=True)
class Where(Op):
    """condition ? a : b; the three broadcast against each other; a, b and the result have one element type and quantisation."""

    elementwise = True

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        condition, a, b = inputs
        if condition.dtype != np.bool_ or a.dtype != b.dtype:
            raise IrError(f"Where of {condition}, {a} and {b}: expected bool and two of one element type")
        return (Type(broadcast_shape(condition.shape, broadcast_shape(a.shape, b.shape)), a.dtype),)

    def integer(self, node: Node) -> bool:
        _, a, b = node.inputs
        return a.quant == b.quant == node.output.quant

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        return (np.where(*inputs),)

    def lower(self, node: Node, low: Lowering) -> None:
        y = node.output
        if not y.type.size:
            return
        views = [repeated(value.shape, y.shape) for value in node.inputs]
        shape, strides = collapse(y.shape, *views)
        names = ("condition_stride", "a_stride", "b_stride")
        params = {"shape": shape, "size": y.dtype.itemsize, **dict(zip(names, strides, strict=True))}
        low.step("where", params, node.inputs, [y])


@onnx("Where")
def _from_onnx(node: OnnxNode) -> Value:
    condition, a, b = node.inputs()
    return node.add(Where(), condition, a, b, quant=a.quant)


@tflite("SELECT", "SELECT_V2")
def _from_tflite(node: TfliteNode) -> Value:
    condition, a, b = node.inputs()
    if node.kind == "SELECT" and condition.type.rank == 1 and a.type.rank > 1:
        column = (*condition.shape, *(1,) * (a.type.rank - 1))
        condition = node.builder.add(Reshape(column), condition)
    return node.add(Where(), condition, a, b)
