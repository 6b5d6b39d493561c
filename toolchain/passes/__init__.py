"""Rewrites of the graph, one file each: a function that changes a graph in place and returns a note for each change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from toolchain.ir import Graph, IrError, verify

Pass = Callable[[Graph], list[str]]


@dataclass(frozen=True)
class Saving:
    """What one pass did to a graph: nodes and multiply-accumulates before and after, and a note for each change."""

    name: str
    nodes: tuple[int, int]
    macs: tuple[int, int]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"{len(self.notes)} change{'' if len(self.notes) == 1 else 's'}"]
        for unit, (before, after) in (("nodes", self.nodes), ("MACs", self.macs)):
            if before != after:
                parts.append(f"{unit} {before:,} -> {after:,}")
        return f"{self.name}: {', '.join(parts)}"


def apply(step: Pass, graph: Graph) -> Saving:
    """Run one pass and verify what it leaves; IrError names the pass."""
    name = step.__name__.replace("_", " ")
    nodes, macs = len(graph.nodes), graph.macs()
    try:
        notes = step(graph)
        verify(graph)
    except IrError as error:
        raise IrError(f"pass '{name}': {error}") from error
    return Saving(name, (nodes, len(graph.nodes)), (macs, graph.macs()), tuple(notes))
