"""Clamps go into the operators that compute what they clamp."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from toolchain.ir import Graph, Node, Op, Quant
from toolchain.ops.add import Add
from toolchain.ops.clip import Clip
from toolchain.ops.conv import Conv
from toolchain.ops.conv_transpose import ConvTranspose
from toolchain.ops.extremum import Maximum, Minimum
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.mul import Mul
from toolchain.ops.pool import AveragePool, MaxPool
from toolchain.quantize import elementwise
from toolchain.quantize.numerics import activation_range
from toolchain.rewrite import Rewriter, rewrite

_INT8_CLAMPS = (Conv, ConvTranspose, FullyConnected, Add, Mul, MaxPool, AveragePool)


def fuse_activations(graph: Graph) -> list[str]:
    """Fold Relu, Relu6 and Clip into the `low` and `high` of the node before, if that computes in float32.

    int8: only where both clamp in one quantisation and every byte stays the same.
    """
    return rewrite(graph, _extremum, _clip)


def _extremum(rewriter: Rewriter, node: Node) -> str | None:
    """The larger or smaller of a float and a constant number is a clamp."""
    if not isinstance(node.op, Minimum) or node.output.dtype != np.float32:
        return None
    left, right = node.inputs
    x, c = (left, right) if right.data is not None else (right, left)
    if c.data is None or c.type.size != 1 or x.data is not None or x.shape != node.output.shape or np.isnan(c.data).any():
        return None
    bound = float(c.data.reshape(()))
    clip = Clip(low=bound) if isinstance(node.op, Maximum) else Clip(high=bound)
    rewriter.replace(node.output, rewriter.add(Clip(node.op.low, node.op.high), rewriter.add(clip, x)))
    return "clamps"


def _clip(rewriter: Rewriter, node: Node) -> str | None:
    if not isinstance(node.op, Clip):
        return None
    x, y = node.inputs[0], node.output
    source = rewriter.producer(x)
    if source is None or rewriter.reader(x) is not node or not has_clamp(source.op):
        return None
    op: Any = source.op
    low, high = (min(max(bound, node.op.low), node.op.high) for bound in (op.low, op.high))
    if x.quant is not None:
        if (
            x.quant != y.quant
            or not isinstance(op, _INT8_CLAMPS)
            or not _same_bytes(node.op, (op.low, op.high), (low, high), x.quant)
        ):
            return None
    elif x.dtype != np.float32:
        return None
    rewriter.replace(y, rewriter.add(replace(op, low=low, high=high), *source.inputs, quant=y.quant))
    return f"is done by {source}"


def has_clamp(op: Op) -> bool:
    """Whether the op has the fields `low` and `high`, a clamp of its output."""
    return is_dataclass(op) and {"low", "high"} <= {field.name for field in fields(op)}


def _same_bytes(clip: Clip, first: tuple[float, float], both: tuple[float, float], quant: Quant) -> bool:
    """Whether clamping to `both` gives every byte that clamping to `first` and then `clip` gives."""
    every = elementwise.all_int8()
    apart = elementwise.clip(np.clip(every, *activation_range(*first, quant)), quant, quant, clip.low, clip.high)
    return np.array_equal(apart, np.clip(every, *activation_range(*both, quant)))
