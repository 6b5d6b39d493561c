"""Orders of axes, and values brought into them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolchain.ir import Quant, Value, constant
from toolchain.ops.reshape import Reshape
from toolchain.ops.transpose import Transpose
from toolchain.rewrite import Rewriter

Axes = tuple[int, ...]


def inverse(axes: Axes) -> Axes:
    """The order that undoes `axes`."""
    return tuple(axes.index(axis) for axis in range(len(axes)))


def compose(first: Axes, then: Axes) -> Axes:
    """The order that does `first`, then `then`."""
    return tuple(first[axis] for axis in then)


def moves(axes: Axes, shape: tuple[int, ...]) -> bool:
    """Whether elements of a tensor of this shape change place; axes of extent 1 may go anywhere."""
    kept = [axis for axis in axes if shape[axis] != 1]
    return kept != sorted(kept)


def quant_along(quant: Quant | None, axes: Axes) -> Quant | None:
    """The quantisation of a tensor whose axes are reordered."""
    if quant is None or quant.axis is None:
        return quant
    return replace(quant, axis=axes.index(quant.axis))


def transposed(rewriter: Rewriter, value: Value, axes: Axes) -> Value:
    """`value` with its axes reordered; fewer axes than `axes` has are filled up by leading ones. Scalars stay."""
    if value.type.size == 1 and value.type.rank <= 1:
        return value
    missing = len(axes) - value.type.rank
    quant = value.quant
    if missing:
        if quant is not None and quant.axis is not None:
            quant = replace(quant, axis=quant.axis + missing)
        shape = (1,) * missing + value.shape
        value = _reshaped(rewriter, value, shape, quant)
    if axes == tuple(range(len(axes))):
        return value
    if value.data is not None:
        return constant(np.transpose(value.data, axes), value.name, quant_along(quant, axes))
    source = rewriter.producer(value, Transpose)
    if source is not None and isinstance(source.op, Transpose):
        value, axes = source.inputs[0], compose(source.op.perm, axes)
        if axes == tuple(range(len(axes))):
            return value
    return rewriter.add(Transpose(axes), value, quant=quant_along(value.quant, axes))


def _reshaped(rewriter: Rewriter, value: Value, shape: tuple[int, ...], quant: Quant | None) -> Value:
    if value.data is not None:
        return constant(value.data.reshape(shape), value.name, quant)
    return rewriter.add(Reshape(shape), value, quant=quant)
