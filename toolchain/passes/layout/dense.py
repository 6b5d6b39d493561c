"""A dense layer that reads a flattened image takes the image's order of axes into its weights."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from toolchain.ir import Node, Value, constant
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.quantize import Dequantize
from toolchain.ops.reshape import Reshape
from toolchain.ops.transpose import Transpose
from toolchain.passes.layout.axes import moves
from toolchain.passes.layout.reshapes import groups
from toolchain.passes.layout.stored import is_stored
from toolchain.rewrite import Rewriter


def reorder_columns(rewriter: Rewriter, node: Node) -> str | None:
    """Dense(Reshape(Transpose(x))) to Dense'(Reshape(x)): the columns of constant weights are reordered instead.

    Elementwise operators between the reshape and the dense layer stay, their constants are reordered too.
    """
    chain = _chain(rewriter, node) if isinstance(node.op, FullyConnected) else None
    if chain is None or not is_stored(rewriter, node.inputs[1]):
        return None
    source, reshape, *between = chain
    assert isinstance(source.op, Transpose)
    moved, flat = source.output, reshape.output
    first = _first_of_last(moved.shape, flat.shape)
    if first is None:
        return None
    merged = range(first, moved.type.rank)
    order = sorted(range(len(merged)), key=lambda index: source.op.perm[first + index])  # type: ignore[attr-defined]
    extents = [moved.shape[axis] for axis in merged]
    if not moves(tuple(order), tuple(extents)):
        return None
    columns = np.arange(math.prod(extents)).reshape(extents).transpose(order).ravel()
    perm = (*source.op.perm[:first], *(source.op.perm[first + index] for index in order))
    value = rewriter.add(Transpose(perm), source.inputs[0], quant=moved.quant)
    value = rewriter.add(Reshape(flat.shape), value, quant=flat.quant)
    for step in between:
        inputs = [_reordered(rewriter, v, columns) if v.data is not None else value for v in step.inputs]
        value = rewriter.add(step.op, *inputs, name=step.name, quant=step.output.quant)
    weights = _reordered(rewriter, node.inputs[1], columns)
    rewriter.replace(node.output, rewriter.add(node.op, value, weights, node.inputs[2], quant=node.output.quant))
    return "reads its columns in another order"


def _chain(rewriter: Rewriter, dense: Node) -> list[Node] | None:
    """The transpose, the reshape and the elementwise nodes before a dense layer, if nothing else reads what they compute."""
    chain: list[Node] = []
    value = dense.inputs[0]
    while True:
        node = rewriter.producer(value)
        if node is None or rewriter.reader(value) is None or (value.quant is not None and value.quant.axis is not None):
            return None
        chain.insert(0, node)
        if isinstance(node.op, Transpose):
            return chain if len(chain) > 1 and isinstance(chain[1].op, Reshape) else None
        computed = [v for v in node.inputs if v.data is None]
        flat = isinstance(node.op, Reshape) and not any(isinstance(later.op, Reshape) for later in chain[1:])
        if len(computed) != 1 or not (flat or (node.op.elementwise and computed[0].shape == value.shape)):
            return None
        value = computed[0]


def _first_of_last(moved: tuple[int, ...], flat: tuple[int, ...]) -> int | None:
    """The first of the trailing axes that a reshape merges into its last axis; None if it does not merge whole axes."""
    for merged, split in groups(moved, flat):
        if len(flat) - 1 in split:
            return merged.start if math.prod(flat[axis] for axis in split[:-1]) == 1 and flat[-1] != 1 else None
    return None


def _reordered(rewriter: Rewriter, value: Value, columns: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Value:
    """A constant, or a dequantised one, with another order along its last axis."""
    if value.data is None:
        source = rewriter.producer(value, Dequantize)
        assert source is not None
        return rewriter.add(source.op, _reordered(rewriter, source.inputs[0], columns))
    if not value.shape or value.shape[-1] == 1:
        return value
    quant = value.quant
    if quant is not None and quant.axis == value.type.rank - 1:
        quant = replace(quant, scale=tuple(quant.scale[i] for i in columns), zero=tuple(quant.zero[i] for i in columns))
    return constant(np.take(value.data, columns, axis=-1), value.name, quant)
