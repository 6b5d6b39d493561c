"""Weights in blocks of 32: the rounding against ggml's rule written out, the packing byte by byte, whole graphs."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

import runtime
from tests.quantize.test_post_training import network
from toolchain import targets
from toolchain.compiler import BlockQuantization, compile_graph
from toolchain.ir import Array, Builder, Graph, constant, float32, run
from toolchain.kernels import families
from toolchain.ops.block_product import BlockProduct
from toolchain.ops.conv import Conv
from toolchain.ops.fully_connected import FullyConnected
from toolchain.quantize import blocks
from toolchain.quantize.block_weights import SCHEMES, weights_in_blocks
from toolchain.spatial import Window

single = np.float32


def q4_0(block: Array) -> tuple[bytes, list[int]]:
    """One block by ggml's quantize_row_q4_0: the scale's two bytes and the stored values 0..15."""
    largest = extreme = single(0)
    for value in block:
        if largest < abs(value):
            largest, extreme = abs(value), value
    scale = extreme / single(-8)
    inverse = single(1) / scale if scale else single(0)
    return np.float16(scale).tobytes(), [min(15, math.floor(value * inverse + single(8.5))) for value in block]


def q8_0(block: Array) -> tuple[bytes, list[int]]:
    """One block by ggml's quantize_row_q8_0: the scale's two bytes and the stored values."""
    largest = max(abs(value) for value in block)
    scale = largest / single(127)
    inverse = single(1) / scale if scale else single(0)
    scaled = [value * inverse for value in block]
    return np.float16(scale).tobytes(), [int(math.copysign(math.floor(abs(float(x)) + 0.5), x)) for x in scaled]


def difficult(rng: np.random.Generator) -> Array:
    """Blocks with ties of both signs and places, halves between values, zeros of both signs, tiny and large values."""
    x = rng.standard_normal((64, 32)).astype(np.float32)
    x[0], x[1], x[2] = 0, -0.0, 1
    x[3, ::2], x[3, 1::2] = 1, -1
    x[4, ::2], x[4, 1::2] = -1, 1
    x[5] = np.arange(32) % 17 - 8
    x[6] = (np.arange(32) - 16) / 2
    x[7, 0], x[8, 31] = 127, -127
    x[7, 1:] = x[8, :31] = np.arange(31) - 15.5
    x[9] *= np.float32(1e-6)
    x[10] *= np.float32(1e4)
    x[11, :5], x[11, 5:] = 8, -8
    x[12, 1:], x[12, 0] = 0, -3
    return x


@pytest.mark.parametrize(("bits", "rule"), [(4, q4_0), (8, q8_0)])
def test_rounding_is_ggmls_to_the_bit(bits: int, rule: object) -> None:
    assert callable(rule)
    x = difficult(np.random.default_rng(0))
    values, scale = blocks.quantize_weights(x, bits)
    for row in range(len(x)):
        raw, stored = rule(x[row])
        assert scale[row].tobytes() == raw, row
        assert (values[row, 0] + (8 if bits == 4 else 0)).tolist() == stored, row


@pytest.mark.parametrize("bits", [4, 8])
def test_short_blocks_end_with_zeros(bits: int) -> None:
    w = np.random.default_rng(1).standard_normal((3, 45)).astype(np.float32)
    values, scale = blocks.quantize_weights(w, bits)
    assert values.shape == (3, 2, 32) and scale.shape == (3, 2) and (values[:, 1, 13:] == 0).all()
    step = abs(scale[:, :, None].astype(np.float64))
    assert (abs(blocks.joined(values, scale, 45) - w) <= np.repeat(step, 32, axis=2).reshape(3, 64)[:, :45] * 1.01).all()


@pytest.mark.parametrize("bits", [4, 8])
def test_packing_is_what_the_header_states(bits: int) -> None:
    """Every stored weight and scale lies where conv_b32.h says, padding means zero."""
    rng = np.random.default_rng(2)
    groups, columns, count, nr = 2, 19, 3, 16
    values = rng.integers(-8, 8, (groups, columns, count, 32)).astype(np.int8)
    scale = rng.standard_normal((groups, columns, count)).astype(np.float16)
    packed, scales = blocks.pack(values, scale, bits, nr)
    raw, halves, zero = packed.tobytes(), scales.tobytes(), blocks.ZERO[bits]
    assert len(raw) == groups * 2 * count * nr * 4 * bits and len(halves) == groups * 2 * count * nr * 2
    for group, column, block in np.ndindex(groups, 2 * nr, count):
        panel = ((group * 2 + column // nr) * count + block) * nr
        (found,) = struct.unpack_from("<e", halves, 2 * (panel + column % nr))
        assert found == (scale[group, column, block] if column < columns else 0)
        for k in range(32):
            quarter, byte = k // 4, 4 * (column % nr) + k % 4
            if bits == 8:
                stored = raw[panel * 32 + quarter * 4 * nr + byte]
            else:
                stored = raw[panel * 16 + quarter % 4 * 4 * nr + byte] >> (4 * (quarter // 4)) & 15
            assert stored - zero == (values[group, column, block, k] if column < columns else 0)


def test_activations_that_are_not_finite_spoil_what_they_meet() -> None:
    x = np.ones((1, 64), np.float32)
    x[0, 40] = np.nan
    values, scale = blocks.quantize_activations(x)
    assert np.isnan(scale[0, 1]) and scale[0, 0] == np.float32(1) / np.float32(127) and (values[0, 1] == 0).all()


def wide(seed: int = 0) -> Graph:
    """Convolutions over 16 to 70 channels, one in groups, with strides, and a dense layer."""
    rng = np.random.default_rng(seed)

    def weights(*shape: int) -> Array:
        return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)

    three = Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))
    builder = Builder()
    x = builder.input("image", float32(2, 9, 8, 16))
    x = builder.add(Conv(three, low=0.0), x, constant(weights(40, 3, 3, 16)), constant(weights(40, 1)[:, 0]), name="first")
    down = Window((2, 3), (2, 1), (1, 2), ((0, 1), (2, 0)))
    x = builder.add(
        Conv(down, 2, low=0.0, high=6.0), x, constant(weights(70, 2, 3, 20)), constant(weights(70, 1)[:, 0]), name="groups"
    )
    one = Window((1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)))
    x = builder.add(Conv(one), x, constant(weights(33, 1, 1, 70)), constant(weights(33, 1)[:, 0]), name="point")
    builder.output(builder.add(FullyConnected(), x, constant(weights(10, 33)), constant(weights(10, 1)[:, 0]), name="dense"))
    return builder.graph


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("isa", [None, "avx2", "scalar"])
def test_runtime_computes_what_the_graph_means(scheme: str, isa: str | None) -> None:
    compiled = compile_graph(wide(), targets.load("host"), quantization=BlockQuantization(scheme))
    kinds = [step.kernel.family for step in compiled.program.steps]
    assert kinds == ["quantize_b32", f"conv_q{SCHEMES[scheme]}b32"] * 4
    if isa is not None and all(row.isa != isa for row in families()["conv_q4b32"]):
        pytest.skip(f"this machine has no {isa}")
    model = runtime.Model(compiled.plan, isa=isa)
    rng = np.random.default_rng(3)
    for _ in range(3):
        x = rng.standard_normal((2, 9, 8, 16)).astype(np.float32)
        (expected,) = run(compiled.graph, [x])
        # A float that two kernels round apart may fall into neighbouring steps of the next layer.
        assert abs(model.run([x])[0] - expected).max() < 0.02 * abs(expected).max()


def test_layers_without_channels_stay_in_float_and_the_rest_is_counted() -> None:
    graph = network()
    notes = weights_in_blocks("int4-block32")(graph)
    held = [node for node in graph.nodes if isinstance(node.op, BlockProduct)]
    assert len(notes) == len(held) == 1 and held[0].name == "dense"
    assert isinstance(held[0].op, BlockProduct) and held[0].op.weight_bytes(held[0]) == (5 * (16 + 2), 5 * 16 * 4)


def test_schemes_are_measured_on_samples() -> None:
    data = [[np.random.default_rng(i).standard_normal((2, 9, 8, 16)).astype(np.float32)] for i in range(4)]
    compiled = compile_graph(wide(), targets.load("host"), quantization=BlockQuantization("int4-block32", data))
    four, eight = compiled.tries
    assert (four.method, eight.method) == ("int4-block32", "int8-block32")
    assert 12 < four.snr < eight.snr and eight.snr > 30
