"""Constant folding, identities, common subexpressions and dead code, each as a small graph before and after."""

from __future__ import annotations

import numpy as np
import pytest

from tests.passes.graphs import float32, int8, outputs, same_outputs, window
from toolchain.ir import Builder, Graph, IrError, Node, Quant, Value, constant
from toolchain.ops.cast import Cast
from toolchain.ops.clip import Clip
from toolchain.ops.lookup import Lookup, flip_sign
from toolchain.ops.pad import Pad
from toolchain.ops.pool import AveragePool, MaxPool
from toolchain.ops.quantize import Quantize
from toolchain.ops.reduce import Reduce
from toolchain.ops.reshape import Reshape
from toolchain.ops.transpose import Transpose
from toolchain.ops.unary import Unary
from toolchain.passes import Pass, apply
from toolchain.passes.fold_constants import fold_constants
from toolchain.passes.fuse_tables import fuse_tables
from toolchain.passes.merge_duplicates import merge_duplicates
from toolchain.passes.remove_dead_nodes import remove_dead_nodes
from toolchain.passes.remove_identities import remove_identities
from toolchain.rewrite import Rewriter, rewrite


def ops(graph: Graph) -> list[str]:
    return [node.op.name for node in graph.nodes]


def checked(step: Pass, graph: Graph) -> list[str]:
    """The ops that a pass leaves, once the outputs are known to be the same and the pass to have settled."""
    before = outputs(graph)
    apply(step, graph)
    same_outputs(before, outputs(graph), tolerance=0)
    assert not apply(step, graph).notes
    return ops(graph)


def test_reshapes_and_transposes_in_a_row_become_one() -> None:
    builder = Builder()
    x = builder.input("x", float32(2, 3, 4, 5))
    y = builder.add(Transpose((0, 2, 3, 1)), builder.add(Transpose((0, 3, 1, 2)), x))
    y = builder.add(Reshape((24, 5)), builder.add(Reshape((6, 20)), y))
    builder.output(builder.add(Transpose((1, 0)), y), "out")
    assert checked(remove_identities, builder.graph) == ["Reshape", "Transpose"]
    assert builder.graph.output_names == ["out"]


def test_a_transpose_that_keeps_the_order_is_a_reshape() -> None:
    builder = Builder()
    x = builder.input("x", int8(1, 28, 28, 1))
    builder.output(builder.add(Transpose((0, 3, 1, 2)), x, quant=x.quant))
    assert checked(remove_identities, builder.graph) == ["Reshape"]


def test_a_graph_that_only_renames_its_input() -> None:
    builder = Builder()
    x = builder.input("x", float32(2, 3))
    builder.output(builder.add(Reshape((2, 3)), x), "y")
    assert checked(remove_identities, builder.graph) == []
    assert builder.graph.outputs == builder.graph.inputs


def test_what_changes_nothing_goes() -> None:
    builder = Builder()
    x = y = builder.input("x", int8(1, 4, 1, 3))
    fill = constant(np.int8(0), quant=x.quant)
    none = ((0, 0),) * 4
    for op in (Clip(), MaxPool(window(1)), AveragePool(window(1)), Reduce("mean", (0, 2)), Reduce("max", (2,))):
        y = builder.add(op, y, quant=x.quant)
    builder.output(builder.add(Pad(none), y, fill, quant=x.quant), "y")
    builder.output(builder.add(Cast("float32"), builder.input("z", float32(3))), "z")
    assert checked(remove_identities, builder.graph) == []


def test_what_only_looks_like_nothing_stays() -> None:
    builder = Builder()
    x = builder.input("x", float32(1, 4, 4, 3))
    for op in (Clip(0.0), MaxPool(window(1), 0.0), Reduce("sum_abs", (0,))):
        builder.output(builder.add(op, x))
    assert checked(remove_identities, builder.graph) == ["Clip", "MaxPool", "ReduceSumAbs"]


def test_a_reshape_between_different_quantisations_stays() -> None:
    builder = Builder()
    x = builder.input("x", int8(2, 3, zero=3))
    y = builder.add(Reshape((6,)), x, quant=int8(zero=4).quant)
    builder.output(builder.add(Reshape((3, 2)), y, quant=int8(zero=4).quant))
    assert checked(remove_identities, builder.graph) == ["Reshape", "Reshape"]


def test_tables_in_a_row_become_one_and_an_identity_goes() -> None:
    builder = Builder()
    x = builder.input("x", int8(4, 70))
    table = bytes((7 * i + 3) % 256 for i in range(256))
    y = builder.add(Lookup(table, "int8"), x, quant=x.quant)
    builder.output(builder.add(Lookup(table, "int8"), y, quant=x.quant))
    flipped = builder.add(flip_sign(x.dtype), x)
    builder.output(builder.add(flip_sign(flipped.dtype), flipped, quant=x.quant))
    assert checked(remove_identities, builder.graph) == ["Lookup"]


def test_equal_nodes_are_merged_and_equal_constants_count_as_equal() -> None:
    builder = Builder()
    x = builder.input("x", int8(1, 6, 6, 2))
    tables = [bytes(reversed(range(256))), bytes(reversed(range(256))), bytes(range(256))]
    for table in tables:
        y = builder.add(Lookup(table, "int8"), x, quant=x.quant)
        builder.output(builder.add(MaxPool(window(2)), y, quant=x.quant))
    assert checked(merge_duplicates, builder.graph) == ["Lookup", "MaxPool", "Lookup", "MaxPool"]
    assert builder.graph.outputs[0] is builder.graph.outputs[1]


def test_nodes_of_different_quantisation_are_not_merged() -> None:
    builder = Builder()
    x = builder.input("x", int8(4))
    for zero in (0, 1):
        builder.output(builder.add(Lookup(bytes(reversed(range(256))), "int8"), x, quant=int8(zero=zero).quant))
    assert checked(merge_duplicates, builder.graph) == ["Lookup", "Lookup"]


def test_what_nothing_reads_goes() -> None:
    builder = Builder()
    x = builder.input("x", float32(1, 4, 4, 1))
    builder.add(MaxPool(window(2)), builder.add(MaxPool(window(2)), x))
    builder.output(builder.add(Reshape((16,)), x))
    assert checked(remove_dead_nodes, builder.graph) == ["Reshape"]


def test_constants_are_folded() -> None:
    graph = Graph()
    data = constant(np.arange(6, dtype=np.float32))
    moved = Value("y", float32(2, 3))
    graph.nodes.append(Node(Reshape((2, 3)), [data], [moved]))
    graph.outputs, graph.output_names = [moved], ["y"]
    assert checked(fold_constants, graph) == []
    assert np.array_equal(graph.outputs[0].constant, [[0, 1, 2], [3, 4, 5]])


def test_an_error_names_the_pass_and_the_rule() -> None:
    builder = Builder()
    x = builder.input("x", float32(2, 3))
    builder.output(builder.add(Reshape((6,)), x, name="flat"))

    def endless(rewriter: Rewriter, node: Node) -> str | None:
        rewriter.replace(node.output, rewriter.add(node.op, node.inputs[0]))
        return "again"

    def never_settles(graph: Graph) -> list[str]:
        return rewrite(graph, endless)

    with pytest.raises(IrError, match="pass 'never settles': rule endless at Reshape 'flat' does not settle"):
        apply(never_settles, builder.graph)


def test_a_replacement_of_another_type_is_refused() -> None:
    builder = Builder()
    x = builder.input("x", float32(2, 3))
    y = builder.add(Reshape((6,)), x)
    builder.output(y)
    with pytest.raises(IrError, match="cannot be replaced"):
        Rewriter(builder.graph).replace(y, x)


def test_sort_finds_a_cycle_and_otherwise_an_order() -> None:
    a, b, c = (Value(name, float32(4)) for name in "abc")
    first, second = Node(Reshape((4,)), [b], [c]), Node(Reshape((4,)), [a], [b])
    graph = Graph([a], [c], [first, second], ["c"])
    graph.sort()
    assert graph.nodes == [second, first]
    second.inputs = [c]
    with pytest.raises(IrError, match="cycle"):
        graph.sort()


def test_functions_of_one_byte_in_a_row_become_one_table() -> None:
    builder = Builder()
    x = builder.input("x", int8(4, 70, zero=9))
    y = builder.add(Unary("sigmoid"), x, quant=Quant.of(1 / 256, -128))
    y = builder.add(Quantize("int8"), y, quant=Quant.of(1 / 128, 0))
    y = builder.add(Clip(0.25, 0.75), y, quant=y.quant)
    builder.output(builder.add(flip_sign(y.dtype), y, quant=Quant.of(1 / 128, 128)), "y")
    builder.output(y, "also")
    assert checked(fuse_tables, builder.graph) == ["Lookup", "Lookup"]


def test_tables_that_undo_each_other_vanish() -> None:
    builder = Builder()
    x = builder.input("x", int8(300))
    y = builder.add(Quantize("int8"), builder.add(Quantize("int8"), x, quant=int8(scale=0.02, zero=0).quant), quant=x.quant)
    builder.output(y, "y")
    z = builder.add(flip_sign(x.dtype), x, quant=Quant.of(0.05, 128))
    builder.output(builder.add(flip_sign(z.dtype), z, quant=x.quant), "z")
    assert checked(fuse_tables, builder.graph) == ["Lookup"]
    assert builder.graph.outputs[1] is x
