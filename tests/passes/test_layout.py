"""Transposes between channels-last operators cancel, and no output changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.passes.graphs import conv, dense, float32, int8, outputs, same_outputs, window
from toolchain.ir import Array, Builder, Graph, Op, Quant, Value, constant
from toolchain.ops.add import Add
from toolchain.ops.clip import Clip
from toolchain.ops.concat import Concat
from toolchain.ops.conv import Conv
from toolchain.ops.cumulate import Cumulate
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.matmul import MatMul
from toolchain.ops.mul import Mul
from toolchain.ops.pad import Pad
from toolchain.ops.pool import AveragePool, MaxPool
from toolchain.ops.quantize import Dequantize, Quantize
from toolchain.ops.reduce import Reduce
from toolchain.ops.reshape import Reshape
from toolchain.ops.slice import span
from toolchain.ops.softmax import Softmax
from toolchain.ops.transpose import Transpose
from toolchain.passes import apply
from toolchain.passes.layout import cancel_transposes
from toolchain.passes.layout.axes import moves
from toolchain.passes.layout.reshapes import groups

LAST, FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def settle(graph: Graph) -> list[Transpose]:
    """The transposes that move something after the pass, once outputs are the same and the pass has settled."""
    before = outputs(graph)
    apply(cancel_transposes, graph)
    same_outputs(before, outputs(graph), tolerance=1e-6)
    assert not apply(cancel_transposes, graph).notes
    left = [node for node in graph.nodes if isinstance(node.op, Transpose) and moves(node.op.perm, node.inputs[0].shape)]
    return [node.op for node in left if isinstance(node.op, Transpose)]


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


class Nchw(Builder):
    """A builder of channels-first graphs, with the transposes that the ONNX importer puts around spatial operators."""

    def spatial(self, op: Op, x: Value) -> Value:
        y = self.add(op, self.add(Transpose(LAST), x, quant=x.quant), quant=x.quant)
        return self.add(Transpose(FIRST), y, quant=x.quant)

    def conv(self, x: Value, channels: int, kernel: int = 3, stride: int = 1) -> Value:
        w, b = random(channels, kernel, kernel, x.shape[1]), random(channels)
        y = conv(self, self.add(Transpose(LAST), x), w, b, Conv(window(kernel, stride, kernel // 2)))
        return self.add(Transpose(FIRST), y)

    def norm(self, x: Value) -> Value:
        """A batch normalisation: channels along axis 1."""
        shape = (1, x.shape[1], 1, 1)
        return self.add(Add(), self.add(Mul(), x, constant(random(*shape))), constant(random(*shape, seed=1)))


def test_a_plain_network_keeps_one_transpose_at_its_input_and_none_elsewhere() -> None:
    builder = Nchw()
    x = builder.input("x", float32(1, 3, 8, 8))
    y = builder.add(Clip(0.0), builder.norm(builder.conv(x, 4)))
    z = builder.norm(builder.conv(y, 4))
    y = builder.add(Clip(0.0), builder.add(Add(), z, y))
    y = builder.spatial(MaxPool(window(2, 2)), y)
    y = builder.spatial(AveragePool(window(4)), builder.conv(y, 6))
    y = dense(builder, builder.add(Reshape((1, 6)), y), random(5, 6), random(5))
    builder.output(builder.add(Softmax(1), y), "y")
    assert settle(builder.graph) == [Transpose(LAST)]


def test_a_flattened_image_reorders_the_dense_weights() -> None:
    builder = Nchw()
    x = builder.input("x", float32(1, 2, 6, 5))
    y = builder.add(Reshape((1, 120)), builder.conv(x, 4))
    y = builder.add(Add(0.0), builder.add(Mul(), y, constant(random(120))), constant(random(1)))
    builder.output(dense(builder, y, random(7, 120), random(7)), "y")
    assert settle(builder.graph) == [Transpose(LAST)]


def test_stored_weights_are_reordered_where_they_lie() -> None:
    builder = Nchw()
    x = builder.input("x", float32(1, 2, 4, 4))
    y = builder.add(Reshape((1, 48)), builder.conv(x, 3))
    stored = np.random.default_rng(0).integers(-127, 128, (48, 5), np.int8)
    w = builder.add(Dequantize(), constant(stored, quant=Quant((0.1, 0.2, 0.3, 0.4, 0.5), (0,) * 5, 1)))
    w = builder.add(Transpose((1, 0)), w)
    builder.output(builder.add(FullyConnected(), y, w, constant(random(5))), "y")
    assert settle(builder.graph) == [Transpose(LAST)]
    (weights,) = (node.inputs[0] for node in builder.graph.nodes if isinstance(node.op, Dequantize))
    assert weights.quant is not None and weights.quant.axis == 0


def test_a_flattened_image_in_a_batch() -> None:
    builder = Nchw()
    x = builder.input("x", float32(3, 2, 4, 4))
    y = builder.add(Reshape((3, 48)), builder.conv(x, 3))
    builder.output(dense(builder, y, random(7, 48), random(7)), "y")
    assert settle(builder.graph) == [Transpose(LAST)]


def test_an_image_output_keeps_one_transpose() -> None:
    builder = Nchw()
    x = builder.input("x", float32(1, 3, 8, 8))
    y = builder.add(Clip(0.0, 1.0), builder.conv(builder.conv(x, 4), 3))
    builder.output(y, "y")
    assert settle(builder.graph) == [Transpose(LAST), Transpose(FIRST)]
    assert isinstance(builder.graph.nodes[-1].op, Transpose)


def test_operators_along_an_axis_follow_it() -> None:
    builder = Nchw()
    x = builder.input("x", float32(1, 3, 8, 8))
    y = builder.add(Softmax(1), builder.add(Concat(1), *[builder.conv(builder.conv(x, 4), 3)] * 2))
    y = builder.add(span(1, 1, 4, y.shape), y)
    y = builder.add(Pad(((0, 0), (0, 2), (1, 1), (0, 0))), y, constant(np.float32(0)))
    y = builder.add(Cumulate(1), builder.add(Reduce("max", (2, 3)), y))
    builder.output(dense(builder, builder.add(Reshape((1, 6)), y), random(5, 6), random(5)), "y")
    assert settle(builder.graph) == [Transpose(LAST)]


def test_a_transposed_copy_beside_the_plain_value() -> None:
    builder = Nchw()
    x = builder.input("x", float32(1, 3, 8, 8))
    y = builder.add(Clip(0.0), builder.conv(x, 4))
    builder.output(y, "features")
    builder.output(builder.conv(builder.norm(y), 3), "y")
    assert sorted(op.perm for op in settle(builder.graph)) == [LAST, FIRST, FIRST]


def test_a_gate_of_one_pixel_meets_the_image() -> None:
    builder = Nchw()
    x = builder.input("x", float32(1, 3, 8, 8))
    y = builder.conv(x, 4)
    gate = builder.add(Clip(0.0, 1.0), builder.conv(builder.spatial(AveragePool(window(8)), y), 4, 1))
    builder.output(builder.conv(builder.add(Mul(), y, gate), 2), "y")
    assert sorted(op.perm for op in settle(builder.graph)) == [LAST, FIRST]


def test_shuffled_channels_cost_one_transpose() -> None:
    builder = Nchw()
    x = builder.input("x", float32(1, 3, 4, 4))
    y = builder.add(Reshape((1, 2, 3, 4, 4)), builder.conv(x, 6))
    y = builder.add(Reshape((1, 6, 4, 4)), builder.add(Transpose((0, 2, 1, 3, 4)), y))
    builder.output(builder.add(Reshape((1, 4)), builder.spatial(AveragePool(window(4)), builder.conv(y, 4))), "y")
    assert len(settle(builder.graph)) == 2


def test_a_sequence_of_columns_is_reshaped_before_it_is_transposed() -> None:
    builder = Nchw()
    x = builder.input("x", float32(2, 3, 4, 5))
    y = builder.add(Reshape((2, 6, 20)), builder.conv(x, 6))
    builder.output(dense(builder, builder.add(Transpose((0, 2, 1)), y), random(4, 6), random(4)), "y")
    assert settle(builder.graph) == [Transpose(LAST)]


def test_quantised_values_and_scales_along_channels() -> None:
    builder = Nchw()
    x = builder.input("x", float32(1, 3, 6, 6))
    quant = Quant((0.1, 0.2, 0.3, 0.4), (0, 1, 2, 3), 1)
    y = builder.add(Quantize("int8"), builder.conv(x, 4), quant=quant)
    builder.output(builder.conv(builder.add(Dequantize(), y), 2), "y")
    assert sorted(op.perm for op in settle(builder.graph)) == [LAST, FIRST]
    stored = next(node.output for node in builder.graph.nodes if isinstance(node.op, Quantize))
    assert stored.quant is not None and stored.quant.axis == 3


def test_one_transposed_branch_of_a_sum_joins_the_other() -> None:
    builder = Nchw()
    x = builder.input("x", float32(1, 3, 6, 6))
    side = builder.input("side", float32(1, 4, 6, 6))
    y = builder.add(Add(), builder.conv(x, 4), side)
    builder.output(builder.add(Reshape((1, 2)), builder.spatial(AveragePool(window(6)), builder.conv(y, 2))), "y")
    assert sorted(op.perm for op in settle(builder.graph)) == [LAST, LAST]


def test_an_int8_network() -> None:
    builder = Builder()
    x = builder.input("x", int8(1, 3, 6, 6, zero=4))
    y = builder.add(Transpose(LAST), x, quant=x.quant)
    y = conv(builder, y, np.round(random(4, 3, 3, 3) * 20), random(4) * 100, Conv(window(3, pad=1)), zero=-9)
    y = builder.add(Clip(0.0), builder.add(Transpose(FIRST), y, quant=y.quant), quant=y.quant)
    y = builder.add(Reshape((1, 144)), y, quant=y.quant)
    builder.output(dense(builder, y, np.round(random(3, 144) * 20), random(3)), "y")
    assert settle(builder.graph) == [Transpose(LAST)]


def test_a_matrix_product_reads_transposed_matrices_as_they_lie() -> None:
    builder = Builder()
    a, b = builder.input("a", float32(2, 3, 5, 4)), builder.input("b", float32(2, 3, 6, 5))
    swap = Transpose((0, 1, 3, 2))
    builder.output(builder.add(MatMul(), builder.add(swap, a), builder.add(swap, b)), "y")
    c = builder.add(Transpose((1, 0, 2, 3)), builder.input("c", float32(3, 2, 5, 4)))
    builder.output(builder.add(MatMul(True, False), builder.add(swap, c), builder.add(swap, a)), "z")
    assert settle(builder.graph) == [Transpose((1, 0, 2, 3))]


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ((2, 3, 4), (2, 12), [((0,), (0,)), ((1, 2), (1,))]),
        ((6, 4), (2, 3, 4), [((0,), (0, 1)), ((1,), (2,))]),
        ((1, 6), (6, 1), [((0,), ()), ((1,), (0,)), ((), (1,))]),
        ((4, 6), (8, 3), [((0, 1), (0, 1))]),
        ((), (1, 1), [((), (0,)), ((), (1,))]),
        ((0, 3), (3, 0), [((0, 1), (0, 1))]),
    ],
)
def test_axes_are_grouped(source: tuple[int, ...], target: tuple[int, ...], expected: list[object]) -> None:
    assert [(tuple(left), tuple(right)) for left, right in groups(source, target)] == expected


@st.composite
def movements(draw: st.DrawFn) -> Graph:
    """Transposes, reshapes and elementwise operators at random, with a layer that reads channels in between."""
    builder = Builder()
    values = [builder.input("x", float32(2, 3, 4, 2))]
    for _ in range(draw(st.integers(2, 10))):
        x = values[draw(st.integers(max(0, len(values) - 3), len(values) - 1))]
        kind = draw(st.sampled_from(["transpose", "transpose", "reshape", "unary", "constant", "sum", "dense"]))
        if kind == "transpose":
            y = builder.add(Transpose(tuple(draw(st.permutations(range(x.type.rank))))), x)
        elif kind == "reshape":
            y = builder.add(
                Reshape(draw(st.sampled_from([(2, 3, 4, 2), (6, 8), (6, 4, 2), (48,), (2, 3, 2, 2, 2), (4, 1, 12)]))), x
            )
        elif kind == "unary":
            y = builder.add(Clip(-1.0, 1.0), x)
        elif kind == "constant":
            shape = tuple(n if draw(st.booleans()) else 1 for n in x.shape[draw(st.integers(0, x.type.rank)) :])
            y = builder.add(Add(), x, constant(random(*shape)))
        elif kind == "sum":
            like = [v for v in values if v.shape == x.shape]
            y = builder.add(Mul(), x, like[draw(st.integers(0, len(like) - 1))])
        else:
            y = dense(builder, x, random(x.shape[-1], x.shape[-1]), random(x.shape[-1]))
        values.append(y)
        if draw(st.integers(0, 5)) == 0:
            builder.output(y, f"y{len(builder.graph.outputs)}")
    builder.output(values[-1], "y")
    return builder.graph


@settings(max_examples=300, deadline=None)
@given(movements())
def test_no_output_changes(graph: Graph) -> None:
    settle(graph)


def test_a_transpose_stays_above_what_enlarges_its_input() -> None:
    builder = Nchw()
    x = builder.input("x", float32(1, 3, 6, 6))
    y = builder.add(Pad(((0, 0), (1, 1), (1, 1), (0, 0))), builder.add(Transpose(LAST), x), constant(np.float32(0)))
    builder.output(conv(builder, y, random(4, 3, 3, 3), random(4), Conv(window(3))), "y")
    assert settle(builder.graph) == [Transpose(LAST)]
    assert isinstance(builder.graph.nodes[0].op, Transpose)


def test_one_image_concatenated_with_itself_settles() -> None:
    builder = Nchw()
    x = builder.input("x", float32(1, 3, 4, 5))
    builder.output(builder.conv(builder.add(Concat(2), x, x), 3))
    settle(builder.graph)


@pytest.mark.parametrize("swapped", [False, True])
def test_transposes_of_one_channel_that_meet_an_input_of_the_same_shape_settle(swapped: bool) -> None:
    builder = Nchw()
    x, y = builder.input("x", float32(2, 1, 4, 5)), builder.input("y", float32(2, 1, 4, 5))
    z = builder.conv(x, 1)
    builder.output(builder.conv(builder.add(Add(), *((z, y) if swapped else (y, z))), 1))
    builder.output(builder.add(Reshape((2, 1, 4, 1, 5)), z))
    settle(builder.graph)
