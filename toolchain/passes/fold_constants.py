"""Constant folding: what can be computed once is computed now."""

from __future__ import annotations

import numpy as np

from toolchain.ir import Builder, Graph, Node, constant
from toolchain.rewrite import Rewriter, rewrite


def fold_constants(graph: Graph) -> list[str]:
    """Replace every node whose inputs are all constant by its outputs, as far as they are not huge and a law defines them."""
    return rewrite(graph, _fold)


def _fold(rewriter: Rewriter, node: Node) -> str | None:
    if not node.op.folds or sum(value.type.bytes for value in node.outputs) > Builder.FOLD_LIMIT:
        return None
    if not all(value.data is not None for value in node.inputs):
        return None
    if any(value.quantized for value in (*node.inputs, *node.outputs)) and not node.op.integer(node):
        return None
    results = node.op.evaluate(node, *(value.constant for value in node.inputs))
    for value, data in zip(node.outputs, results, strict=True):
        rewriter.replace(value, constant(np.ascontiguousarray(data), value.name, value.quant))
    return "computed"
