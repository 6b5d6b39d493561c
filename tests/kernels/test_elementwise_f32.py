"""Functions of two float32 tensors, softmax, and the int8 rectifier against numpy in double, for every kernel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from harness import BAD_PARAMS, Array, assert_check_is_exact, rows, run_all_ways, step

from toolchain import records
from toolchain.assets import KERNELS
from toolchain.ir import Quant, Type
from toolchain.kernels import Kernel
from toolchain.ops.add import Add, Sub
from toolchain.ops.arithmetic import Arithmetic
from toolchain.ops.binary import broadcast_params, broadcast_shape
from toolchain.ops.division import Div, FloorDiv, Fmod, Mod
from toolchain.ops.extremum import Maximum, Minimum
from toolchain.ops.mul import Mul
from toolchain.ops.power import Atan2, Pow, SquaredDifference
from toolchain.ops.prelu import PRelu
from toolchain.quantize import elementwise

NAMES = records.rows(KERNELS / "binary_f32" / "binary_f32.h", "BINARY_F32_FUNCTIONS")
OPS: list[Arithmetic] = [
    *(Add(), Sub(), Mul(), Div(), Minimum(), Maximum(), SquaredDifference()),
    *(PRelu(), FloorDiv(), Pow(), Fmod(), Mod(), Atan2()),
]
SHAPES = [
    ((1,), (1,)),
    ((33,), (33,)),
    ((70, 70), (70, 70)),
    ((9, 40), (40,)),
    ((40,), (9, 40)),
    ((5, 7, 40), (5, 7, 1)),
    ((5, 1, 8), (1, 7, 1)),
    ((6, 5000), ()),
    ((2, 1, 3, 1, 2, 1, 3, 1), (1, 2, 1, 2, 1, 3, 1, 33)),
]
EPS = float(np.finfo(np.float32).eps)


def kernels(*families: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kernel", rows(*families), ids=lambda kernel: kernel.name)


def test_every_function_has_an_operator() -> None:
    assert [op.function for op in OPS] == NAMES


def operands(rng: np.random.Generator, name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> tuple[Array, Array]:
    a, b = (rng.normal(0, 3, shape).astype(np.float32) for shape in shapes)
    if name == "pow":
        a = np.abs(a)
    special = np.asarray([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0], np.float32)
    for x in (a, b):
        where = rng.random(x.shape) < 0.1
        x[where] = rng.choice(special, x.shape)[where]
    return a, b


@kernels("binary_f32")
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.function)
def test_binary(kernel: Kernel, op: Arithmetic, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    rng = np.random.default_rng(3)
    a, b = operands(rng, op.function, shapes)
    output = np.empty(broadcast_shape(*shapes), np.float32)
    for low, high in ((-math.inf, math.inf), (-0.5, 2.0)):
        params = broadcast_params(*(Type(x.shape, x.dtype) for x in (a, b, output)))
        params |= {"function": NAMES.index(op.function), "low": low, "high": high}
        this = step(kernel, params, [a, b], output)
        assert_check_is_exact(this)
        y = run_all_ways(this, rng)
        with np.errstate(all="ignore"):
            expected = np.clip(op.real(*np.broadcast_arrays(a.astype(np.float64), b.astype(np.float64))), low, high)
            rounded = expected.astype(np.float32)
        special = ~np.isfinite(rounded)
        np.testing.assert_array_equal(y[special], rounded[special])
        np.testing.assert_allclose(y[~special], expected[~special], rtol=2 * EPS, atol=4 * EPS if op.function == "atan2" else 1e-38)


@kernels("binary_f32")
def test_bad_binary_params(kernel: Kernel) -> None:
    good = broadcast_params(*(Type((4, 8), np.dtype(np.float32)),) * 3) | {"low": 0, "high": 1}
    for number in (-1, len(NAMES)):
        params = kernel.encode({**good, "function": number})
        assert kernel.check(params, [(128, 4, False), (128, 4, False), (128, 4, True)]) == BAD_PARAMS


@kernels("softmax_f32")
@pytest.mark.parametrize("log", [0, 1])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 7, 1), (2, 8, 1), (5, 1001, 1), (2, 9, 5), (3, 10, 16), (1, 40, 37)], ids=str)
def test_softmax(kernel: Kernel, shape: tuple[int, int, int], log: int) -> None:
    rng = np.random.default_rng(shape[1])
    for spread, beta in ((1, 1.0), (30, 1.0), (5, 0.25)):
        x = rng.normal(0, spread, shape).astype(np.float32)
        x[rng.random(shape) < 0.02] = -np.inf
        x[:, 0] = 0
        params = {"outer": shape[0], "depth": shape[1], "inner": shape[2], "log": log, "beta": beta}
        this = step(kernel, params, [x], np.empty_like(x))
        assert_check_is_exact(this)
        shifted = beta * (x.astype(np.float64) - x.max(axis=1, keepdims=True))
        total = np.exp(shifted).sum(axis=1, keepdims=True)
        y = run_all_ways(this, rng)
        if log:
            np.testing.assert_allclose(y, shifted - np.log(total), rtol=4 * EPS, atol=8 * EPS * max(1.0, np.log(shape[1])))
        else:
            expected = np.exp(shifted) / total
            bound = (shape[1] / 8 + 8 + 2 * np.where(np.isfinite(shifted), -shifted, 0)) * EPS * expected + 1e-37
            assert (np.abs(y - expected) <= bound).all()


@kernels("softmax_f32")
def test_softmax_of_nothing_finite(kernel: Kernel) -> None:
    rng = np.random.default_rng(0)
    x = np.full((1, 9, 1), -np.inf, np.float32)
    this = step(kernel, {"outer": 1, "depth": 9, "inner": 1, "log": 0, "beta": 1}, [x], np.empty_like(x))
    assert np.isnan(run_all_ways(this, rng)).all()
    sizes = [(1 << 20, 4, False), (1 << 20, 4, True)]
    for outer, depth, inner, log in ((0, 1, 1, 0), (1, 0, 1, 0), (1, 1, -1, 0), (1, 1, 1, 2), (1 << 20, 4000, 1 << 20, 0)):
        params = {"outer": outer, "depth": depth, "inner": inner, "log": log, "beta": 1}
        assert kernel.check(kernel.encode(params), sizes) == BAD_PARAMS


@kernels("prelu_s8")
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_prelu_s8(kernel: Kernel, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    rng = np.random.default_rng(5)
    a, b = (rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes)
    output = np.empty(broadcast_shape(*shapes), np.int8)
    x, slope, y = (Quant.of(float(rng.uniform(0.01, 0.1)), int(rng.integers(-128, 128))) for _ in range(3))
    positive, negative = elementwise.prelu_rescales(x, slope, y)
    params = broadcast_params(*(Type(v.shape, v.dtype) for v in (a, b, output))) | {
        "a_zero": x.zero[0],
        "b_zero": slope.zero[0],
        "multiplier": positive[0],
        "shift": positive[1],
        "negative_multiplier": negative[0],
        "negative_shift": negative[1],
        "out_zero": y.zero[0],
    }
    this = step(kernel, params, [a, b], output)
    assert_check_is_exact(this)
    np.testing.assert_array_equal(run_all_ways(this, rng), elementwise.prelu(a, b, x, slope, y))
