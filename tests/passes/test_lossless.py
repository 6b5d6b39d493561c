"""Channels that are constant, equal or unread go, and no output changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from tests.passes.graphs import conv, dense, float32, identity_conv, int8, outputs, random_inputs, same_outputs, window
from tests.passes.random_graphs import networks
from toolchain.ir import Array, Builder, Graph, Type, Value, constant, run
from toolchain.ops.add import Add
from toolchain.ops.concat import Concat
from toolchain.ops.conv import Conv
from toolchain.ops.pool import AveragePool, MaxPool
from toolchain.ops.reshape import Reshape
from toolchain.ops.slice import Slice, span
from toolchain.ops.take import Take
from toolchain.passes import apply
from toolchain.passes.lossless import facts, remove_channels

INF = float("inf")
KINDS = pytest.mark.parametrize("kind", [int8(1, 5, 5, 3, zero=-7), float32(1, 5, 5, 3)], ids=["int8", "float32"])


def removed(graph: Graph) -> tuple[int, int]:
    """Multiply-accumulates before and after the pass, once the outputs are known to be the same and the pass to have settled."""
    before = outputs(graph)
    saving = apply(remove_channels, graph)
    same_outputs(before, outputs(graph))
    assert not apply(remove_channels, graph).notes
    return saving.macs


def weights(*shape: int, seed: int = 0) -> Array:
    generator = np.random.default_rng(seed)
    return np.asarray(generator.integers(1, 50, shape) * generator.choice([-1, 1], shape))


def network(kind: Type, w: Array, b: Array, last: Conv, *, zero: int = -128, relu: bool = True) -> Graph:
    """A 1x1 convolution to four channels, with or without a ReLU, then a layer of two outputs."""
    builder = Builder()
    x = builder.input("x", kind)
    scale = 1.0 if kind.quant else 0.01
    y = conv(builder, x, w * scale, b * scale, Conv(window(), 1, 0.0 if relu else -INF, INF), zero=zero, scale=0.3)
    v = weights(2, *last.window.kernel, 4, seed=9) * scale
    builder.output(conv(builder, y, v, np.array([30, -20]) * scale, last, zero=3, scale=0.3), "y")
    return builder.graph


@KINDS
def test_a_zero_filter_under_relu_goes_even_before_a_padded_layer(kind: Type) -> None:
    w = weights(4, 1, 1, 3)
    w[2] = 0
    graph = network(kind, w, np.array([1, 2, -90, 4]), Conv(window(3, pad=1)))
    assert removed(graph) == (25 * (3 * 4 + 4 * 9 * 2), 25 * (3 * 3 + 3 * 9 * 2))


@KINDS
def test_a_constant_channel_moves_into_the_next_bias(kind: Type) -> None:
    w = weights(4, 1, 1, 3)
    w[1] = 0
    graph = network(kind, w, np.array([1, 9000, -9, 4]), Conv(window(3)))
    assert removed(graph) == (25 * 3 * 4 + 9 * 4 * 9 * 2, 25 * 3 * 3 + 9 * 3 * 9 * 2)


@KINDS
def test_a_constant_channel_that_padding_makes_depend_on_the_position_stays(kind: Type) -> None:
    w = weights(4, 1, 1, 3)
    w[1] = 0
    before, after = removed(network(kind, w, np.array([1, 9000, -9, 4]), Conv(window(3, pad=1))))
    assert before == after


def test_an_output_that_the_clamp_never_lets_move_is_constant() -> None:
    graph = network(int8(1, 5, 5, 3), weights(4, 1, 1, 3), np.array([1, 2, -60000, 4]), Conv(window(3, pad=1)))
    before, after = removed(graph)
    assert after * 4 == before * 3


def test_an_accumulator_that_may_wrap_is_not_called_constant() -> None:
    graph = network(int8(1, 5, 5, 3), weights(4, 1, 1, 3), np.array([1, 2, -(2**31) + 100, 4]), Conv(window(3)))
    before, after = removed(graph)
    assert before == after


@KINDS
def test_equal_filters_share_their_readers_weights(kind: Type) -> None:
    w = weights(4, 1, 1, 3)
    w[3] = w[0]
    graph = network(kind, w, np.array([5, 2, 3, 5]), Conv(window(3, pad=1)))
    before, after = removed(graph)
    assert after * 4 == before * 3


def test_equal_filters_stay_where_the_summed_weights_do_not_fit() -> None:
    builder = Builder()
    x = builder.input("x", int8(1, 4, 4, 2))
    w = weights(3, 1, 1, 2)
    w[2] = w[1]
    y = conv(builder, x, w, np.array([1, 2, 2]), Conv(window()))
    v = np.array([[5, 100, 28], [1, 1, 1]]).reshape(2, 1, 1, 3)
    builder.output(conv(builder, y, v, np.array([0, 0]), Conv(window())), "y")
    before, after = removed(builder.graph)
    assert before == after


@KINDS
def test_unread_channels_go_through_depthwise_pools_and_sums(kind: Type) -> None:
    builder = Builder()
    x = builder.input("x", kind)
    scale = 1.0 if kind.quant else 0.01
    left, right = (conv(builder, x, weights(4, 1, 1, 3, seed=s) * scale, weights(4) * scale, Conv(window())) for s in (1, 2))
    left = conv(builder, left, weights(4, 3, 3, 1) * scale, weights(4) * scale, Conv(window(3, pad=1), 4))
    right = builder.add(MaxPool(window(3, pad=1)), right, quant=right.quant)
    y = builder.add(Add(0.0), left, right, quant=left.quant)
    y = builder.add(AveragePool(window(5)), y, quant=y.quant)
    v = weights(2, 4) * scale
    v[:, [0, 3]] = 0
    y = builder.add(Reshape((1, 4)), y, quant=y.quant)
    builder.output(dense(builder, y, v, weights(2) * scale), "y")
    before, after = removed(builder.graph)
    assert after * 2 == before


@KINDS
def test_a_sum_keeps_what_one_of_its_branches_cannot_drop(kind: Type) -> None:
    builder = Builder()
    x = builder.input("x", kind)
    w = identity_conv(3) * (1.0 if kind.quant else 0.01)
    w[1] = 0
    y = builder.add(Add(), x, conv(builder, x, w, np.zeros(3), Conv(window())), quant=kind.quant)
    v = weights(1, 1, 1, 3) * (1.0 if kind.quant else 0.01)
    v[..., 1] = 0
    builder.output(conv(builder, y, v, np.zeros(1), Conv(window())), "y")
    before, after = removed(builder.graph)
    assert before == after


@KINDS
def test_flattening_carries_channels_to_every_place(kind: Type) -> None:
    builder = Builder()
    x = builder.input("x", kind)
    scale = 1.0 if kind.quant else 0.01
    w = weights(4, 1, 1, 3) * scale
    w[1] = 0
    y = conv(builder, x, w, np.array([1, 9000, 2, 3]) * scale, Conv(window(), 1, 0.0), zero=-128)
    y = builder.add(Reshape((1, 100)), y, quant=y.quant)
    v = weights(2, 100) * scale
    v[:, 3::4] = 0
    builder.output(dense(builder, y, v, np.array([1, 2]) * scale), "y")
    assert removed(builder.graph) == (25 * 12 + 200, 25 * 6 + 100)


@KINDS
def test_a_graph_whose_output_is_constant_keeps_its_interface(kind: Type) -> None:
    builder = Builder()
    x = builder.input("x", kind)
    y = conv(builder, x, np.zeros((4, 1, 1, 3)), np.array([1, 2, 3, 4]), Conv(window()))
    y = conv(builder, y, identity_conv(4), np.zeros(4), Conv(window()))
    builder.output(y, "y")
    before, after = removed(builder.graph)
    assert after < before and builder.graph.outputs[0].shape == (1, 5, 5, 4)


def test_channels_of_the_interface_stay() -> None:
    builder = Builder()
    x = builder.input("x", int8(1, 4, 4, 3))
    w = weights(4, 1, 1, 3)
    w[1] = 0
    w[..., 2] = 0
    builder.output(conv(builder, x, w, np.zeros(4), Conv(window())), "y")
    assert removed(builder.graph) == (16 * 12, 16 * 12)
    assert [v.shape for v in (*builder.graph.inputs, *builder.graph.outputs)] == [(1, 4, 4, 3), (1, 4, 4, 4)]


@settings(max_examples=200, deadline=None)
@given(networks(quantized=True))
def test_what_is_known_of_a_channel_holds(graph: Graph) -> None:
    known = {value: facts.unknown(value.type) for value in graph.inputs}
    for node in graph.nodes:
        known.update((value, facts.of_constant(value)) for value in node.inputs if value.data is not None)
        known.update(zip(node.outputs, facts.infer(node, known.__getitem__), strict=True))
    seen: dict[Value, Array] = {}
    run(graph, random_inputs(graph), keep=seen)
    for value, array in seen.items():
        columns, fact = array.reshape(-1, array.shape[-1]), known[value]
        assert (fact.low <= columns).all() and (columns <= fact.high).all()
        np.testing.assert_array_equal(columns, columns[:, fact.same])


@settings(max_examples=150, deadline=None)
@given(networks(quantized=True))
def test_no_byte_of_an_integer_network_changes(graph: Graph) -> None:
    before, after = removed(graph)
    assert after <= before


@settings(max_examples=100, deadline=None)
@given(networks(quantized=False))
def test_a_float_network_stays_inside_its_bound(graph: Graph) -> None:
    before, after = removed(graph)
    assert after <= before


@KINDS
def test_parts_of_a_constant_value_follow_it(kind: Type) -> None:
    builder = Builder()
    x = builder.input("x", kind)
    y = conv(builder, x, np.zeros((5, 1, 1, 3)), np.arange(5), Conv(window(), 1, 0.0), zero=-128)
    builder.output(builder.add(span(3, 1, 3, y.shape), y, quant=y.quant), "slice")
    builder.output(builder.add(Take(3, (4, 2, 4)), y, quant=y.quant), "picked")
    assert removed(builder.graph) == (25 * 15, 0)


def test_values_are_named_for_reports() -> None:
    w = weights(4, 1, 1, 3)
    w[2] = 0
    graph = network(int8(1, 5, 5, 3), w, np.array([1, 2, -90, 4]), Conv(window(3, pad=1)))
    graph.nodes[0].name = "first"
    notes = apply(remove_channels, graph).notes
    assert any(note == "Conv 'first': 4 -> 3 channels" for note in notes), notes


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_what_is_joined_with_a_constant_is_not_constant(axis: int) -> None:
    builder = Builder()
    x = builder.input("x", float32(1, 2, 3, 4))
    fixed = constant(np.full(tuple(1 if i == axis else n for i, n in enumerate(x.shape)), 7, np.float32))
    builder.output(builder.add(Add(), builder.add(Concat(axis), x, fixed), constant(np.float32(1))), "y")
    removed(builder.graph)


def test_values_without_elements_do_no_harm() -> None:
    builder = Builder()
    x = builder.input("x", float32(1, 2, 4))
    none = builder.add(Slice((0, 0, 4), (1, 2, 0), (1, 1, 1)), x)
    builder.output(builder.add(Concat(2), x, none, constant(np.zeros((1, 2, 0), np.float32))), "y")
    builder.output(none, "none")
    removed(builder.graph)
