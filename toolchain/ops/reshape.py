"""Another shape for the same elements."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from toolchain.importers.spelling import tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, IrError, Node, Op, Type, Value
from toolchain.lowering import Lowering


@dataclass(frozen=True)
class Reshape(Op):
    """x to `shape`, in row-major order; keeps the quantisation of a whole tensor."""

    movement: ClassVar[bool] = True

    shape: tuple[int, ...]

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if math.prod(self.shape) != x.size:
            raise IrError(f"Reshape of {x} to {list(self.shape)}: the number of elements differs")
        return (replace(x.with_shape(self.shape), quant=None),)

    def integer(self, node: Node) -> bool:
        return node.inputs[0].quant == node.output.quant

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0].reshape(self.shape),)

    def aliases(self, node: Node) -> Iterable[tuple[Value, Value, int]]:
        return ((node.output, node.inputs[0], 0),)

    def lower(self, node: Node, low: Lowering) -> None:
        low.copy(node.inputs[0], node.output)


@tflite("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
def _from_tflite(node: TfliteNode) -> Value:
    x = node.input(0)
    return node.add(Reshape(resolve(node.declared(0).shape, x.type.size)), x)


def resolve(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """A shape whose single -1 stands for what is left of `size`."""
    if -1 not in shape:
        return shape
    rest = math.prod(n for n in shape if n != -1)
    return tuple(size // rest if n == -1 and rest else n for n in shape)
