"""Channels that nothing reads leave the layers that compute them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from toolchain.ir import Graph, Node, Value, constant
from toolchain.ops.conv import Conv
from toolchain.ops.conv_transpose import ConvTranspose
from toolchain.ops.reshape import Reshape
from toolchain.ops.slice import Slice
from toolchain.ops.take import Take
from toolchain.passes.lossless.relations import Indices, Product, channels, product, sources

Mask = NDArray[np.bool_]
Want = tuple[Value, Mask]
Relation = tuple[Product | None, list[Indices] | None]


def narrow_values(graph: Graph) -> list[str]:
    """Remove every channel that no output of the graph depends on and that all its producers and readers can do without."""
    relations = {node: (product(node), sources(node)) for node in graph.nodes}
    live = _live(graph, relations)
    notes = [_narrow(node, *relations[node], live) for node in graph.nodes]
    return [note for note in notes if note is not None]


def _live(graph: Graph, relations: dict[Node, Relation]) -> dict[Value, Mask]:
    """Which channels of each computed value must stay: what is read, and what can only stay or go together with it."""
    values = [*graph.inputs, *(value for node in graph.nodes for value in node.outputs)]
    reads = {node: found.reads() for node, (found, _) in relations.items() if found is not None and found.groups == 1}
    live = {value: np.zeros(channels(value), bool) for value in values}
    for value in (*graph.inputs, *graph.outputs):
        if value in live:
            live[value][:] = True
    settled = False
    while not settled:
        settled = True
        for node in (*reversed(graph.nodes), *graph.nodes):
            for value, mask in _wanted(node, *relations[node], reads.get(node), live):
                if (mask & ~live[value]).any():
                    live[value] |= mask
                    settled = False
        for mask in live.values():
            if settled and mask.size and not mask.any():
                mask[0] = True
                settled = False
    return live


def _wanted(
    node: Node, found: Product | None, mapped: list[Indices] | None, reads: Mask | None, live: dict[Value, Mask]
) -> Iterator[Want]:
    """What must stay of a node's inputs and outputs, given what must stay of the others; `reads` for an ungrouped product."""
    if reads is not None:
        yield node.inputs[0], np.asarray(reads[live[node.output]].any(axis=0))
    elif found is not None:
        x, y = node.inputs[0], node.output
        used = live[x].reshape(found.groups, -1).any(axis=1) | live[y].reshape(found.groups, -1).any(axis=1)
        for value in (x, y):
            yield value, np.repeat(used, channels(value) // found.groups)
    elif mapped is not None:
        together = live[node.output].copy()
        sources = zip(node.inputs, mapped, strict=True)
        computed = [(value, index) for value, index in sources if value in live and live[value].size]
        for value, index in computed:
            together |= (index >= 0) & live[value][index]
        yield node.output, together
        for value, index in computed:
            mask = np.zeros_like(live[value])
            mask[index[together & (index >= 0)]] = True
            yield value, mask
    else:
        for value in (*node.inputs, *node.outputs):
            if value in live:
                yield value, np.ones_like(live[value])


def _narrow(node: Node, found: Product | None, mapped: list[Indices] | None, live: dict[Value, Mask]) -> str | None:
    """Take the dead channels out of one node's weights, attributes and outputs; its inputs are narrowed already."""
    before = [value.shape for value in node.outputs]
    if found is not None:
        _narrow_product(node, found, live[node.inputs[0]], live[node.output])
    elif mapped is not None:
        _narrow_mapped(node, mapped, live)
    for value in node.outputs:
        if value.shape:
            value.type = value.type.with_shape((*value.shape[:-1], int(live[value].sum())))
    if [value.shape for value in node.outputs] == before:
        return None
    return f"{node}: {before[0][-1]} -> {node.output.shape[-1]} channels"


def _narrow_mapped(node: Node, mapped: list[Indices], live: dict[Value, Mask]) -> None:
    keep, op = live[node.output], node.op
    inputs, masks = [], []
    for value, index in zip(node.inputs, mapped, strict=True):
        mask = live.get(value)
        if mask is None:
            mask = np.zeros(channels(value), bool)
            mask[index[keep & (index >= 0)]] = True
            value = value if mask.all() else _take(value, mask, value.type.rank - 1)
        if mask.any():
            inputs.append(value)
            masks.append(mask)
    node.inputs = inputs
    count = int(keep.sum())
    if isinstance(op, Reshape):
        node.op = Reshape((*op.shape[:-1], count))
    elif isinstance(op, Slice):
        start = (*op.start[:-1], int(masks[0][: op.start[-1]].sum()))
        node.op = Slice(start, (*op.size[:-1], count), op.step)
    elif isinstance(op, Take) and op.axis == node.output.type.rank - 1:
        places = np.cumsum(masks[0]) - 1
        node.op = Take(op.axis, tuple(int(places[index]) for index in np.asarray(op.indices)[keep]))


def _narrow_product(node: Node, found: Product, inputs: Mask, outputs: Mask) -> None:
    if inputs.all() and outputs.all():
        return
    w, b = (_take(value, outputs, 0) for value in node.inputs[1:])
    if found.groups == 1:
        w = _take(w, inputs, w.type.rank - 1)
    elif isinstance(node.op, Conv | ConvTranspose):
        node.op = replace(node.op, groups=int(inputs.reshape(found.groups, -1).any(axis=1).sum()))
    node.inputs[1:] = [w, b]


def _take(value: Value, keep: Mask, axis: int) -> Value:
    """A constant without the indices of an axis that are not kept."""
    quant = value.quant
    if quant is not None and quant.axis == axis:
        kept = np.flatnonzero(keep)
        quant = replace(quant, scale=tuple(quant.scale[i] for i in kept), zero=tuple(quant.zero[i] for i in kept))
    return constant(np.compress(keep, value.constant, axis), value.name, quant)
