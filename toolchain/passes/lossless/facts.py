"""What holds for each channel of each value, whatever the graph's inputs are: its range, and which channels are equal."""

from __future__ import annotations

import hashlib
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
    if value.type.size == 0:
        return unknown(value.type)
    columns = value.constant.reshape(-1, channels(value))
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
    count = found.weights.shape[0]
    group = np.arange(count) // max(count // found.groups, 1)
    inputs = np.arange(channels(node.inputs[0])).reshape(found.groups, -1)[group]
    same = _equal_rows(node, found, x, group)
    low, high = _floats(node, found, x, inputs) if node.inputs[0].quant is None else _integers(node, found, x, inputs)
    return Channels(low, high, same)


def _equal_rows(node: Node, found: Product, x: Channels, group: Indices) -> Indices:
    """Outputs with the same weights, bias and scale on equal inputs."""
    scales = node.inputs[1].quant
    per_row = np.broadcast_to(scales.scales() if scales is not None else np.float32(1), len(group)).tolist()
    seen = [x.same.reshape(found.groups, -1)[index].tobytes() for index in range(found.groups)]
    digests = (hashlib.blake2b(row.tobytes()).digest() for row in found.weights)
    rows = zip(digests, node.inputs[2].constant.tolist(), per_row, (seen[index] for index in group), strict=True)
    return first_equal(rows)


def _floats(node: Node, found: Product, x: Channels, inputs: Indices) -> tuple[Array, Array]:
    """Outputs that read only channels whose value is known, and 0 where some outputs miss some taps."""
    op = node.op
    assert isinstance(op, Conv | ConvTranspose | FullyConnected)
    settled = x.known & ((x.low == 0) | (not found.border))
    rows = ~(found.reads() & ~settled[inputs]).any(axis=1)
    values = np.where(settled, x.low, 0).astype(np.float64)[inputs[rows]]
    acc = np.zeros(len(rows))
    acc[rows] = (found.weights[rows].sum(axis=1, dtype=np.float64) * values).sum(axis=1)
    value = finish(node, acc, node.inputs[2].constant, op.multipliers, (op.low, op.high))
    rest = unknown(node.output.type)
    return np.where(rows, value, rest.low), np.where(rows, value, rest.high)


def _integers(node: Node, found: Product, x: Channels, inputs: Indices) -> tuple[Array, Array]:
    """By interval arithmetic on the exact accumulator; requantisation never reverses an order."""
    op, quant, rest = node.op, node.inputs[0].quant, unknown(node.output.type)
    assert isinstance(op, Conv | ConvTranspose | FullyConnected) and quant is not None
    if not op.integer(node):
        return rest.low, rest.high
    low, high = x.low.astype(np.int64) - quant.zero[0], x.high.astype(np.int64) - quant.zero[0]
    if found.border:
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    up, down = (part(found.weights, 0).sum(axis=1, dtype=np.int64) for part in (np.maximum, np.minimum))
    least = (up * low[inputs] + down * high[inputs]).sum(axis=1)
    most = (up * high[inputs] + down * low[inputs]).sum(axis=1)
    # Beyond this, the accumulator or its scaling to the left may wrap.
    bias, shift = node.inputs[2].constant, np.maximum(op.multipliers(node)[1].astype(np.float64), 0)
    wraps = np.maximum(np.abs(least + bias), np.abs(most + bias)) * 2**shift > _INT32_MAX
    ends = (np.where(wraps, 0, end).astype(np.float64) for end in (least, most))
    low, high = (finish(node, end, bias, op.multipliers, (op.low, op.high)) for end in ends)
    return np.where(wraps, rest.low, low), np.where(wraps, rest.high, high)


def _mapped(node: Node, mapped: list[Indices], facts: list[Channels]) -> Channels:
    y = node.output
    rest = unknown(y.type)
    parts = [np.where(index < 0, -1, fact.same[index]) for index, fact in zip(mapped, facts, strict=True)]
    # A reshape that flattens puts one channel in several places; those are different channels afterwards.
    place = rest.same // channels(node.inputs[0]) if isinstance(node.op, Reshape) else np.zeros_like(rest.same)
    same = first_equal(zip(place.tolist(), *(part.tolist() for part in parts), strict=True))
    known = np.all([(index < 0) | fact.known[index] for index, fact in zip(mapped, facts, strict=True)], axis=0)
    if node.op.movement and all(value.quant == y.quant for value in node.inputs):
        low, high, seen = rest.low, rest.high, np.zeros(rest.low.shape, np.bool_)
        for index, fact in zip(mapped, facts, strict=True):
            least, most = fact.low[index], fact.high[index]
            low = np.where(index < 0, low, np.where(seen, np.minimum(low, least), least))
            high = np.where(index < 0, high, np.where(seen, np.maximum(high, most), most))
            seen |= index >= 0
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
