"""Conversion between all element types against the law in numpy, and that law against exact arithmetic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from harness import BAD_PARAMS, OK, Array, assert_check_is_exact, rows, run_all_ways, step

from toolchain.ir import DTYPES
from toolchain.kernels import Kernel
from toolchain.ops.cast import convert

DType = np.dtype[Any]
KERNELS = pytest.mark.parametrize("kernel", rows("cast"), ids=lambda kernel: kernel.name)


def values(dtype: DType, count: int, rng: np.random.Generator) -> Array:
    """Every kind of value: limits of each integer type and their neighbours, ties, subnormals, infinities and NaN."""
    if dtype == np.bool_:
        return rng.random(count) < 0.5
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        special = (0, 1, -1, 127, 128, -129, 255, 256, 1 << 24, (1 << 24) + 1, (1 << 53) + 1, info.min, info.max)
        chosen = rng.choice(np.asarray([n for n in special if info.min <= n <= info.max], dtype), count)
        return np.where(rng.random(count) < 0.5, chosen, rng.integers(info.min, info.max, count, dtype, endpoint=True))
    limits = [
        float(edge) + step
        for bits in (7, 8, 15, 16, 31, 32, 63, 64)
        for edge in (-(1 << bits), 1 << bits)
        for step in (-1, -0.5, 0, 0.5, 1)
    ]
    special_floats = [0.0, -0.0, 0.5, -0.5, 2.5, -2.5, 65504.0, 65520.0, 6e-8, 1e-8, math.inf, -math.inf, math.nan, *limits]
    with np.errstate(over="ignore"):
        chosen = rng.choice(np.asarray(special_floats).astype(dtype), count)
        return np.where(rng.random(count) < 0.7, chosen, (rng.standard_normal(count) * 1000).astype(dtype))


@KERNELS
@pytest.mark.parametrize("source", DTYPES, ids=str)
def test_cast(kernel: Kernel, source: DType) -> None:
    rng = np.random.default_rng(4)
    for target in DTYPES:
        for count in (1, 4095, 4097, 9000):
            x = values(source, count, rng)
            expected = convert(x, target)
            params = {"count": count, "source": DTYPES.index(source), "target": DTYPES.index(target)}
            this = step(kernel, params, [x], np.empty(count, target))
            assert_check_is_exact(this)
            np.testing.assert_array_equal(run_all_ways(this, rng), expected, str(target))


@KERNELS
def test_unknown_types_are_refused(kernel: Kernel) -> None:
    good, extents = {"count": 1, "source": 0, "target": 0}, [(64, 64, False), (64, 64, True)]
    assert kernel.check(kernel.encode(good), extents) == OK
    for bad in ({"count": 0}, {"count": -1}, {"source": 12}, {"source": -1}, {"target": 99}):
        assert kernel.check(kernel.encode(good | bad), extents) == BAD_PARAMS


@pytest.mark.parametrize("target", [dtype for dtype in DTYPES if dtype.kind in "iu"], ids=str)
@pytest.mark.parametrize("source", [np.dtype(name) for name in ("float16", "float32", "float64")], ids=str)
def test_the_law_truncates_and_clamps(source: DType, target: DType) -> None:
    x = values(source, 3000, np.random.default_rng(1))
    info = np.iinfo(target)
    for real, integer in zip(x.tolist(), convert(x, target).tolist(), strict=True):
        exact = 0 if math.isnan(real) else (math.copysign(2.0**70, real) if math.isinf(real) else math.trunc(real))
        assert integer == min(max(int(exact), info.min), info.max), real


@pytest.mark.parametrize("target", [dtype for dtype in DTYPES if dtype.kind in "iu"], ids=str)
@pytest.mark.parametrize("source", [dtype for dtype in DTYPES if dtype.kind in "iu"], ids=str)
def test_the_law_wraps_integers(source: DType, target: DType) -> None:
    x = values(source, 300, np.random.default_rng(1))
    bits = 8 * target.itemsize
    for a, b in zip(x.tolist(), convert(x, target).tolist(), strict=True):
        assert (a - b) % (1 << bits) == 0


def test_the_law_of_truth_values() -> None:
    x = np.asarray([0.0, -0.0, 1e-30, -3.0, math.nan, math.inf], np.float32)
    assert convert(x, np.dtype(np.bool_)).tolist() == [False, False, True, True, True, True]
    assert convert(np.asarray([True, False]), np.dtype(np.float32)).tolist() == [1.0, 0.0]
