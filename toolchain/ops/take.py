"""Slices of a tensor picked by indices that are known beforehand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.ir import Array, Builder, IrError, Node, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.move import Movement
from toolchain.ops.slice import span


@dataclass(frozen=True)
class Take(Movement):
    """y[..., i, ...] = x[..., indices[i], ...] along `axis`; the indices are not negative."""

    axis: int
    indices: tuple[int, ...]

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if not 0 <= self.axis < x.rank or any(not 0 <= index < x.shape[self.axis] for index in self.indices):
            raise IrError(f"Take of {x} at {list(self.indices)} along axis {self.axis}: out of range")
        return (Type((*x.shape[: self.axis], len(self.indices), *x.shape[self.axis + 1 :]), x.dtype),)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        return (np.take(inputs[0], np.asarray(self.indices, np.int64), axis=self.axis),)

    def permuted(self, node: Node, axes: tuple[int, ...]) -> Take:
        return Take(axes.index(self.axis), self.indices)

    def channelwise(self, node: Node) -> bool:
        return self.axis != node.output.type.rank - 1

    def lower(self, node: Node, low: Lowering) -> None:
        x = node.inputs[0]
        if node.output.type.size:
            indices = low.constant(np.asarray(self.indices, np.int32), "indices")
            low.step("gather", gather_params(x, self.axis, 0, len(self.indices), 4), [x, indices], [node.output])


def gather_params(x: Value, axis: int, batch: int, count: int, index_size: int) -> dict[str, Any]:
    """The params of the gather family: `count` slices along `axis`, the first `batch` axes shared with the indices."""
    return {
        "batch": math.prod(x.shape[:batch]),
        "outer": math.prod(x.shape[batch:axis]),
        "extent": x.shape[axis],
        "inner": math.prod(x.shape[axis + 1 :]) * x.dtype.itemsize,
        "count": count,
        "index_size": index_size,
    }


def take(builder: Builder, x: Value, axis: int, indices: Sequence[int] | NDArray[Any]) -> Value:
    """x at constant indices along an axis: a Slice where they are evenly spaced, else a Take."""
    rows = tuple(int(index) for index in indices)
    steps = {b - a for a, b in pairwise(rows)} or {1}
    if rows and len(steps) == 1 and steps != {0}:
        return builder.add(span(axis, rows[0], len(rows), x.shape, steps.pop()), x, quant=x.quant)
    return builder.add(Take(axis, rows), x, quant=x.quant)
