"""What holds for each channel of each value, whatever the graph's inputs are: its range, and which channels are equal."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.ir import Array, Node, Type, Value
from toolchain.ops.conv import Conv, finish
from toolchain.ops.conv_transpose import ConvTranspose
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.pool import AveragePool, MaxPool
from toolchain.ops.reshape import Reshape
from toolchain.passes.lossless.relations import Indices, Product, channels, product, sources
from toolchain.quantize.numerics import integer_range

_INT32_MAX = (1 << 31) - 1


@dataclass(frozen=True)
class Channels:
    """Per channel the least and greatest stored value at any position, and the first channel that is always equal to it."""

    low: Array
    high: Array
    same: Indices

    @property
    def known(self) -> NDArray[np.bool_]:
        """Channels that hold one finite value everywhere."""
        known: NDArray[np.bool_] = (self.low == self.high) & np.isfinite(self.low)
        return known


Facts = Callable[[Value], Channels]


def of_constant(value: Value) -> Channels:
    """The facts about a constant: read off its data."""
    columns = value.constant.reshape(-1, channels(value))
    if columns.size == 0:
        return unknown(value.type)
    same = first_equal(column.tobytes() for column in columns.T)
    return Channels(columns.min(axis=0), columns.max(axis=0), same)


def unknown(type: Type) -> Channels:
    """The facts about a value that may be anything its element type holds."""
    count = type.shape[-1] if type.shape else 1
    if type.dtype.kind == "f":
        low, high = -np.inf, np.inf
    else:
        low, high = (0, 1) if type.dtype.kind == "b" else integer_range(type.dtype)
    return Channels(np.full(count, low, type.dtype), np.full(count, high, type.dtype), np.arange(count))


def first_equal(keys: Iterable[Hashable]) -> Indices:
    """For each key the index of the first one equal to it."""
    first: dict[Hashable, int] = {}
    return np.array([first.setdefault(key, index) for index, key in enumerate(keys)], np.int64)


def infer(node: Node, facts: Facts) -> list[Channels]:
    """The facts about a node's outputs, from those about its inputs."""
    mapped = sources(node)
    found = product(node)
    if found is not None:
        result = _product(node, found, facts(node.inputs[0]))
    elif mapped is not None:
        result = _mapped(node, mapped, [facts(value) for value in node.inputs])
    else:
        return [unknown(value.type) for value in node.outputs]
    # Channels that hold the same value everywhere are equal, however they came about.
    keys = ((float(v), -1) if k else (0.0, int(s)) for v, k, s in zip(result.low, result.known, result.same, strict=True))
    return [Channels(result.low, result.high, first_equal(keys))]


def _product(node: Node, found: Product, x: Channels) -> Channels:
    """By interval arithmetic on the exact accumulator; requantisation never reverses an order."""
    op, weights, count = node.op, found.weights.astype(np.float64), found.weights.shape[0]
    assert isinstance(op, Conv | ConvTranspose | FullyConnected)
    group = np.arange(count) // (count // found.groups)
    inputs = np.arange(channels(node.inputs[0])).reshape(found.groups, -1)[group]
    quant, scales = node.inputs[0].quant, node.inputs[1].quant
    zero = quant.zero[0] if quant is not None else 0
    low, high = x.low.astype(np.float64) - zero, x.high.astype(np.float64) - zero
    if found.border:
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    ends = low[inputs][:, np.newaxis], high[inputs][:, np.newaxis]
    with np.errstate(invalid="ignore"):
        terms = [np.where(weights == 0, 0, weights * end) for end in ends]
        least, most = (pick(*terms).sum(axis=(1, 2)) for pick in (np.minimum, np.maximum))
    bias = node.inputs[2].constant
    per_row = np.broadcast_to(scales.scales() if scales is not None else np.float32(1), count)
    rows = zip(weights, bias.tolist(), per_row.tolist(), x.same[inputs], strict=True)
    same = first_equal((w.tobytes(), b, s, tuple(channel)) for w, b, s, channel in rows)
    if quant is None:
        settled = least == most
        acc = np.where(settled, least, 0)
        value = finish(node, acc, bias, op.multipliers, (op.low, op.high))
        rest = unknown(node.output.type)
        return Channels(np.where(settled, value, rest.low), np.where(settled, value, rest.high), same)
    if not op.integer(node):
        rest = unknown(node.output.type)
        return Channels(rest.low, rest.high, same)
    # Beyond this, the accumulator or its scaling to the left may wrap.
    shift = np.maximum(op.multipliers(node)[1].astype(np.float64), 0)
    reach = np.maximum(np.abs(least + bias), np.abs(most + bias)) * 2**shift
    wraps = reach > _INT32_MAX
    least, most = np.where(wraps, 0, least), np.where(wraps, 0, most)
    low, high = (finish(node, acc, bias, op.multipliers, (op.low, op.high)) for acc in (least, most))
    rest = unknown(node.output.type)
    return Channels(np.where(wraps, rest.low, low), np.where(wraps, rest.high, high), same)


def _mapped(node: Node, mapped: list[Indices], facts: list[Channels]) -> Channels:
    y = node.output
    rest = unknown(y.type)
    parts = [np.where(index < 0, -1, fact.same[index]) for index, fact in zip(mapped, facts, strict=True)]
    # A reshape that flattens puts one channel in several places; those are different channels afterwards.
    place = rest.same // channels(node.inputs[0]) if isinstance(node.op, Reshape) else np.zeros_like(rest.same)
    same = first_equal(zip(place.tolist(), *(part.tolist() for part in parts), strict=True))
    known = np.all([(index < 0) | fact.known[index] for index, fact in zip(mapped, facts, strict=True)], axis=0)
    if node.op.movement and all(value.quant == y.quant for value in node.inputs):
        low, high = rest.low.copy(), rest.high.copy()
        for index, fact in zip(mapped, facts, strict=True):
            low, high = np.where(index < 0, low, fact.low[index]), np.where(index < 0, high, fact.high[index])
        return Channels(low, high, same)
    ordered = isinstance(node.op, MaxPool | AveragePool) and y.dtype.kind != "f"
    if not known.any() and not ordered:
        return Channels(rest.low, rest.high, same)
    least = _evaluate(node, [fact.low for fact in facts])
    if ordered:
        most = _evaluate(node, [fact.high for fact in facts])
        return Channels(least.min(axis=0), most.max(axis=0), same)
    constant = known & (least == least[:1]).all(axis=0)
    return Channels(np.where(constant, least[0], rest.low), np.where(constant, least[0], rest.high), same)


def _evaluate(node: Node, rows: list[Array]) -> Array:
    """The node's output, as [positions, channels], where each channel of an input holds one value."""
    arrays = [
        value.data if value.data is not None else np.array(np.broadcast_to(row, value.shape))
        for value, row in zip(node.inputs, rows, strict=True)
    ]
    with np.errstate(all="ignore"):
        (result,) = node.op.evaluate(node, *arrays)
    return result.reshape(-1, result.shape[-1])
