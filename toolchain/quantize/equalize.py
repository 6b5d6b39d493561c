"""Cross-layer equalisation: scale channels between two layers so that both quantise well, with no change of meaning.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from toolchain.ir import Array, Graph, Node, Value, constant
from toolchain.ops.conv import Conv
from toolchain.ops.fully_connected import FullyConnected

_LARGEST = 8.0


def equalize(graph: Graph) -> tuple[Graph, int]:
    """A copy of a float graph whose neighbouring layers are equalised, and how many pairs were.

    A pair is a Conv or FullyConnected whose output only the next one reads, with no clamp or a ReLU in between (both are
    positively homogeneous). Scales are powers of two, so that the float graph's outputs stay the same to the bit, but for
    overflow.
    """
    nodes = [Node(node.op, list(node.inputs), list(node.outputs), node.name) for node in graph.nodes]
    result = replace(graph, nodes=nodes)
    readers = result.consumers()
    pairs = [(node, readers[node.output][0]) for node in nodes if _scalable(node) and len(readers.get(node.output, ())) == 1]
    pairs = [(first, second) for first, second in pairs if first.output not in graph.outputs and _reads(second, first.output)]
    changed: set[tuple[int, int]] = set()
    for _ in range(10):
        moved = False
        for first, second in pairs:
            scale = _scale(first, second)
            if scale is not None:
                _divide_output(first, scale)
                _multiply_input(second, scale)
                changed.add((id(first), id(second)))
                moved = True
        if not moved:
            break
    return result, len(changed)


def _scalable(node: Node) -> bool:
    if not isinstance(node.op, (Conv, FullyConnected)) or any(v.data is None for v in node.inputs[1:]):
        return False
    return node.op.high == math.inf and node.op.low in (0.0, -math.inf) and node.output.dtype == np.float32


def _reads(node: Node, value: Value) -> bool:
    weights = isinstance(node.op, (Conv, FullyConnected)) and node.inputs[1].data is not None
    if not weights or node.inputs[0] is not value or value.dtype != np.float32:
        return False
    groups = node.op.groups if isinstance(node.op, Conv) else 1
    return groups == 1 or node.inputs[1].shape[-1] == 1


def _input_range(node: Node, channels: int) -> Array:
    """The largest weight that reads each input channel."""
    w = np.abs(node.inputs[1].constant)
    if isinstance(node.op, Conv) and node.op.groups > 1:
        w = w.reshape(channels, -1).T
    largest: Array = w.reshape(-1, channels).max(axis=0)
    return largest


def _scale(first: Node, second: Node) -> Array | None:
    w = first.inputs[1].constant
    mine = np.abs(w.reshape(w.shape[0], -1)).max(axis=1)
    theirs = _input_range(second, w.shape[0])
    live = (mine > 0) & (theirs > 0)
    ratio = np.sqrt(np.where(live, mine / np.where(theirs > 0, theirs, 1), 1))
    scale = np.exp2(np.round(np.log2(np.clip(ratio, 1 / _LARGEST, _LARGEST)))).astype(np.float32)
    return None if (scale == 1).all() else scale


def _divide_output(node: Node, scale: Array) -> None:
    x, w, b = node.inputs
    column = scale.reshape(-1, *[1] * (w.type.rank - 1))
    node.inputs = [x, constant(w.constant / column, w.name), constant(b.constant / scale, b.name)]


def _multiply_input(node: Node, scale: Array) -> None:
    x, w, b = node.inputs
    depthwise = isinstance(node.op, Conv) and node.op.groups > 1
    factor = np.repeat(scale, w.shape[0] // scale.size).reshape(-1, *[1] * (w.type.rank - 1)) if depthwise else scale
    node.inputs = [x, constant(w.constant * factor, w.name), b]
