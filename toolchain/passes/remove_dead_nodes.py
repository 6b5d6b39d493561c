"""Dead code: nodes whose outputs nothing reads."""

from __future__ import annotations

from toolchain.ir import Graph
from toolchain.rewrite import Rewriter


def remove_dead_nodes(graph: Graph) -> list[str]:
    """Remove every node that no output of the graph depends on."""
    before = list(graph.nodes)
    Rewriter(graph).finish()
    kept = set(graph.nodes)
    return [f"{node}: nothing reads it" for node in before if node not in kept]
