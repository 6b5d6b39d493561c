"""What has no integer law becomes a table, a movement and a rescaling, or computes in float32."""

from __future__ import annotations

import numpy as np
import pytest

from tests.passes.graphs import int8, outputs, random_inputs, window
from toolchain.ir import Array, Builder, Graph, Quant, Type, constant, run, verify
from toolchain.ops.add import Add
from toolchain.ops.concat import Concat
from toolchain.ops.division import Div
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.pool import MaxPool
from toolchain.ops.transpose import Transpose
from toolchain.ops.unary import Unary
from toolchain.passes import apply
from toolchain.passes.legalize import legalize
from toolchain.quantize.numerics import dequantize, quantize

OUT = Quant.of(0.02, 7)
Q1 = Quant.of(0.01, 0)


def legal(graph: Graph) -> list[str]:
    """The ops that the pass leaves, all of which are lawful."""
    apply(legalize, graph)
    verify(graph)
    assert all(node.op.integer(node) or not any(value.quantized for value in node.inputs) for node in graph.nodes)
    assert not apply(legalize, graph).notes
    return [node.op.name for node in graph.nodes]


def real(array: Array, type: Type) -> Array:
    assert type.quant is not None
    return dequantize(array, type.quant)


def test_a_function_of_one_byte_is_a_table() -> None:
    builder = Builder()
    x = builder.input("x", int8(3, 70, scale=0.1, zero=5))
    builder.output(builder.add(Div(), constant(np.array([100], np.int8), quant=Q1), x, quant=OUT), "y")
    builder.output(builder.add(Unary("exp"), builder.input("u", Type((256,), np.dtype(np.uint8), Quant.of(0.02, 128))), quant=OUT))
    assert legal(builder.graph) == ["Lookup", "Lookup"]


def test_the_table_holds_what_floats_give() -> None:
    builder = Builder()
    x = builder.input("x", int8(256, scale=0.1, zero=5))
    builder.output(builder.add(Div(), x, constant(np.array([100], np.int8), quant=Q1), quant=OUT), "y")
    assert legal(builder.graph) == ["Lookup"]
    stored = np.arange(256, dtype=np.uint8).view(np.int8)
    (y,) = run(builder.graph, [stored])
    np.testing.assert_array_equal(y, quantize(real(stored, x.type) / np.float32(1), OUT, np.int8))


def test_the_rest_computes_in_float_and_says_so() -> None:
    builder = Builder()
    a, b = builder.input("a", int8(4, 6, scale=0.1, zero=5)), builder.input("b", int8(4, 6, scale=0.3, zero=-100))
    builder.output(builder.add(Div(), a, b, name="ratio", quant=OUT), "y")
    inputs = random_inputs(builder.graph)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = quantize(real(inputs[0], a.type) / real(inputs[1], b.type), OUT, np.int8)
    saving = apply(legalize, builder.graph)
    assert saving.notes == ("Div 'ratio': computes in float32: it has no integer law for these types",)
    assert [node.op.name for node in builder.graph.nodes] == ["Dequantize", "Dequantize", "Div", "Quantize"]
    np.testing.assert_array_equal(run(builder.graph, inputs)[0], expected)


def test_a_movement_between_quantisations_rescales_afterwards() -> None:
    builder = Builder()
    x = builder.input("x", int8(2, 5))
    builder.output(builder.add(Transpose((1, 0)), x, quant=OUT), "y")
    assert legal(builder.graph) == ["Transpose", "Quantize"]


def test_weights_that_are_computed_and_a_bias_without_scale() -> None:
    builder = Builder()
    x, w = builder.input("x", int8(2, 8, zero=3)), builder.input("w", int8(4, 8, scale=0.1))
    b = constant(np.array([10, -200, 3000, 0], np.int32))
    builder.output(builder.add(FullyConnected(), x, w, b, quant=Quant.of(0.5, 0)), "y")
    before = outputs(builder.graph)
    assert legal(builder.graph) == ["Dequantize", "Dequantize", "FullyConnected", "Quantize"]
    for expected, got in zip(before, outputs(builder.graph), strict=True):
        assert np.abs(expected[0].astype(int) - got[0].astype(int)).max() <= 1


def test_weights_around_another_zero_point_are_dequantised_now() -> None:
    builder = Builder()
    x = builder.input("x", int8(2, 8, zero=3))
    w = constant(np.arange(32, dtype=np.int8).reshape(4, 8), quant=Quant.of(0.1, 7))
    builder.output(builder.add(FullyConnected(), x, w, constant(np.zeros(4, np.int32)), quant=Quant.of(0.5, 0)), "y")
    assert legal(builder.graph) == ["Dequantize", "FullyConnected", "Quantize"]


@pytest.mark.parametrize("lawful", [True, False])
def test_what_has_a_law_stays(lawful: bool) -> None:
    builder = Builder()
    x = builder.input("x", int8(1, 4, 4, 2))
    y = builder.add(MaxPool(window(2)), x, quant=x.quant if lawful else OUT)
    z = builder.add(Concat(0), y, y, quant=y.quant)
    builder.output(builder.add(Add(), z, z, quant=OUT), "y")
    expected = ["MaxPool", "Concat", "Add"]
    assert legal(builder.graph) == (expected if lawful else ["Dequantize", "MaxPool", "Quantize", *expected[1:]])
