"""How each node's output channels depend on its inputs' channels; a channel is an index of a value's last axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.ir import Array, Node, Value
from toolchain.ops.concat import Concat
from toolchain.ops.conv import Conv
from toolchain.ops.conv_transpose import ConvTranspose
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.reshape import Reshape
from toolchain.ops.slice import Slice
from toolchain.ops.take import Take
from toolchain.ops.transpose import Transpose

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Product:
    """A node that multiplies by constant weights: Conv, ConvTranspose or FullyConnected.

    `weights` is [outputs, taps, inputs of a group]; `border` tells whether some output misses some taps.
    """

    weights: Array
    groups: int
    border: bool

    def reads(self) -> NDArray[np.bool_]:
        """[outputs, inputs of a group]: whether the output depends on the input."""
        read: NDArray[np.bool_] = (self.weights != 0).any(axis=1)
        return read


def product(node: Node) -> Product | None:
    """The node as a product with constant weights and bias, or None."""
    op = node.op
    if not isinstance(op, Conv | ConvTranspose | FullyConnected):
        return None
    w, b = node.inputs[1], node.inputs[2]
    if w.data is None or b.data is None or node.inputs[0].data is not None:
        return None
    if any(value.dtype != np.float32 for value in (*node.inputs, node.output)) and not op.integer(node):
        return None
    weights = w.data.reshape(w.shape[0], -1, w.shape[-1])
    if isinstance(op, FullyConnected):
        return Product(weights, 1, False)
    border = isinstance(op, ConvTranspose) or any(n for pad in op.window.pads for n in pad)
    return Product(weights, op.groups, border)


def channels(value: Value) -> int:
    """The extent of the last axis; 1 for a scalar."""
    return value.shape[-1] if value.shape else 1


def sources(node: Node) -> list[Indices] | None:
    """For each input the channel on which each channel of the only output depends, and nothing else; -1 for none.

    None where channels mix in any other way.
    """
    if len(node.outputs) != 1 or not node.output.shape:
        return None
    values = (*node.inputs, node.output)
    if any(value.type.size == 0 or (value.quant is not None and value.quant.axis is not None) for value in values):
        return None
    y, op = node.output, node.op
    every = np.arange(y.shape[-1])
    last = y.type.rank - 1
    if isinstance(op, Reshape):
        (x,) = node.inputs
        return [every % channels(x)] if channels(x) and len(every) % channels(x) == 0 else None
    if isinstance(op, Transpose):
        return [every] if op.perm[-1] == last else None
    if isinstance(op, Concat) and op.axis == last:
        ends = np.cumsum([channels(value) for value in node.inputs])
        starts = [int(end) - channels(value) for end, value in zip(ends, node.inputs, strict=True)]
        return [np.where((start <= every) & (every < end), every - start, -1) for start, end in zip(starts, ends, strict=True)]
    if isinstance(op, Slice):
        return [op.start[-1] + every] if op.step[-1] == 1 else None
    if isinstance(op, Take) and op.axis == last:
        return [np.asarray(op.indices, np.int64)]
    if op.channelwise(node) and all(channels(value) in (1, len(every)) for value in node.inputs):
        return [every if channels(value) == len(every) else np.zeros_like(every) for value in node.inputs]
    return None
