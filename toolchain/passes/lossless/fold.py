"""Constant channels go into the bias of the layer that reads them, equal channels share one column of its weights."""

from __future__ import annotations

import numpy as np

from toolchain.ir import Array, Graph, Node, Value, constant
from toolchain.passes.lossless.facts import Channels, infer, of_constant, unknown
from toolchain.passes.lossless.relations import Product, product
from toolchain.quantize.numerics import wrap

# TFLite's weights never use -128, which lets kernels multiply pairs of bytes.
_WEIGHT_MAX = 127


def fold_channels(graph: Graph) -> list[str]:
    """Clear the weights that read constant or duplicate channels, where that is exact; constant values become constants.

    One walk in order. Where padding makes a constant channel depend on the position, its weights stay.
    """
    notes: list[str] = []
    facts: dict[Value, Channels] = {value: unknown(value.type) for value in graph.inputs}

    def look_up(value: Value) -> Channels:
        if value not in facts:
            facts[value] = of_constant(value)
        return facts[value]

    outputs = set(graph.outputs)
    nodes = []
    for node in graph.nodes:
        found = product(node)
        if found is not None and found.groups == 1:
            notes += _fold(node, found, look_up(node.inputs[0]))
        results = infer(node, look_up)
        facts.update(zip(node.outputs, results, strict=True))
        if len(node.outputs) == 1 and node.output not in outputs and node.output.type.size and results[0].known.all():
            y = node.output
            graph.replace(y, constant(np.array(np.broadcast_to(results[0].low, y.shape)), y.name, y.quant))
            notes.append(f"{node}: constant")
        else:
            nodes.append(node)
    graph.nodes = nodes
    return notes


def _fold(node: Node, found: Product, x: Channels) -> list[str]:
    _, w, b = node.inputs
    quant = node.inputs[0].quant
    read = found.reads().any(axis=0)
    offset = x.low.astype(np.float64) - (quant.zero[0] if quant is not None else 0)
    settled = read & x.known & ((offset == 0) | (not found.border))
    duplicate = read & ~settled & (x.same != np.arange(len(x.same)))
    if not settled.any() and not duplicate.any():
        return []
    exact = np.int64 if quant is not None else np.float64
    weights, bias = found.weights.astype(exact), b.constant.astype(exact)
    bias = bias + weights[..., settled].sum(axis=1) @ offset[settled].astype(exact)
    weights[..., settled] = 0
    merged = _merge(weights, x.same, duplicate, quant is not None)
    if not settled.any() and not merged:
        return []
    node.inputs[1] = constant(weights.reshape(w.shape).astype(w.dtype), w.name, w.quant)
    node.inputs[2] = constant((wrap(bias) if quant is not None else bias).astype(b.dtype), b.name, b.quant)
    return [f"{node}: {int(settled.sum())} constant and {merged} duplicate input channels folded"]


def _merge(weights: Array, same: Array, duplicate: Array, integer: bool) -> int:
    """Add the columns of duplicate channels to those of the channels they equal, in place; how many."""
    merged = 0
    for channel in np.flatnonzero(duplicate):
        total = weights[..., same[channel]] + weights[..., channel]
        if integer and np.abs(total).max() > _WEIGHT_MAX:
            continue
        weights[..., same[channel]] = total
        weights[..., channel] = 0
        merged += 1
    return merged
