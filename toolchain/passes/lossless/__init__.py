"""Channel removal that changes no output: constant, equal and unread channels leave the graph."""

from __future__ import annotations

from toolchain.ir import Graph
from toolchain.passes.lossless.fold import fold_channels
from toolchain.passes.lossless.narrow import narrow_values


def remove_channels(graph: Graph) -> list[str]:
    """Fold constant and equal channels into the weights that read them, then drop channels that nothing reads; to a fixpoint.

    An integer graph computes the same bytes; a float graph differs by the rounding of folded biases and summed weights.
    """
    notes: list[str] = []
    while True:
        found = fold_channels(graph) + narrow_values(graph)
        if not found:
            return notes
        notes += found
