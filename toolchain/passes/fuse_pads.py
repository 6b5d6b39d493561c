"""Padding goes into the windows of the convolutions and pools that read it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from toolchain.ir import Graph, Node, Value
from toolchain.ops.conv import Conv
from toolchain.ops.pad import Pad
from toolchain.ops.pool import AveragePool, MaxPool
from toolchain.passes.fuse_activations import has_clamp
from toolchain.quantize.numerics import activation_range
from toolchain.rewrite import Rewriter, rewrite
from toolchain.spatial import Pads


def fuse_pads(graph: Graph) -> list[str]:
    """Fold a Pad of spatial axes into the node that reads it.

    Into convolutions where it pads with real 0, into maxima where it pads with what never wins, into float averages with 0.
    """
    return rewrite(graph, _pad)


def _pad(rewriter: Rewriter, node: Node) -> str | None:
    if not isinstance(node.op, Conv | MaxPool | AveragePool):
        return None
    pad = rewriter.producer(node.inputs[0], Pad)
    if pad is None:
        return None
    assert isinstance(pad.op, Pad)
    x, fill = pad.inputs
    outer, inner = pad.op.pads, node.op.window.pads
    if fill.data is None or outer[0] != (0, 0) or outer[-1] != (0, 0) or x.quant != node.inputs[0].quant:
        return None
    op: Any = _absorb(rewriter, node.op, x, fill, outer[1:-1])
    if op is None:
        return None
    pads = tuple((a + c, b + d) for (a, b), (c, d) in zip(outer[1:-1], inner, strict=True))
    op = replace(op, window=replace(op.window, pads=pads))
    rewriter.replace(node.output, rewriter.add(op, x, *node.inputs[1:], quant=node.output.quant))
    return f"takes over {pad}"


def _absorb(rewriter: Rewriter, op: Conv | MaxPool | AveragePool, x: Value, fill: Value, pads: Pads) -> Any:
    """The op for which its own padding means what `fill` does, None if there is none; `pads` are those of the spatial axes."""
    stored = fill.constant.reshape(())
    if isinstance(op, MaxPool):
        # Every window must see at least one element of x.
        total = [max(a + c, b + d) for (a, b), (c, d) in zip(pads, op.window.pads, strict=True)]
        sees = set(op.window.dilation) == {1} and all(n < k for n, k in zip(total, op.window.kernel, strict=True))
        return op if sees and stored <= _least(rewriter, x) else None
    if stored != (x.quant.zero[0] if x.quant is not None else 0):
        return None
    if isinstance(op, Conv):
        return op
    own = any(n for pad in op.window.pads for n in pad)
    if x.quant is not None or (own and op.counted_after is None):
        return None
    counted = op.counted_after or (0,) * len(pads)
    return replace(op, counted_after=tuple(after + more for (_, after), more in zip(pads, counted, strict=True)))


def _least(rewriter: Rewriter, x: Value) -> float:
    """The least stored value that `x` can hold, as far as what computes it tells."""
    source = rewriter.producer(x)
    low = getattr(source.op, "low", -math.inf) if source is not None and has_clamp(source.op) else -math.inf
    if x.quant is not None:
        return activation_range(low, math.inf, x.quant, x.dtype)[0]
    return low if x.dtype == np.float32 else -math.inf
