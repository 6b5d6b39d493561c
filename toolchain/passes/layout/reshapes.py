"""Transposes pass through reshapes that split or merge axes without tearing apart what the transpose keeps together."""

from __future__ import annotations

from toolchain.ir import Node
from toolchain.ops.reshape import Reshape
from toolchain.ops.transpose import Transpose
from toolchain.rewrite import Rewriter

Shape = tuple[int, ...]
Group = tuple[range, range]


def sink_below_reshape(rewriter: Rewriter, node: Node) -> str | None:
    """Reshape(Transpose(x)) to Transpose(Reshape(x)), where every merged group of axes is one piece of x."""
    source = rewriter.producer(node.inputs[0], Transpose) if isinstance(node.op, Reshape) else None
    if source is None or not isinstance(source.op, Transpose) or rewriter.reader(source.output) is None:
        return None
    x, moved, y = source.inputs[0], source.output, node.output
    if not x.quant == moved.quant == y.quant:
        return None
    pairs = groups(moved.shape, y.shape)
    pieces = [[source.op.perm[axis] for axis in merged if moved.shape[axis] != 1] for merged, _ in pairs]
    arranged = _arranged(pieces, [axis for axis in range(x.type.rank) if x.shape[axis] != 1])
    if arranged is None:
        return None
    order = [axis for index in arranged for axis in pairs[index][1]]
    target = tuple(y.shape[axis] for axis in order)
    inner = rewriter.add(Reshape(target), x, quant=x.quant)
    rewriter.replace(y, rewriter.add(Transpose(tuple(order.index(axis) for axis in range(len(order)))), inner, quant=y.quant))
    return "reshapes before it transposes"


def hoist_above_reshape(rewriter: Rewriter, node: Node) -> str | None:
    """Transpose(Reshape(Transpose(x))) to Reshape(Transpose(x)), where the outer one moves whole groups of axes."""
    reshape = rewriter.producer(node.inputs[0], Reshape) if isinstance(node.op, Transpose) else None
    if reshape is None or rewriter.reader(reshape.output) is not node:
        return None
    source = rewriter.producer(reshape.inputs[0], Transpose)
    if source is None or rewriter.reader(source.output) is not reshape:
        return None
    assert isinstance(node.op, Transpose) and isinstance(source.op, Transpose)
    x, moved, y = source.inputs[0], reshape.inputs[0], node.output
    if not x.quant == moved.quant == reshape.output.quant == y.quant:
        return None
    pairs = groups(moved.shape, reshape.output.shape)
    pieces = [[axis for axis in split if reshape.output.shape[axis] != 1] for _, split in pairs]
    arranged = _arranged(pieces, [axis for axis in node.op.perm if reshape.output.shape[axis] != 1])
    if arranged is None:
        return None
    perm = tuple(source.op.perm[axis] for index in arranged for axis in pairs[index][0])
    rewriter.replace(y, rewriter.add(Reshape(y.shape), rewriter.add(Transpose(perm), x, quant=x.quant), quant=y.quant))
    return f"transposes once with {source}"


def _arranged(pieces: list[list[int]], line: list[int]) -> list[int] | None:
    """The pieces' indices in the order in which they lie in `line`; None where one does not lie there in one piece."""
    spans = []
    for index, piece in enumerate(pieces):
        places = [line.index(axis) for axis in piece]
        start = places[0] if places else -1
        if places != list(range(start, start + len(places))):
            return None
        spans.append((start, index))
    return [index for _, index in sorted(spans)]


def groups(source: Shape, target: Shape) -> list[Group]:
    """The finest pairs of axis ranges of two shapes of one size, such that each pair holds equally many elements."""
    if 0 in source or 0 in target:
        return [(range(len(source)), range(len(target)))]
    found: list[Group] = []
    i = j = 0
    while i < len(source) or j < len(target):
        first_i, first_j, left, right = i, j, 1, 1
        while left != right or (i == first_i and j == first_j):
            if left <= right and i < len(source):
                left *= source[i]
                i += 1
            else:
                right *= target[j]
                j += 1
        found.append((range(first_i, i), range(first_j, j)))
    return found
