"""Nodes that change nothing, and pairs of nodes that one replaces."""

from __future__ import annotations

import math

import numpy as np

from toolchain.ir import Graph, Node
from toolchain.ops.cast import Cast
from toolchain.ops.clip import Clip
from toolchain.ops.lookup import Lookup
from toolchain.ops.pad import Pad
from toolchain.ops.pool import AveragePool, MaxPool
from toolchain.ops.reduce import Reduce
from toolchain.ops.reshape import Reshape
from toolchain.ops.transpose import Transpose
from toolchain.passes.layout.axes import moves
from toolchain.passes.layout.sink import merge_transposes
from toolchain.rewrite import Rewriter, rewrite

# Above this many elements, a movement is not tried out to see whether it keeps the order.
_TRIAL_LIMIT = 1 << 24


def remove_identities(graph: Graph) -> list[str]:
    """Remove what leaves its input as it is, merge reshapes, transposes and tables in a row; to a fixpoint."""
    return rewrite(graph, _neutral, _reshape, _movement, merge_transposes, merge_tables, sink_tables)


def _neutral(rewriter: Rewriter, node: Node) -> str | None:
    """A clamp to anything, a cast to the same, padding by nothing, a window or a reduction of one element."""
    if len(node.outputs) != 1 or not node.inputs or node.inputs[0].type != node.output.type or not _does_nothing(node):
        return None
    rewriter.replace(node.output, node.inputs[0])
    return "changes nothing"


def _does_nothing(node: Node) -> bool:
    op = node.op
    if isinstance(op, Clip | MaxPool | AveragePool) and not (math.isinf(op.low) and math.isinf(op.high)):
        return False
    if isinstance(op, MaxPool | AveragePool):
        return set(op.window.kernel) == {1} and not any(n for pad in op.window.pads for n in pad)
    if isinstance(op, Reduce):
        return op.kind in ("sum", "mean", "max", "min", "prod") and all(node.inputs[0].shape[axis] == 1 for axis in op.axes)
    return isinstance(op, Clip | Cast | Pad)


def _reshape(rewriter: Rewriter, node: Node) -> str | None:
    if not isinstance(node.op, Reshape):
        return None
    x, y = node.inputs[0], node.output
    if x.type == y.type:
        rewriter.replace(y, x)
        return "keeps its input's shape"
    inner = rewriter.producer(x, Reshape)
    if inner is None or inner.inputs[0].quant != x.quant:
        return None
    rewriter.replace(y, rewriter.add(node.op, inner.inputs[0], quant=y.quant))
    return f"takes over {inner}"


def _movement(rewriter: Rewriter, node: Node) -> str | None:
    """A movement that keeps every element in its place, or at least in order, is a reshape."""
    if not node.op.movement or isinstance(node.op, Reshape) or len(node.outputs) > 1:
        return None
    (x, *rest), y = node.inputs, node.output
    if x.data is not None or any(value.data is None for value in rest) or x.type.size != y.type.size or x.quant != y.quant:
        return None
    if isinstance(node.op, Transpose):
        kept = not moves(node.op.perm, x.shape)
    elif y.type.size <= _TRIAL_LIMIT:
        order = np.arange(y.type.size)
        moved = node.op.evaluate(node, order.reshape(x.shape), *(value.constant for value in rest))[0]
        kept = np.array_equal(moved.ravel(), order)
    else:
        return None
    if not kept:
        return None
    rewriter.replace(y, rewriter.add(Reshape(y.shape), x, quant=y.quant))
    return "keeps the order of the elements"


def merge_tables(rewriter: Rewriter, node: Node) -> str | None:
    """Tables in a row become one, and one that changes no byte goes."""
    if not isinstance(node.op, Lookup):
        return None
    x, y = node.inputs[0], node.output
    if node.op.table == bytes(range(256)) and x.type == y.type:
        rewriter.replace(y, x)
        return "changes no byte"
    inner = rewriter.producer(x, Lookup)
    if inner is None:
        return None
    assert isinstance(inner.op, Lookup)
    table = bytes(node.op.table[byte] for byte in inner.op.table)
    rewriter.replace(y, rewriter.add(Lookup(table, node.op.dtype), inner.inputs[0], quant=y.quant))
    return f"takes over {inner}"


def sink_tables(rewriter: Rewriter, node: Node) -> str | None:
    """A movement between two tables moves what the first one reads, so that the tables meet."""
    if not node.op.movement or len(node.inputs) != 1 or len(node.outputs) != 1:
        return None
    x, y = node.inputs[0], node.output
    table = rewriter.producer(x, Lookup)
    if table is None or rewriter.reader(x) is not node or rewriter.reader(y, Lookup) is None or x.quant != y.quant:
        return None
    source = table.inputs[0]
    if source.quant is not None and source.quant.axis is not None:
        return None
    moved = rewriter.add(node.op, source, name=node.name, quant=source.quant)
    rewriter.replace(y, rewriter.add(table.op, moved, quant=y.quant))
    return f"moves what {table} reads"
