"""int8 activations and elementwise operators of TFLite files against TFLM's and LiteRT's reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.execute import compiled, every_way, read_tflite
from tests.references import Array, litert, tflm
from tests.tflite_writer import Tensor, one_operator

EVERY = np.arange(-128, 128, dtype=np.int8).reshape(1, 1, 16, 16)


def int8_tensors(rng: np.random.Generator, shape: tuple[int, ...], low: float = 0.003, high: float = 0.3) -> Tensor:
    return Tensor(shape, np.int8, float(np.exp(rng.uniform(np.log(low), np.log(high)))), int(rng.integers(-128, 128)))


def run(model: bytes, *inputs: Array) -> Array:
    (y,) = every_way(read_tflite(model), inputs)
    return y


def agree(model: bytes, *inputs: Array, micro: bool = True, full: bool = True, within: int = 0) -> None:
    """Every way of running gives the reference kernels' bytes; LiteRT's `within` so many."""
    y = run(model, *inputs)
    if micro:
        np.testing.assert_array_equal(y, tflm(model, inputs)[0])
    if full:
        assert int(abs(y.astype(int) - litert(model, inputs)[0].astype(int)).max()) <= within


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"])
def test_relu(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = int8_tensors(rng, EVERY.shape), int8_tensors(rng, EVERY.shape)
    agree(one_operator(kind, [x], y), EVERY, micro=kind == "RELU")
    same = Tensor(EVERY.shape, np.int8, x.scale, x.zero)
    agree(one_operator(kind, [x], same), EVERY, micro=False)


@pytest.mark.parametrize("seed", range(8))
def test_relu6_without_rescaling_is_also_tflm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = Tensor(EVERY.shape, np.int8, float(rng.uniform(0.05, 0.2)), int(rng.integers(-128, -30)))
    agree(one_operator("RELU6", [x], x), EVERY)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH"])
def test_sigmoids(kind: str, seed: int) -> None:
    x = int8_tensors(np.random.default_rng(seed), EVERY.shape)
    y = Tensor(EVERY.shape, np.int8, 1 / 256, -128) if kind == "LOGISTIC" else Tensor(EVERY.shape, np.int8, 1 / 128, 0)
    agree(one_operator(kind, [x], y), EVERY, within=1)


@pytest.mark.parametrize("seed", range(12))
def test_hard_swish(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = int8_tensors(rng, EVERY.shape), int8_tensors(rng, EVERY.shape, 0.01)
    agree(one_operator("HARD_SWISH", [x], y), EVERY)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("alpha", [0.1, 0.3, 1.5, -0.4])
def test_leaky_relu(alpha: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = int8_tensors(rng, EVERY.shape), int8_tensors(rng, EVERY.shape)
    agree(one_operator("LEAKY_RELU", [x], y, "LeakyReluOptions", Alpha=alpha), EVERY, micro=alpha > 0, full=alpha > 0)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("kind", "table", "options"),
    [
        ("ELU", "", {}),
        ("EXP", "ExpOptions", {}),
        ("LOG", "", {}),
        ("GELU", "GeluOptions", {"Approximate": True}),
        ("GELU", "GeluOptions", {"Approximate": False}),
    ],
)
def test_functions_by_table(kind: str, table: str, options: dict[str, Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = int8_tensors(rng, EVERY.shape, 0.01, 0.1), int8_tensors(rng, EVERY.shape, 0.01, 0.1)
    if kind == "LOG":
        x = Tensor(EVERY.shape, np.int8, x.scale, -128)
    agree(one_operator(kind, [x], y, table, **options), EVERY, micro=kind == "ELU", full=kind != "ELU")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("depth", [1, 2, 3, 10, 12, 101, 511])
def test_softmax(depth: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (7, depth)
    model = one_operator(
        "SOFTMAX",
        [int8_tensors(rng, shape, 0.001, 3)],
        Tensor(shape, np.int8, 1 / 256, -128),
        "SoftmaxOptions",
        Beta=float(rng.choice([1.0, 0.3, 2.0])),
    )
    agree(model, rng.integers(-128, 128, shape).astype(np.int8))


SHAPES = [
    ((2, 3, 5, 17), (2, 3, 5, 17)),
    ((1, 4, 6, 8), (1, 1, 1, 8)),
    ((1, 1, 6, 8), (2, 4, 1, 8)),
    ((4, 8), (8,)),
    ((3, 4), ()),
]


@pytest.mark.parametrize("activation", [0, 1, 2, 3])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize(("kind", "table"), [("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions")])
def test_arithmetic(kind: str, table: str, shapes: tuple[tuple[int, ...], tuple[int, ...]], activation: int) -> None:
    rng = np.random.default_rng(activation)
    a, b = int8_tensors(rng, shapes[0]), int8_tensors(rng, shapes[1])
    y = int8_tensors(rng, np.broadcast_shapes(*shapes), 0.05)
    model = one_operator(kind, [a, b], y, table, FusedActivationFunction=activation)
    agree(model, *(rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes), micro=() not in shapes)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("slope", [(4,), (1, 1, 4), (2, 3, 4)], ids=str)
def test_prelu(slope: tuple[int, ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (2, 2, 3, 4)
    alpha = Tensor(data=rng.integers(-128, 128, slope).astype(np.int8), scale=float(rng.uniform(0.001, 0.02)), zero=3)
    model = one_operator("PRELU", [int8_tensors(rng, shape), alpha], int8_tensors(rng, shape))
    agree(model, rng.integers(-128, 128, shape).astype(np.int8))


@pytest.mark.parametrize("kind", ["MINIMUM", "MAXIMUM"])
@pytest.mark.parametrize("shapes", SHAPES[:4], ids=str)
def test_extrema(kind: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    rng = np.random.default_rng(1)
    a, b, y = (Tensor(shape, np.int8, 0.1, 3) for shape in (*shapes, np.broadcast_shapes(*shapes)))
    agree(one_operator(kind, [a, b], y), *(rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes))


@pytest.mark.parametrize("activation", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("kind", "table"), [("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions"), ("DIV", "DivOptions")]
)
def test_arithmetic_of_int32(kind: str, table: str, activation: int) -> None:
    rng = np.random.default_rng(activation)
    a, b = rng.integers(-9, 10, (3, 8)).astype(np.int32), rng.integers(1, 10, (8,)).astype(np.int32)
    tensors = [Tensor(a.shape, np.int32), Tensor(b.shape, np.int32)]
    model = one_operator(kind, tensors, Tensor(a.shape, np.int32), table, FusedActivationFunction=activation)
    np.testing.assert_array_equal(run(model, a, b), litert(model, [a, b])[0])


def test_squared_difference_of_int8_is_close() -> None:
    rng = np.random.default_rng(0)
    other = rng.integers(-128, 128, EVERY.shape).astype(np.int8)
    tensors = [Tensor(EVERY.shape, np.int8, 0.05, 3), Tensor(EVERY.shape, np.int8, 0.04, -3)]
    model = one_operator("SQUARED_DIFFERENCE", tensors, Tensor(EVERY.shape, np.int8, 0.4, -128))
    (y,) = compiled(read_tflite(model), [EVERY, other])
    assert int(abs(y.astype(int) - litert(model, [EVERY, other])[0].astype(int)).max()) <= 1


@pytest.mark.parametrize("kind", ["ABS", "RSQRT"])
@pytest.mark.parametrize("seed", range(4))
def test_other_laws_that_a_table_by_floats_meets(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = Tensor(EVERY.shape, np.int8, float(rng.uniform(0.01, 0.1)), -128 if kind == "RSQRT" else int(rng.integers(-128, 128)))
    y = Tensor(EVERY.shape, np.int8, float(rng.uniform(0.01, 0.1)), int(rng.integers(-128, 128)))
    agree(one_operator(kind, [x], y), EVERY, micro=False, within=1)
