"""Constant factors and terms, clamps and padding go into the layers beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.passes.graphs import conv, dense, float32, int8, outputs, same_outputs, window
from toolchain.ir import Array, Builder, Graph, Op, Quant, Value, constant
from toolchain.ops.add import Add, Sub
from toolchain.ops.clip import Clip
from toolchain.ops.conv import Conv
from toolchain.ops.conv_transpose import ConvTranspose
from toolchain.ops.mul import Mul
from toolchain.ops.pad import Pad
from toolchain.ops.pool import AveragePool, MaxPool
from toolchain.passes import Pass, apply
from toolchain.passes.fuse_activations import fuse_activations
from toolchain.passes.fuse_pads import fuse_pads
from toolchain.passes.fuse_scales import fuse_scales
from toolchain.spatial import Window

RELU6 = Clip(0.0, 6.0)
BORDER = ((0, 0), (1, 1), (1, 1), (0, 0))


def left(step: Pass, graph: Graph) -> list[str]:
    """The ops that a pass leaves, once the outputs are the same and the pass has settled."""
    before = outputs(graph)
    apply(step, graph)
    same_outputs(before, outputs(graph), tolerance=2e-6)
    assert not apply(step, graph).notes
    return [node.op.name for node in graph.nodes]


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def layer(builder: Builder, x: Value, kind: str, clamp: tuple[float, float] = (-math.inf, math.inf), pad: int = 1) -> Value:
    """A layer of four outputs."""
    channels = x.shape[-1]
    if kind == "dense":
        return dense(builder, x, random(4, channels), random(4))
    if kind == "transposed":
        op = ConvTranspose(Window((2, 2), (2, 2), (1, 1), ((0, 0), (0, 0))), (10, 10), 1, *clamp)
        return builder.add(op, x, constant(random(4, 2, 2, channels)), constant(random(4)))
    groups = channels if kind == "depthwise" else 1
    return conv(builder, x, random(4, 3, 3, channels // groups), random(4), Conv(window(3, pad=pad), groups, *clamp))


KINDS = pytest.mark.parametrize("kind", ["conv", "depthwise", "transposed", "dense"])


@KINDS
def test_a_batch_normalisation_goes_into_the_layer_before(kind: str) -> None:
    builder = Builder()
    y = layer(builder, builder.input("x", float32(1, 5, 5, 4)), kind)
    y = builder.add(Mul(), constant(random(4)), y)
    y = builder.add(Sub(), y, constant(random(4)))
    y = builder.add(Add(0.0, 6.0), y, constant(random(1, 1, 1, 4)))
    builder.output(y, "y")
    (name,) = left(fuse_scales, builder.graph)
    assert name == builder.graph.nodes[0].op.name in ("Conv", "ConvTranspose", "FullyConnected")


@KINDS
def test_a_constant_factor_goes_into_the_layer_after(kind: str) -> None:
    builder = Builder()
    x = builder.add(Clip(-1.0, 1.0), builder.input("x", float32(1, 5, 5, 4)))
    builder.output(layer(builder, builder.add(Mul(), x, constant(random(4))), kind), "y")
    assert left(fuse_scales, builder.graph)[:1] == ["Clip"] and len(builder.graph.nodes) == 2


@KINDS
def test_a_constant_term_goes_into_the_layer_after_where_nothing_is_padded(kind: str) -> None:
    builder = Builder()
    x = builder.add(Sub(), constant(random(4)), builder.input("x", float32(1, 5, 5, 4)))
    builder.output(layer(builder, x, kind, pad=0), "y")
    builder.output(layer(builder, builder.add(Add(), builder.graph.inputs[0], constant(random(1))), "conv"), "padded")
    assert left(fuse_scales, builder.graph).count("Sub") == (1 if kind == "transposed" else 0)
    assert [node.op.name for node in builder.graph.nodes].count("Add") == 1


def test_a_factor_below_a_relu() -> None:
    builder = Builder()
    x = builder.input("x", float32(1, 5, 5, 4))
    y = builder.add(Mul(), layer(builder, x, "conv", (0.0, math.inf)), constant(np.abs(random(4))))
    builder.output(builder.add(Mul(), y, constant(random(4))), "y")
    y = builder.add(Mul(), layer(builder, x, "conv", (-1.0, 6.0)), constant(np.float32(3)))
    builder.output(y, "scalar")
    assert left(fuse_scales, builder.graph) == ["Conv", "Mul", "Conv"]


def test_factors_and_terms_in_a_row_are_merged() -> None:
    builder = Builder()
    y = builder.input("x", float32(1, 5, 5, 4))
    for op in (Mul(), Add(), Mul(), Add(), Sub()):
        y = builder.add(op, y, constant(random(4, seed=len(builder.graph.nodes))))
    builder.output(y, "y")
    assert left(fuse_scales, builder.graph) == ["Mul", "Add"]


def test_a_constant_that_enlarges_or_varies_over_positions_stays() -> None:
    builder = Builder()
    x = builder.input("x", float32(1, 5, 5, 4))
    y = layer(builder, x, "conv")
    builder.output(builder.add(Mul(), y, constant(random(5, 1, 1, 1))), "enlarged")
    builder.output(builder.add(Add(), layer(builder, x, "depthwise"), constant(random(5, 5, 4))), "varying")
    assert left(fuse_scales, builder.graph) == ["Conv", "Mul", "Conv", "Add"]


def test_a_value_that_others_read_is_not_taken_over() -> None:
    builder = Builder()
    y = layer(builder, builder.input("x", float32(1, 5, 5, 4)), "conv")
    builder.output(y, "before")
    builder.output(builder.add(Mul(), builder.add(RELU6, y), constant(random(4))), "after")
    assert left(fuse_scales, builder.graph) == ["Conv", "Clip", "Mul"]
    assert left(fuse_activations, builder.graph) == ["Conv", "Clip", "Mul"]


def test_factors_that_leave_float32_stay() -> None:
    builder = Builder()
    y = layer(builder, builder.input("x", float32(1, 5, 5, 4)), "conv")
    builder.output(builder.add(Clip(-1.0, 1.0), builder.add(Mul(), y, constant(np.float32(3e38)))), "y")
    assert left(fuse_scales, builder.graph) == ["Conv", "Mul", "Clip"]


@pytest.mark.parametrize(
    "op", [Conv(window(3), 1, -1.0, 3.0), MaxPool(window(2)), AveragePool(window(2)), Add(), Mul(), Clip(-3, 1)]
)
def test_clamps_go_into_the_node_before(op: Op) -> None:
    builder = Builder()
    x = builder.input("x", float32(1, 5, 5, 4))
    more = [constant(random(4, 3, 3, 4)), constant(random(4))] if isinstance(op, Conv) else [x] if isinstance(op, Add | Mul) else []
    y = builder.add(Clip(-2.0, 0.5), builder.add(RELU6, builder.add(op, x, *more)))
    builder.output(y, "y")
    assert left(fuse_activations, builder.graph) == [op.name]


def test_an_int8_clamp_in_the_same_quantisation_goes_into_the_node_before() -> None:
    builder = Builder()
    x = builder.input("x", int8(1, 5, 5, 4, zero=3))
    y = conv(builder, x, random(4, 3, 3, 4) * 40, random(4), Conv(window(3)), zero=-20)
    y = builder.add(RELU6, y, quant=y.quant)
    y = builder.add(RELU6, builder.add(Add(), y, y, quant=Quant.of(0.07, 1)), quant=Quant.of(0.07, 1))
    y = builder.add(RELU6, builder.add(MaxPool(window(2)), y, quant=y.quant), quant=y.quant)
    builder.output(y, "y")
    assert left(fuse_activations, builder.graph) == ["Conv", "Add", "MaxPool"]


def test_an_int8_clamp_that_rescales_stays() -> None:
    builder = Builder()
    x = builder.input("x", int8(1, 5, 5, 4, zero=3))
    y = conv(builder, x, random(4, 3, 3, 4) * 40, random(4), Conv(window(3)), zero=-20)
    builder.output(builder.add(RELU6, y, quant=Quant.of(6 / 255, -128)), "y")
    assert left(fuse_activations, builder.graph) == ["Conv", "Clip"]


def padded(builder: Builder, x: Value, fill: float) -> Value:
    value = constant(np.asarray(fill, x.dtype), quant=x.quant)
    return builder.add(Pad(BORDER), x, value, quant=x.quant)


@pytest.mark.parametrize("quantized", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize("fill", [0, 2])
def test_zeros_go_into_a_convolution(quantized: bool, fill: int) -> None:
    builder = Builder()
    x = builder.input("x", int8(1, 5, 5, 4, zero=-7) if quantized else float32(1, 5, 5, 4))
    y = padded(builder, x, fill - 7 if quantized else fill)
    builder.output(conv(builder, y, random(4, 3, 3, 4) * 30, random(4), Conv(window(3, 2, 1))), "y")
    assert left(fuse_pads, builder.graph) == (["Conv"] if fill == 0 else ["Pad", "Conv"])


@pytest.mark.parametrize("quantized", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize(("fill", "kernel", "expected"), [(0, 2, True), (-1, 2, True), (1, 2, False), (0, 1, False)])
def test_what_never_wins_goes_into_a_maximum(quantized: bool, fill: int, kernel: int, expected: bool) -> None:
    builder = Builder()
    x = builder.input("x", int8(1, 5, 5, 4, zero=-7) if quantized else float32(1, 5, 5, 4))
    w = random(4, 1, 1, 4) * 30
    y = conv(builder, x, w, random(4), Conv(window(), 1, 0.0), zero=-20)
    y = padded(builder, y, fill - 20 if quantized else fill)
    builder.output(builder.add(MaxPool(window(kernel, 2)), y, quant=y.quant), "y")
    assert (left(fuse_pads, builder.graph) == ["Conv", "MaxPool"]) == expected


@pytest.mark.parametrize("quantized", [False, True], ids=["float32", "int8"])
@pytest.mark.parametrize("counted", [None, (1, 0)])
@pytest.mark.parametrize("pad", [0, 1])
def test_zeros_go_into_an_average_that_counts_them(quantized: bool, counted: tuple[int, int] | None, pad: int) -> None:
    builder = Builder()
    x = builder.input("x", int8(1, 5, 5, 4) if quantized else float32(1, 5, 5, 4))
    op = AveragePool(window(3, pad=pad), None if quantized or not pad else counted)
    builder.output(builder.add(op, padded(builder, x, 0), quant=x.quant), "y")
    fused = not quantized and (pad == 0 or counted is not None)
    assert (left(fuse_pads, builder.graph) == ["AveragePool"]) == fused


def test_padding_of_channels_stays() -> None:
    builder = Builder()
    x = builder.input("x", float32(1, 5, 5, 3))
    y = builder.add(Pad(((0, 0), (0, 0), (0, 0), (0, 1))), x, constant(np.float32(0)))
    builder.output(layer(builder, y, "conv"), "y")
    assert left(fuse_pads, builder.graph) == ["Pad", "Conv"]


@st.composite
def chains(draw: st.DrawFn) -> Graph:
    """Layers, constant factors and terms, clamps, paddings and pools at random."""
    builder = Builder()
    y = builder.input("x", float32(1, 5, 5, 4))
    for index in range(draw(st.integers(2, 9))):
        kind = draw(st.sampled_from(["conv", "depthwise", "dense", "mul", "add", "sub", "clip", "pad", "max", "average"]))
        c = random(*draw(st.sampled_from([(), (1,), (4,), (1, 4), (5, 1, 4)])), seed=index)
        if kind in ("conv", "depthwise", "dense"):
            y = layer(builder, y, kind, draw(st.sampled_from([(-math.inf, math.inf), (0.0, math.inf), (-1.0, 1.0)])))
        elif kind == "clip":
            y = builder.add(Clip(*sorted((float(random(seed=index)), float(random(seed=index + 1))))), y)
        elif kind == "pad":
            y = padded(builder, y, draw(st.sampled_from([0.0, 0.0, -1.0])))
        elif kind in ("max", "average"):
            op = window(draw(st.integers(1, 2)), pad=0)
            y = builder.add(MaxPool(op) if kind == "max" else AveragePool(op), y)
        elif c.ndim < 3 or y.shape[1] == 5:
            ops = {"mul": Mul(), "add": Add(), "sub": Sub()}
            y = builder.add(ops[kind], *((constant(c), y) if draw(st.booleans()) else (y, constant(c))))
        if draw(st.integers(0, 7)) == 0:
            builder.output(y, f"y{index}")
    builder.output(y, "y")
    return builder.graph


@settings(max_examples=200, deadline=None)
@given(chains())
def test_no_output_leaves_its_bound(graph: Graph) -> None:
    before = outputs(graph)
    for step in (fuse_pads, fuse_scales, fuse_activations, fuse_scales):
        apply(step, graph)
    same_outputs(before, outputs(graph), tolerance=1e-5)
