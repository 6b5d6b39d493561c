"""Transposes, above all those between the importer's channels-last operators, are moved together until they cancel."""

from __future__ import annotations

from toolchain.ir import Graph
from toolchain.passes.layout.dense import reorder_columns
from toolchain.passes.layout.reshapes import hoist_above_reshape, sink_below_reshape
from toolchain.passes.layout.sink import join_at, merge_transposes, sink_below, take_into_product
from toolchain.passes.layout.stored import move_stored
from toolchain.rewrite import rewrite


def cancel_transposes(graph: Graph) -> list[str]:
    """Push transposes down through what works in any order of axes, where two meet merge them, to a fixpoint.

    A flattened image read by a dense layer reorders the layer's weights instead.
    """
    above = move_stored, reorder_columns, take_into_product
    return rewrite(graph, merge_transposes, *above, sink_below, sink_below_reshape, hoist_above_reshape, join_at)
