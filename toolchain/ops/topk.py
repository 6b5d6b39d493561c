"""The largest or smallest elements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.axes import normal_axis
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, IrError, Node, Op, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.argmax import along, sort_key


@dataclass(frozen=True)
class TopK(Op):
    """The k largest (smallest) elements along `axis`, best first, and their indices; of equal ones the lower index comes first.

    A NaN counts as minus infinity. `dtype` of the indices is int32 or int64.
    """

    k: int
    axis: int
    smallest: bool = False
    dtype: str = "int64"

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if not 0 <= self.axis < x.rank or not 0 <= self.k <= x.shape[self.axis]:
            raise IrError(f"TopK of {x} with k = {self.k} along axis {self.axis}")
        shape = (*x.shape[: self.axis], self.k, *x.shape[self.axis + 1 :])
        return Type(shape, x.dtype), Type(shape, np.dtype(self.dtype))

    def integer(self, node: Node) -> bool:
        return node.inputs[0].quant == node.output.quant

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        key = sort_key(x)
        order = key if self.smallest else (-key if key.dtype.kind == "f" else np.invert(key))
        indices = np.take(np.argsort(order, axis=self.axis, kind="stable"), np.arange(self.k), axis=self.axis)
        return np.take_along_axis(x, indices, axis=self.axis), indices.astype(self.dtype)

    def permuted(self, node: Node, axes: tuple[int, ...]) -> TopK:
        return TopK(self.k, axes.index(self.axis), self.smallest, self.dtype)

    def lower(self, node: Node, low: Lowering) -> None:
        x, (values, indices) = node.inputs[0], node.outputs
        if values.type.size:
            params = {
                **along(x.type, self.axis),
                "k": self.k,
                "smallest": int(self.smallest),
                "index_size": indices.dtype.itemsize,
            }
            low.step("topk", params, [x], [values, indices])


@onnx("TopK")
def _from_onnx(node: OnnxNode) -> list[Value]:
    x = node.input(0)
    k = node.integers(1) if node.opset >= 10 else (node.attribute("k", 0),)
    if k is None or len(k) != 1:
        raise IrError("input 1 (k) is not one number")
    axis = normal_axis(node.attribute("axis", -1), x.type.rank)
    return node.builder.add_all(
        TopK(k[0], axis, not node.attribute("largest", 1)), x, name=node.name, names=node.outputs, quants=(x.quant,)
    )


@tflite("TOPK_V2")
def _from_tflite(node: TfliteNode) -> list[Value]:
    x = node.input(0)
    return node.add_all(TopK(node.integers(1)[0], x.type.rank - 1, False, "int32"), x)
