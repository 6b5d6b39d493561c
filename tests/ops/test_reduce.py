"""Reductions of TFLite files against TFLM's and LiteRT's reference kernels, and of graphs against their meaning."""

from __future__ import annotations

import numpy as np
import pytest

from tests.execute import every_way, read_tflite
from tests.references import litert, tflm
from tests.tflite_writer import Tensor, one_operator
from toolchain.ir import Builder, Type
from toolchain.ops.reduce import KINDS, Reduce

CASES = [
    ((1, 7, 7, 12), [1, 2], False),
    ((1, 7, 7, 12), [1, 2], True),
    ((2, 5, 6, 3), [2, 1], True),
    ((2, 5, 6, 3), [3], False),
    ((2, 5, 6, 3), [0, -1], False),
    ((2, 5, 6, 3), [0, 1, 2, 3], False),
    ((3, 40), [1], True),
    ((300, 4), [0], False),
]


def tensors(shape: tuple[int, ...], axes: list[int], keep: bool, seed: int) -> tuple[list[Tensor], Tensor]:
    rng = np.random.default_rng(seed)
    positive = {axis % len(shape) for axis in axes}
    out = [1 if axis in positive else n for axis, n in enumerate(shape) if keep or axis not in positive]
    x = Tensor(shape, np.int8, float(rng.uniform(0.01, 0.1)), int(rng.integers(-128, 128)))
    y = Tensor(out, np.int8, float(rng.uniform(0.01, 0.1)), int(rng.integers(-128, 128)))
    return [x, Tensor(data=np.asarray(axes, np.int32))], y


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("shape", "axes", "keep"), CASES, ids=str)
@pytest.mark.parametrize("kind", ["MEAN", "SUM"])
def test_sums_of_int8(kind: str, shape: tuple[int, ...], axes: list[int], keep: bool, seed: int) -> None:
    inputs, output = tensors(shape, axes, keep, seed)
    model = one_operator(kind, inputs, output, "ReducerOptions", KeepDims=keep)
    x = np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)
    (y,) = every_way(read_tflite(model), [x])
    np.testing.assert_array_equal(y, tflm(model, [x])[0])
    if kind == "MEAN":  # LiteRT leaves the multiplier of a quantised SUM unset.
        np.testing.assert_array_equal(y, litert(model, [x])[0])


@pytest.mark.parametrize(("shape", "axes", "keep"), CASES, ids=str)
@pytest.mark.parametrize("kind", ["REDUCE_MAX", "REDUCE_MIN"])
def test_extrema_of_int8(kind: str, shape: tuple[int, ...], axes: list[int], keep: bool) -> None:
    inputs, output = tensors(shape, axes, keep, 0)
    output.scale, output.zero = inputs[0].scale, inputs[0].zero
    model = one_operator(kind, inputs, output, "ReducerOptions", KeepDims=keep)
    x = np.random.default_rng(1).integers(-128, 128, shape).astype(np.int8)
    (y,) = every_way(read_tflite(model), [x])
    np.testing.assert_array_equal(y, litert(model, [x])[0])


@pytest.mark.parametrize("kind", ["REDUCE_ANY", "REDUCE_ALL"])
def test_bools(kind: str) -> None:
    x = np.random.default_rng(1).random((3, 4, 5)) < 0.3
    model = one_operator(
        kind, [Tensor(x.shape, np.bool_), Tensor(data=np.asarray([0, 2], np.int32))], Tensor((4,), np.bool_), "ReducerOptions"
    )
    (y,) = every_way(read_tflite(model), [x])
    np.testing.assert_array_equal(y, litert(model, [x])[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axes", [(), (0,), (2,), (0, 2), (0, 1, 2)], ids=str)
def test_floats(kind: str, axes: tuple[int, ...]) -> None:
    builder = Builder()
    shape = (5, 6, 17)
    builder.output(builder.add(Reduce(kind, axes), builder.input("x", Type(shape, np.dtype(np.float32))), name="y"))
    x = np.random.default_rng(2).normal(1, 0.3, shape).astype(np.float32)
    every_way(builder.graph, [x], tolerance=6e-5 if kind == "prod" else 1e-6)


@pytest.mark.parametrize("axes", [(0,), (2,), (0, 2)], ids=str)
def test_permuted_reduction(axes: tuple[int, ...]) -> None:
    builder = Builder()
    x = builder.input("x", Type((2, 3, 4), np.dtype(np.float32)))
    builder.output(builder.add(Reduce("sum", axes), x, name="y"))
    node = builder.graph.nodes[0]
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    for order in ((1, 2, 0), (2, 1, 0), (0, 2, 1)):
        other = node.op.permuted(node, order)
        assert isinstance(other, Reduce)
        (plain,) = node.op.evaluate(node, data)
        (moved,) = other.evaluate(node, np.transpose(data, order))
        np.testing.assert_array_equal(moved, np.transpose(plain, order))
