"""Small graphs and random inputs for the tests of passes."""

from __future__ import annotations

import numpy as np

from toolchain.ir import Array, Builder, Graph, Quant, Type, Value, constant, float32, run, verify
from toolchain.ops.conv import Conv
from toolchain.ops.conv_transpose import ConvTranspose
from toolchain.ops.fully_connected import FullyConnected
from toolchain.spatial import Pads, Window

INT8 = np.dtype(np.int8)


def int8(*shape: int, scale: float = 0.05, zero: int = 0) -> Type:
    """A quantised int8 type."""
    return Type(tuple(shape), INT8, Quant.of(scale, zero))


def window(kernel: int = 1, stride: int = 1, pad: int = 0) -> Window:
    """A square window over two axes."""
    pads: Pads = ((pad, pad), (pad, pad))
    return Window((kernel, kernel), (stride, stride), (1, 1), pads)


def conv(
    builder: Builder, x: Value, w: Array, b: Array, op: Conv | ConvTranspose, *, zero: int = 0, scale: float = 0.1, name: str = ""
) -> Value:
    """A convolution in x's own arithmetic: int8 weights at scale 0.02 for each output, or float32."""
    if x.dtype == np.float32:
        return builder.add(op, x, constant(w.astype(np.float32)), constant(b.astype(np.float32)), name=name)
    weights = constant(w.astype(np.int8), quant=Quant((0.02,) * len(w), (0,) * len(w), 0))
    return builder.add(op, x, weights, constant(b.astype(np.int32)), name=name, quant=Quant.of(scale, zero))


def dense(builder: Builder, x: Value, w: Array, b: Array, *, zero: int = 0, scale: float = 0.1, name: str = "") -> Value:
    """A fully connected layer in x's own arithmetic."""
    if x.dtype == np.float32:
        return builder.add(FullyConnected(), x, constant(w.astype(np.float32)), constant(b.astype(np.float32)), name=name)
    weights = constant(w.astype(np.int8), quant=Quant.of(0.02, 0))
    return builder.add(FullyConnected(), x, weights, constant(b.astype(np.int32)), name=name, quant=Quant.of(scale, zero))


def identity_conv(count: int) -> Array:
    """Weights of a 1x1 convolution that tells its input channels apart."""
    return np.eye(count).reshape(count, 1, 1, count) * 40


def random_inputs(graph: Graph, seed: int = 0) -> list[Array]:
    """Inputs over the whole range of their types; floats from a normal distribution."""
    generator = np.random.default_rng(seed)
    arrays = []
    for value in graph.inputs:
        if value.dtype.kind == "f":
            arrays.append(generator.standard_normal(value.shape).astype(value.dtype))
        elif value.dtype.kind == "b":
            arrays.append(generator.integers(0, 2, value.shape).astype(value.dtype))
        else:
            info = np.iinfo(value.dtype)
            arrays.append(generator.integers(max(info.min, -1000), min(info.max, 1000), value.shape, value.dtype, endpoint=True))
    return arrays


class Run(list[Array]):
    """The outputs of one run, and the largest finite float that it computed on the way."""

    magnitude: float = 0.0


def outputs(graph: Graph, seeds: int = 3) -> list[Run]:
    """What a graph computes for some random inputs."""
    verify(graph)
    runs = []
    for seed in range(seeds):
        values: dict[Value, Array] = {}
        result = Run(run(graph, random_inputs(graph, seed), keep=values))
        floats = [array[np.isfinite(array)] for array in values.values() if array.dtype.kind == "f"]
        result.magnitude = max((float(np.max(np.abs(array), initial=0.0)) for array in floats), default=0.0)
        runs.append(result)
    return runs


def same_outputs(before: list[Run], after: list[Run], tolerance: float = 1e-5) -> None:
    """Integers must be equal, floats within tolerance * max|before|, or up to 100 times that where larger values cancelled out."""
    for expected_row, row in zip(before, after, strict=True):
        for expected, got in zip(expected_row, row, strict=True):
            assert expected.shape == got.shape and expected.dtype == got.dtype
            if expected.dtype.kind == "f":
                largest = float(np.max(np.abs(expected), initial=0.0))
                bound = tolerance * max(largest, min(expected_row.magnitude, 100 * largest))
                np.testing.assert_allclose(got, expected, rtol=0, atol=bound)
            else:
                np.testing.assert_array_equal(got, expected)


__all__ = ["INT8", "conv", "dense", "float32", "identity_conv", "int8", "outputs", "random_inputs", "same_outputs", "window"]
