"""Transposes pass through operators that work in any order of axes."""

from __future__ import annotations

from toolchain.ir import Node, Value
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.matmul import MatMul
from toolchain.ops.reshape import Reshape
from toolchain.ops.transpose import Transpose
from toolchain.passes.layout.axes import Axes, compose, inverse, moves, quant_along, transposed
from toolchain.passes.layout.stored import is_stored
from toolchain.rewrite import Rewriter


def merge_transposes(rewriter: Rewriter, node: Node) -> str | None:
    """Two transposes in a row become one, and one that reorders nothing goes."""
    if not isinstance(node.op, Transpose):
        return None
    x, y = node.inputs[0], node.output
    if node.op.perm == tuple(range(x.type.rank)) and x.quant == y.quant:
        rewriter.replace(y, x)
        return "reorders nothing"
    inner = rewriter.producer(x, Transpose)
    if inner is None or not isinstance(inner.op, Transpose):
        return None
    rewriter.replace(y, rewriter.add(Transpose(compose(inner.op.perm, node.op.perm)), inner.inputs[0], quant=y.quant))
    return f"takes over {inner}"


def sink_below(rewriter: Rewriter, node: Node) -> str | None:
    """All computed inputs are transposed alike: transpose the outputs instead, where that moves no more bytes or cancels.

    Where another reader keeps one of the transposes alive, only if it cancels something further down.
    """
    axes = _common_order(rewriter, node)
    if axes is None or not _can_permute(node, inverse(axes)):
        return None
    sources = {source for source in (rewriter.producer(value, Transpose) for value in node.inputs) if source is not None}
    shared = any(rewriter.reader(source.output) is None for source in sources)
    before, after = (sum(v.type.bytes for v in row) for row in ([source.output for source in sources], node.outputs))
    if (shared or after > before) and not _cancels_below(rewriter, node.outputs, axes):
        return None
    _permute(rewriter, node, inverse(axes))
    return "computes before its inputs are transposed"


def take_into_product(rewriter: Rewriter, node: Node) -> str | None:
    """A matrix product reads a matrix transposed as it lies; axes before the last two are still brought into their order."""
    if not isinstance(node.op, MatMul):
        return None
    inputs, swapped = list(node.inputs), [False, False]
    for index, value in enumerate(node.inputs):
        source, order = rewriter.producer(value, Transpose), _order(rewriter, value)
        if source is not None and order is not None and order[-2] == value.type.rank - 1 and source.inputs[0].quant == value.quant:
            inputs[index] = transposed(rewriter, source.inputs[0], (*order[:-2], order[-1], order[-2]))
            swapped[index] = True
    if not any(swapped):
        return None
    op = MatMul(node.op.transpose_a != swapped[0], node.op.transpose_b != swapped[1])
    rewriter.replace(node.output, rewriter.add(op, *inputs, quant=node.output.quant))
    return "reads a matrix as it lies"


def join_at(rewriter: Rewriter, node: Node) -> str | None:
    """Computing in another order of axes saves more bytes of transposes around the node than it adds."""
    if isinstance(node.op, Transpose | Reshape) or not any(value.data is None for value in node.inputs):
        return None
    orders = {inverse(order) for order in (_order(rewriter, value) for value in node.inputs) if order is not None}
    for reader in (reader for value in node.outputs for reader in rewriter.readers(value)):
        if isinstance(reader.op, Transpose) and not _cancels_below(rewriter, reader.outputs, reader.op.perm):
            orders.add(reader.op.perm)
    for axes in sorted(order for order in orders if len(order) == node.output.type.rank):
        if _can_permute(node, axes) and _balance(rewriter, node, axes) < 0:
            _permute(rewriter, node, axes)
            return "computes in the order of axes of its neighbours"
    return None


def _order(rewriter: Rewriter, value: Value) -> Axes | None:
    """The order in which a transpose brings `value`'s axes, None if nothing transposes it."""
    source = rewriter.producer(value, Transpose)
    return source.op.perm if source is not None and isinstance(source.op, Transpose) else None


def _common_order(rewriter: Rewriter, node: Node) -> Axes | None:
    """The order in which transposes bring all inputs that are not constant or free to transpose."""
    if isinstance(node.op, Transpose | Reshape) or not node.outputs:
        return None
    orders = [(value, _order(rewriter, value)) for value in node.inputs if value.data is None]
    found = {order for _, order in orders if order is not None and len(order) == node.output.type.rank}
    if len(found) != 1:
        return None
    (axes,) = found
    others = [value for value, order in orders if order != axes]
    if not all(_free(rewriter, value, inverse(axes)) for value in others):
        return None
    # Where nothing moves at all, a transpose of another input would be sunk in turn, for ever.
    idle = not any(moves(inverse(axes), value.shape) for value, order in orders if order == axes)
    return None if idle and any(not is_stored(rewriter, value) for value in others) else axes


def _free(rewriter: Rewriter, value: Value, axes: Axes) -> bool:
    """Whether reordering the axes of `value`, filled up by leading ones, moves nothing when the graph runs."""
    return is_stored(rewriter, value) or not moves(axes, (1,) * (len(axes) - value.type.rank) + value.shape)


def _can_permute(node: Node, axes: Axes) -> bool:
    return (
        all(value.type.rank == len(axes) for value in node.outputs)
        and all(value.type.rank <= len(axes) for value in node.inputs)
        and node.op.permuted(node, axes) is not None
    )


def _permute(rewriter: Rewriter, node: Node, axes: Axes) -> None:
    """Replace a node by one whose inputs and outputs have their axes reordered, between transposes."""
    op = node.op.permuted(node, axes)
    assert op is not None
    quants = [quant_along(value.quant, axes) for value in node.outputs]
    moved = {value: transposed(rewriter, value, axes) for value in dict.fromkeys(node.inputs)}
    inputs = [moved[value] for value in node.inputs]
    for old, new in zip(node.outputs, rewriter.add_all(op, *inputs, name=node.name, quants=quants), strict=True):
        new.name = old.name
        rewriter.replace(old, transposed(rewriter, new, inverse(axes)))


def _balance(rewriter: Rewriter, node: Node, axes: Axes) -> int:
    """Bytes that transposes move around the node if its axes were reordered, less those that they move today."""
    balance = 0
    for value in set(node.inputs):
        source = rewriter.producer(value, Transpose)
        order = _order(rewriter, value)
        if order is not None and source is not None and len(order) == len(axes):
            if rewriter.reader(value) is node and moves(order, source.inputs[0].shape):
                balance -= value.type.bytes
            if moves(compose(order, axes), source.inputs[0].shape):
                balance += value.type.bytes
        elif not _free(rewriter, value, axes):
            balance += value.type.bytes
    for value in node.outputs:
        readers = rewriter.readers(value)
        perms = {reader.op.perm for reader in readers if isinstance(reader.op, Transpose)}
        balance -= sum(value.type.bytes for perm in perms if moves(perm, value.shape))
        plain = rewriter.exported(value) or any(not isinstance(reader.op, Transpose) for reader in readers)
        wanted = {compose(inverse(axes), perm) for perm in perms} | ({inverse(axes)} if plain else set())
        shape = tuple(value.shape[axis] for axis in axes)
        balance += sum(value.type.bytes for perm in wanted if moves(perm, shape))
    return balance


def _cancels_below(rewriter: Rewriter, values: list[Value], axes: Axes) -> bool:
    """Whether a transpose by `axes` of what computes the values could meet one that undoes it, or weights that can take it."""
    pending, seen = list(values), set(values)
    while pending:
        for reader in rewriter.readers(pending.pop()):
            if isinstance(reader.op, Transpose):
                if reader.op.perm == inverse(axes):
                    return True
            elif isinstance(reader.op, Reshape):
                dense = rewriter.reader(reader.output, FullyConnected)
                if dense is not None and dense.inputs[1] is not reader.output:
                    return True
            elif _can_permute(reader, inverse(axes)):
                fresh = [output for output in reader.outputs if output not in seen]
                seen.update(fresh)
                pending += fresh
    return False
