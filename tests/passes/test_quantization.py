"""Float operators between conversions become int8 operators."""

from __future__ import annotations

import numpy as np
import pytest

from tests.passes.graphs import float32, outputs, window
from toolchain.ir import Array, Builder, Graph, Op, Quant, Type, Value, constant
from toolchain.ops.add import Add, Sub
from toolchain.ops.clip import Clip
from toolchain.ops.concat import Concat
from toolchain.ops.conv import Conv
from toolchain.ops.division import Div
from toolchain.ops.extremum import Maximum
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.lookup import Lookup
from toolchain.ops.mul import Mul
from toolchain.ops.pad import Pad
from toolchain.ops.pool import AveragePool, MaxPool
from toolchain.ops.quantize import Dequantize, Quantize
from toolchain.ops.reshape import Reshape
from toolchain.ops.softmax import Softmax
from toolchain.ops.transpose import Transpose
from toolchain.ops.unary import Unary
from toolchain.passes import apply
from toolchain.passes.fuse_scales import fuse_scales
from toolchain.passes.quantization import fuse_quantization
from toolchain.passes.quantization.products import centred
from toolchain.quantize.elementwise import SOFTMAX_QUANT

Q = Quant.of(0.05, -3)


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


class Qdq(Builder):
    """A builder of graphs with fake quantisation around every operator, as exporters write them."""

    def __init__(self, dtype: str = "int8") -> None:
        super().__init__()
        self.dtype = dtype
        self.shift = 128 if dtype == "uint8" else 0

    def fake(self, x: Value, quant: Quant = Q) -> Value:
        """x quantised and dequantised; the quantisation is given as for int8."""
        stored = Quant(quant.scale, tuple(zero + self.shift for zero in quant.zero))
        return self.add(Dequantize(), self.add(Quantize(self.dtype), x, quant=stored))

    def weights(self, *shape: int, zero: int = 0) -> Value:
        stored = np.random.default_rng(1).integers(-100, 101, shape) + zero
        count = shape[0]
        quant = Quant(tuple(0.01 + 0.001 * i for i in range(count)), (zero,) * count, 0)
        return self.add(Dequantize(), constant(stored.astype(np.int8 if not zero else np.uint8), quant=quant))


def settled(graph: Graph, tolerance: float) -> list[str]:
    """The ops that the pass leaves, once the outputs are known to differ by at most `tolerance` and the pass to have settled."""
    before = outputs(graph)
    apply(fuse_quantization, graph)
    for expected, got in zip(before, outputs(graph), strict=True):
        for left, right in zip(expected, got, strict=True):
            np.testing.assert_allclose(right.astype(float), left.astype(float), rtol=0, atol=tolerance)
    assert not apply(fuse_quantization, graph).notes
    return [node.op.name for node in graph.nodes]


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_a_network_computes_in_int8(dtype: str) -> None:
    builder = Qdq(dtype)
    x = builder.fake(builder.input("x", float32(1, 6, 6, 3)))
    y = builder.add(Conv(window(3, pad=1), 1, 0.0), x, builder.weights(4, 3, 3, 3), constant(random(4)))
    y = builder.fake(y, Quant.of(0.1, -128))
    z = builder.fake(builder.add(Conv(window(3, pad=1), 4), y, builder.weights(4, 3, 3, 1), constant(random(4))))
    y = builder.fake(builder.add(Add(0.0), y, z), Quant.of(0.2, -100))
    y = builder.fake(builder.add(MaxPool(window(2, 2)), y), Quant.of(0.2, -100))
    y = builder.fake(builder.add(Reshape((1, 36)), y), Quant.of(0.2, -100))
    y = builder.fake(builder.add(FullyConnected(), y, builder.weights(5, 36), constant(random(5))), Quant.of(1.0, 4))
    builder.output(y, "y")
    expected = ["Quantize", "Conv", "Conv", "Add", "MaxPool", "Reshape", "FullyConnected", "Dequantize"]
    assert settled(builder.graph, tolerance=2.0) == expected
    assert all(node.op.integer(node) for node in builder.graph.nodes[1:])


def test_stored_interfaces_of_uint8() -> None:
    builder = Qdq()
    x = builder.input("x", Type((1, 4, 4, 3), np.dtype(np.uint8), Quant.of(0.05, 120)))
    y = builder.add(Conv(window(3)), builder.add(Dequantize(), x), builder.weights(4, 3, 3, 3), constant(random(4)))
    builder.output(builder.add(Quantize("uint8"), y, quant=Quant.of(0.1, 128)), "y")
    assert settled(builder.graph, tolerance=1) == ["Lookup", "Conv", "Lookup"]
    assert builder.graph.outputs[0].dtype == np.uint8


@pytest.mark.parametrize(
    "op",
    [Clip(0.0, 3.0), Unary("sigmoid"), Unary("hard_swish"), Transpose((0, 3, 1, 2)), AveragePool(window(2)), Softmax(3)],
    ids=lambda op: op.name,
)
def test_one_operator_with_one_input(op: Op) -> None:
    builder = Qdq()
    x = builder.fake(builder.input("x", float32(1, 4, 4, 3)))
    quant = SOFTMAX_QUANT if isinstance(op, Softmax) else Quant.of(0.03, 5)
    builder.output(builder.fake(builder.add(op, x), quant), "y")
    names = settled(builder.graph, tolerance=0.061)
    rescaled = isinstance(op, Transpose | AveragePool)
    assert names == ["Quantize", op.name, *(["Quantize"] if rescaled else []), "Dequantize"]


@pytest.mark.parametrize("op", [Add(), Mul(), Concat(3), Maximum()], ids=lambda op: op.name)
def test_one_operator_with_two_inputs(op: Op) -> None:
    builder = Qdq()
    a, b = (builder.fake(builder.input(name, float32(1, 4, 4, 3)), Quant.of(0.04, zero)) for name, zero in (("a", 3), ("b", 9)))
    builder.output(builder.fake(builder.add(op, a, b), Quant.of(0.05, 5)), "y")
    names = settled(builder.graph, tolerance=0.101)
    assert [name for name in names if name != "Quantize"] == [op.name, "Dequantize"]


def test_scalar_constants_and_padding_are_stored() -> None:
    builder = Qdq()
    x = builder.fake(builder.input("x", float32(1, 4, 4, 3)))
    y = builder.fake(builder.add(Pad(((0, 0), (1, 1), (1, 1), (0, 0))), x, constant(np.float32(0))))
    y = builder.fake(builder.add(Mul(), y, constant(np.float32(0.7))))
    builder.output(y, "y")
    assert settled(builder.graph, tolerance=0.051) == ["Quantize", "Pad", "Mul", "Dequantize"]


def test_weights_around_another_zero_point() -> None:
    builder = Qdq()
    x = builder.fake(builder.input("x", float32(2, 8)))
    y = builder.add(FullyConnected(), x, builder.weights(4, 8, zero=120), constant(random(4)))
    builder.output(builder.fake(y, Quant.of(0.2, 0)), "y")
    assert settled(builder.graph, tolerance=0.2) == ["Quantize", "FullyConnected", "Dequantize"]


def test_weights_that_leave_int8_are_rounded_output_by_output() -> None:
    stored = np.array([[10, 255, 0, 90], [0, 120, 10, 127], [3, 3, 3, 3]], np.uint8)
    kept = centred(constant(stored, quant=Quant((0.1,), (0,))))
    np.testing.assert_array_equal(kept.constant, [[5, 127, 0, 45], [0, 120, 10, 127], [3, 3, 3, 3]])
    assert kept.quant is not None and kept.quant.axis == 0 and not any(kept.quant.zero)
    np.testing.assert_allclose(kept.quant.scale, [0.1 * 255 / 127, 0.1, 0.1], rtol=1e-6)


@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 3, 6), (1, 4, 4, 6)])
def test_a_batch_normalisation_between_conversions(shape: tuple[int, ...]) -> None:
    builder = Qdq()
    x = builder.fake(builder.input("x", float32(*shape)))
    mean, deviation, gain, shift = (
        builder.add(Dequantize(), constant(np.arange(1, 7, dtype=np.int8), quant=Quant.of(0.1 * i, 2 * i - 4))) for i in range(1, 5)
    )
    y = builder.add(Div(), builder.add(Sub(), x, mean), builder.add(Unary("exp"), deviation))
    y = builder.add(Add(0.0, 6.0), builder.add(Mul(), y, gain), shift)
    builder.output(builder.fake(y, Quant.of(6 / 255, -128)), "y")
    names = settled(builder.graph, tolerance=6 / 255 + 1e-6)
    assert [name for name in names if name != "Reshape"] == ["Quantize", "Conv", "Dequantize"]


def test_factors_of_nothing_and_terms_far_beyond_their_factors() -> None:
    builder = Qdq()
    x = builder.fake(builder.input("x", float32(5, 4)))
    y = builder.add(Mul(), x, constant(np.array([0, 0, -2, 1e-9], np.float32)))
    y = builder.add(Add(), y, constant(np.array([0, 3, -3, 4], np.float32)))
    builder.output(builder.fake(y, Quant.of(0.05, 0)), "y")
    names = settled(builder.graph, tolerance=0.0501)
    assert [name for name in names if name != "Reshape"] == ["Quantize", "Conv", "Dequantize"]


def test_values_are_stored_before_they_move() -> None:
    builder = Qdq()
    x, z = builder.input("x", float32(1, 4, 4, 3)), builder.input("z", float32(1, 3, 3, 3))
    y = builder.add(Concat(3), builder.add(MaxPool(window(2)), x), z, constant(random(1, 3, 3, 1)))
    builder.output(builder.add(Quantize("int8"), builder.add(Reshape((63,)), y), quant=Q), "y")
    assert settled(builder.graph, tolerance=0) == ["Quantize", "MaxPool", "Quantize", "Concat", "Reshape"]


def test_softmax_stored_by_another_scale() -> None:
    builder = Qdq()
    x = builder.fake(builder.input("x", float32(3, 10)))
    builder.output(builder.fake(builder.add(Softmax(1), x), Quant.of(1 / 255, -128)), "y")
    assert settled(builder.graph, tolerance=0.008) == ["Quantize", "Softmax", "Quantize", "Dequantize"]


def test_a_stored_bias_keeps_its_integers() -> None:
    builder = Qdq()
    x = builder.fake(builder.input("x", float32(2, 8)), Quant.of(0.5, 0))
    w = builder.weights(3, 8)
    scale = tuple(0.5 * (0.01 + 0.001 * i) for i in range(3))
    stored = np.array([5, -(2**30) - 1, 7], np.int32)
    b = builder.add(Dequantize(), constant(stored, quant=Quant(scale, (0, 0, 0), 0)))
    builder.output(builder.fake(builder.add(FullyConnected(), x, w, b)), "y")
    settled(builder.graph, tolerance=0.05)
    (layer,) = (node for node in builder.graph.nodes if isinstance(node.op, FullyConnected))
    np.testing.assert_array_equal(layer.inputs[2].constant, stored)


def test_a_bias_added_to_stored_weights() -> None:
    builder = Qdq()
    x = builder.fake(builder.input("x", float32(2, 8)))
    y = builder.add(FullyConnected(), x, builder.weights(4, 8), constant(np.zeros(4, np.float32)))
    builder.output(builder.fake(builder.add(Add(0.0), y, constant(random(4)))), "y")
    apply(fuse_scales, builder.graph)
    assert settled(builder.graph, tolerance=0.051) == ["Quantize", "FullyConnected", "Dequantize"]


def test_what_is_not_quantised_behind_computes_in_float() -> None:
    builder = Qdq()
    x = builder.fake(builder.input("x", float32(2, 8)))
    y = builder.add(FullyConnected(), x, builder.weights(4, 8), constant(random(4)))
    builder.output(y, "y")
    assert settled(builder.graph, tolerance=1e-6) == ["Quantize", "Dequantize", "FullyConnected"]


def test_movements_of_stored_values_move_bytes() -> None:
    builder = Qdq()
    x = builder.fake(builder.input("x", float32(1, 4, 4, 3)))
    y = builder.add(Transpose((0, 3, 1, 2)), builder.add(MaxPool(window(2)), x))
    builder.output(y, "real")
    builder.output(builder.fake(builder.add(Reshape((27,)), y)), "y")
    assert settled(builder.graph, tolerance=0) == ["Quantize", "MaxPool", "Transpose", "Reshape", "Dequantize", "Dequantize"]


def test_equal_conversions_vanish_and_others_rescale() -> None:
    builder = Qdq()
    x = builder.fake(builder.fake(builder.input("x", float32(50))))
    builder.output(x, "same")
    builder.output(builder.fake(x, Quant.of(0.07, 4)), "other")
    assert settled(builder.graph, tolerance=0.071) == ["Quantize", "Dequantize", "Quantize", "Dequantize"]


def test_an_average_keeps_finer_steps_than_its_input_has() -> None:
    """Over the whole image it is a mean, which rescales its sum; over windows it stays in float."""
    fine = Quant.of(0.004, 5)
    for pool, expected in ((window(4), ["ReduceMean"]), (window(2), ["Dequantize", "AveragePool", "Quantize"])):
        builder = Qdq()
        x = builder.fake(builder.input("x", float32(1, 4, 4, 3)))
        builder.output(builder.fake(builder.add(AveragePool(pool), x), fine), "y")
        assert settled(builder.graph, tolerance=0.0041) == ["Quantize", *expected, "Dequantize"]


def test_a_table_between_conversions() -> None:
    builder = Qdq()
    x = builder.add(Quantize("int8"), builder.input("x", float32(50)), quant=Q)
    y = builder.add(Lookup(bytes(range(256)), "int8"), x, quant=Quant.of(0.1, 0))
    builder.output(builder.add(Dequantize(), y), "y")
    assert settled(builder.graph, tolerance=0) == ["Quantize", "Lookup", "Dequantize"]
