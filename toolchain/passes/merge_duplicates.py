"""Common subexpressions: what is computed twice is computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable

import numpy as np

from toolchain.ir import Graph, Node, Value
from toolchain.rewrite import Rewriter


def merge_duplicates(graph: Graph) -> list[str]:
    """Merge nodes that apply the same op to the same inputs, equal constants being the same; in one walk, in order."""
    rewriter = Rewriter(graph)
    digests: dict[Value, Hashable] = {}
    first: dict[Hashable, Node] = {}
    notes = []

    def identity(value: Value) -> Hashable:
        if value.data is None:
            return id(value)
        if value not in digests:
            raw = np.ascontiguousarray(value.data).reshape(-1).view(np.uint8)
            digests[value] = (value.type, hashlib.blake2b(raw.data).digest())
        return digests[value]

    for node in rewriter:
        # repr() tells 0.0 from -0.0, which compare equal.
        key = (node.op, repr(node.op), tuple(map(identity, node.inputs)), tuple(value.type for value in node.outputs))
        twin = first.setdefault(key, node)
        if twin is not node:
            notes.append(f"{node}: same as {twin}")
            for old, new in zip(node.outputs, twin.outputs, strict=True):
                rewriter.replace(old, new)
    rewriter.finish()
    return notes
