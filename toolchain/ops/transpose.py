"""Another order of the axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolchain.ir import Array, IrError, Node, Op, Type


@dataclass(frozen=True)
class Transpose(Op):
    """y's axis i is x's axis perm[i]."""

    movement: ClassVar[bool] = True

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
