"""Functions of one stored byte in a row become one table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toolchain.ir import Graph, Node
from toolchain.ops.lookup import Lookup
from toolchain.rewrite import Rewriter, rewrite


def fuse_tables(graph: Graph) -> list[str]:
    """Merge neighbouring functions of one byte (activations, clamps, rescalings, tables) into one Lookup; to a fixpoint."""
    return rewrite(graph, _merge)


def _merge(rewriter: Rewriter, node: Node) -> str | None:
    inner = rewriter.producer(node.inputs[0]) if node.inputs else None
    if inner is None or rewriter.reader(inner.output) is not node:
        return None
    outer_table, inner_table = _table(node), _table(inner)
    if outer_table is None or inner_table is None:
        return None
    table = outer_table[inner_table]
    x, y = inner.inputs[0], node.output
    if x.type == y.type and np.array_equal(table, np.arange(256)):
        rewriter.replace(y, x)
    else:
        rewriter.replace(y, rewriter.add(Lookup(table.tobytes(), y.dtype.name), x, quant=y.quant))
    return f"takes over {inner}"


def _table(node: Node) -> NDArray[np.uint8] | None:
    """What the node makes of each byte, None if it is no function of one stored byte that an integer law defines."""
    if not node.op.elementwise or len(node.inputs) != 1 or len(node.outputs) != 1 or not node.op.integer(node):
        return None
    x, y = node.inputs[0], node.output
    if any(v.dtype.kind not in "iu" or v.dtype.itemsize != 1 or (v.quant is not None and v.quant.axis is not None) for v in (x, y)):
        return None
    (result,) = node.op.evaluate(node, np.arange(256, dtype=np.uint8).view(x.dtype))
    return result.view(np.uint8)
