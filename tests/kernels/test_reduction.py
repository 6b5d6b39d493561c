"""Reductions against numpy, for every kernel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from harness import BAD_OPERANDS, BAD_PARAMS, OK, Array, assert_check_is_exact, rows, run_all_ways, step

from toolchain.ir import DTYPES, Quant, Type
from toolchain.kernels import Kernel
from toolchain.ops.reduce import reduction_params
from toolchain.quantize import elementwise

CASES = [
    ((1,), (0,)),
    ((37,), (0,)),
    ((5, 9), (1,)),
    ((5, 9), (0,)),
    ((7, 7, 33), (0, 1)),
    ((2, 7, 7, 64), (1, 2)),
    ((2, 3, 4, 5), (0, 2)),
    ((2, 3, 4, 5), (1, 3)),
    ((2, 3, 4, 5), ()),
    ((3, 1000), (1,)),
    ((1000, 3), (0,)),
    ((2, 1, 3, 2, 1, 2, 3, 2), (0, 3, 5, 7)),
    ((4, 1, 8), (0, 1, 2)),
]
FLOAT_KINDS = ["sum", "sum_abs", "sum_square", "prod", "max", "min"]
INTEGER_KINDS = ["sum", "prod", "max", "min"]
FUNCTIONS: list[Any] = [np.sum, np.prod, np.max, np.min]
EPS = float(np.finfo(np.float32).eps)


def kernels(*families: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kernel", rows(*families), ids=lambda kernel: kernel.name)


def geometry(shape: tuple[int, ...], axes: tuple[int, ...]) -> dict[str, object]:
    return reduction_params(Type(shape, np.dtype(np.float32)), axes)


@kernels("reduce_f32")
@pytest.mark.parametrize("kind", FLOAT_KINDS)
@pytest.mark.parametrize(("shape", "axes"), CASES, ids=str)
def test_floats(kernel: Kernel, shape: tuple[int, ...], axes: tuple[int, ...], kind: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1, shape).astype(np.float32)
    count = math.prod(shape[axis] for axis in axes)
    wide = x.astype(np.float64)
    function: Any = {"prod": np.prod, "max": np.max, "min": np.min}.get(kind, np.sum)
    values = abs(wide) if kind == "sum_abs" else wide**2 if kind == "sum_square" else wide
    expected = np.asarray(function(values, axis=axes))
    bound = (count + 2) * EPS * np.asarray(function(abs(values), axis=axes)) if kind not in ("max", "min") else 0 * expected
    for divisor in (1.0, float(max(count, 1))):
        params = {**geometry(shape, axes), "kind": FLOAT_KINDS.index(kind), "divisor": divisor}
        this = step(kernel, params, [x], np.empty(expected.shape, np.float32))
        assert_check_is_exact(this)
        y = run_all_ways(this, rng)
        assert (np.abs(y - expected / divisor) <= bound / divisor + EPS * abs(expected / divisor) + 1e-38).all()


@kernels("reduce_f32")
def test_extrema_of_nan_are_nan(kernel: Kernel) -> None:
    rng = np.random.default_rng(2)
    for kind in ("max", "min"):
        for shape, axes in (((5, 37), (1,)), ((37, 40), (0,))):
            x = rng.normal(0, 1, shape).astype(np.float32)
            x[rng.random(shape) < 0.03] = np.nan
            x[rng.random(shape) < 0.03] = np.inf
            expected = np.asarray((np.max if kind == "max" else np.min)(x, axis=axes))
            params = {**geometry(shape, axes), "kind": FLOAT_KINDS.index(kind), "divisor": 1}
            np.testing.assert_array_equal(run_all_ways(step(kernel, params, [x], np.empty_like(expected)), rng), expected)


@kernels("reduce_int")
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize(("shape", "axes"), CASES, ids=str)
def test_integers(kernel: Kernel, shape: tuple[int, ...], axes: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(3)
    info = np.iinfo(dtype)
    x: Array = rng.integers(info.min, info.max, shape, endpoint=True, dtype=dtype)
    for number, function in enumerate(FUNCTIONS):
        options = {"dtype": dtype} if number < 2 else {}
        expected = np.asarray(function(x, axis=axes, **options))
        params = {**geometry(shape, axes), "kind": number, "dtype": DTYPES.index(np.dtype(dtype))}
        this = step(kernel, params, [x], np.empty(expected.shape, dtype))
        assert_check_is_exact(this)
        np.testing.assert_array_equal(run_all_ways(this, rng), expected)


@kernels("normalize_f32")
@pytest.mark.parametrize("centred", [0, 1])
@pytest.mark.parametrize(("shape", "axes"), CASES, ids=str)
def test_normalisation(kernel: Kernel, shape: tuple[int, ...], axes: tuple[int, ...], centred: int) -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(0.5, 2, shape).astype(np.float32)
    this = step(kernel, {**geometry(shape, axes), "centre": centred, "epsilon": 1e-3}, [x], np.empty_like(x))
    assert_check_is_exact(this)
    wide = x.astype(np.float64)
    wide -= wide.mean(axis=axes, keepdims=True) if centred else 0
    expected = wide / np.sqrt(np.square(wide).mean(axis=axes, keepdims=True) + 1e-3)
    count = math.prod(shape[axis] for axis in axes)
    np.testing.assert_allclose(
        run_all_ways(this, rng), expected, rtol=0, atol=(count / 8 + 8) * EPS * np.abs(expected).max() + 8 * EPS
    )


@kernels("sum_s8")
@pytest.mark.parametrize("kind", ["sum", "mean"])
@pytest.mark.parametrize(("shape", "axes"), CASES, ids=str)
def test_quantised(kernel: Kernel, shape: tuple[int, ...], axes: tuple[int, ...], kind: str) -> None:
    rng = np.random.default_rng(4)
    x = rng.integers(-128, 128, shape).astype(np.int8)
    source, target = Quant.of(0.037, int(rng.integers(-128, 128))), Quant.of(0.05, int(rng.integers(-128, 128)))
    count = math.prod(shape[axis] for axis in axes)
    factor = elementwise.sum_rescale(source, target, count, kind)
    total = x.sum(axis=axes, dtype=np.int64) - source.zero[0] * count
    expected = elementwise.rescale(np.asarray(total), factor, target.zero[0])
    params = {**geometry(shape, axes), "in_zero": source.zero[0], "out_zero": target.zero[0]}
    params |= {"multiplier": factor[0], "shift": factor[1]}
    this = step(kernel, params, [x], np.empty(expected.shape, np.int8))
    assert_check_is_exact(this)
    np.testing.assert_array_equal(run_all_ways(this, rng), expected)


@kernels("reduce_f32", "reduce_int", "sum_s8", "normalize_f32")
def test_bad_params(kernel: Kernel) -> None:
    plain = dict.fromkeys(kernel.params.names or (), 0)
    good: dict[str, Any] = plain | geometry((4, 8), (1,)) | ({"dtype": DTYPES.index(np.dtype(np.int8))} if "dtype" in plain else {})
    extents = [(32 * 4, 8, False), (32 * 4, 8, True)]
    assert kernel.check(kernel.encode(good), extents) == OK

    def changed(field: str, index: int, value: int) -> int:
        values = list(good[field])
        values[index] = value
        return kernel.check(kernel.encode({**good, field: values}), extents)

    assert changed("shape", 0, 0) == changed("axis_shape", 7, -1) == changed("shape", 0, 1 << 30) == BAD_PARAMS
    assert changed("stride", 7, -1) == changed("axis_stride", 3, -8) == BAD_OPERANDS
    assert changed("stride", 7, 1 << 30) == changed("axis_stride", 7, 1 << 30) == BAD_OPERANDS
    if "kind" in good:
        assert kernel.check(kernel.encode({**good, "kind": 6}), extents) == BAD_PARAMS
