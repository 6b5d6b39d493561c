"""Another order of the axes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, IrError, Node, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.move import Movement, View, move, whole
from toolchain.strides import row_major


@dataclass(frozen=True)
class Transpose(Movement):
    """y's axis i is x's axis perm[i]."""

    perm: tuple[int, ...]

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if sorted(self.perm) != list(range(x.rank)):
            raise IrError(f"Transpose of {x} by {self.perm}, expected a permutation of {x.rank} axes")
        return (Type(tuple(x.shape[axis] for axis in self.perm), x.dtype),)

    def integer(self, node: Node) -> bool:
        x, y = node.inputs[0].quant, node.output.quant
        return x == y or (x is not None and y is not None and x.axis is not None and x.scale == y.scale)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        return (np.transpose(inputs[0], self.perm),)

    def permuted(self, node: Node, axes: tuple[int, ...]) -> Transpose:
        return Transpose(tuple(axes.index(self.perm[axis]) for axis in axes))

    def keeps_order(self, x: Type) -> bool:
        """Whether the elements stay in their order, since only axes of extent 1 change place."""
        kept = [axis for axis in self.perm if x.shape[axis] != 1]
        return kept == sorted(kept)

    def aliases(self, node: Node) -> Iterable[tuple[Value, Value, int]]:
        return ((node.output, node.inputs[0], 0),) if self.keeps_order(node.inputs[0].type) else ()

    def lower(self, node: Node, low: Lowering) -> None:
        x, y = node.inputs[0], node.output
        if self.keeps_order(x.type):
            low.copy(x, y)
            return
        strides = row_major(x.shape)
        move(low, x, y, y.shape, View(0, tuple(strides[axis] for axis in self.perm)), whole(y.shape))


@onnx("Transpose")
def _from_onnx(node: OnnxNode) -> Value:
    x = node.input(0)
    perm = node.attribute("perm", tuple(reversed(range(x.type.rank))))
    return node.add(Transpose(perm), x, quant=x.quant)


@tflite("TRANSPOSE")
def _from_tflite(node: TfliteNode) -> Value:
    return node.add(Transpose(node.integers(1)), node.input(0))
