"""Which values need no memory of their own, because they are parts of another value."""

from __future__ import annotations

from toolchain.ir import Graph, Value

Place = tuple[Value, int]


def storage(graph: Graph) -> dict[Value, Place]:
    """For each computed value the value whose memory holds it, and the byte offset there.

    An op's `aliases` proposes (inner, outer, offset): a reshape's output inside its input, a concatenation's inputs inside its
    output. A proposal is taken where `inner` has memory of its own so far that nothing else sees at another size.
    """
    parent: dict[Value, Place] = {}
    computed = set(graph.inputs).union(*(node.outputs for node in graph.nodes)) if graph.nodes else set(graph.inputs)

    def find(value: Value) -> Place:
        offset = 0
        while value in parent:
            value, step = parent[value]
            offset += step
        return value, offset

    for node in graph.nodes:
        for inner, outer, offset in node.op.aliases(node):
            if inner.data is not None or outer.data is not None:
                continue
            root, shift = find(inner)
            target, base = find(outer)
            whole = shift == 0 and root.type.bytes == inner.type.bytes
            if whole and root is not target and offset + inner.type.bytes <= outer.type.bytes:
                parent[root] = (target, base + offset)
    return {value: find(value) for value in computed}
