"""Every kernel of the pooling families against plain references."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from harness import BAD_PARAMS, Array, assert_check_is_exact, rows, run_all_ways, step
from spatial import EPS, Case, int8, pooling_cases

from toolchain.kernels import Kernel

KINDS = ("pool_max_s8", "pool_avg_s8", "pool_max_f32", "pool_avg_f32")


def windows(case: Case, x: Array) -> Iterator[tuple[tuple[int, ...], Array, int]]:
    """For every output pixel its index, its taps inside the input [taps, channels], and how many lie inside the padded input."""
    for where in np.ndindex(case.y_shape[:-1]):
        inside, padded = [], 0
        for tap in np.ndindex(*case.kernel):
            at = [o * case.stride - case.before + t * case.dilation for o, t in zip(where[1:], tap, strict=True)]
            padded += all(a < n + case.after for a, n in zip(at, case.spatial, strict=True))
            if all(0 <= a < n for a, n in zip(at, case.spatial, strict=True)):
                inside.append(x[(where[0], *at)])
        yield where, np.array(inside).reshape(-1, case.channels[0]), padded


def average_s8(values: Array) -> Array:
    """TFLite's average: halves away from zero; of no taps, 0."""
    total, count = values.astype(np.int64).sum(axis=0), max(len(values), 1)
    average: Array = np.sign(total) * ((abs(total) + count // 2) // count)
    return average


def int8_params(case: Case, low: int = -128, high: int = 127) -> dict[str, Any]:
    return {**case.params(), "out_min": low, "out_max": high}


def float_params(kernel: Kernel, case: Case, low: float = -math.inf, high: float = math.inf, count_pad: int = 0) -> dict[str, Any]:
    params: dict[str, Any] = {**case.params(), "low": low, "high": high}
    if kernel.family == "pool_avg_f32":
        missing = 3 - len(case.spatial)
        params |= {"pad_after": [0] * missing + [case.after] * len(case.spatial), "count_include_pad": count_pad}
    return params


def parameters(*names: str) -> list[Any]:
    return [pytest.param(kernel, case, id=f"{kernel.name}-{case}") for kernel in rows(*names) for case in pooling_cases()]


@pytest.mark.parametrize(("kernel", "case"), parameters("pool_max_s8", "pool_avg_s8"))
def test_int8_output_is_the_reference_to_the_bit(kernel: Kernel, case: Case) -> None:
    rng = np.random.default_rng(7)
    x = int8(rng, case.x_shape)
    expected = np.empty(case.y_shape, np.int8)
    for where, values, _ in windows(case, x):
        best = values.max(axis=0, initial=-128) if kernel.family == "pool_max_s8" else average_s8(values)
        expected[where] = best.clip(-100, 90)
    output = run_all_ways(step(kernel, int8_params(case, -100, 90), [x], expected), rng)
    np.testing.assert_array_equal(output, expected)


@pytest.mark.parametrize(("kernel", "case"), parameters("pool_max_f32"))
def test_float_maximum_is_exact(kernel: Kernel, case: Case) -> None:
    rng = np.random.default_rng(7)
    x = rng.standard_normal(case.x_shape, np.float32)
    expected = np.empty(case.y_shape, np.float32)
    for where, values, _ in windows(case, x):
        expected[where] = values.max(axis=0, initial=-np.inf)
    output = run_all_ways(step(kernel, float_params(kernel, case), [x], expected), rng)
    np.testing.assert_array_equal(output, expected)


@pytest.mark.parametrize("count_pad", (0, 1))
@pytest.mark.parametrize(("kernel", "case"), parameters("pool_avg_f32"))
def test_float_average_is_within_the_bound(kernel: Kernel, case: Case, count_pad: int) -> None:
    rng = np.random.default_rng(7)
    x = rng.standard_normal(case.x_shape, np.float32)
    expected, bound = np.empty(case.y_shape), np.empty(case.y_shape)
    for where, values, padded in windows(case, x):
        count = max(padded if count_pad else len(values), 1)
        expected[where] = values.astype(np.float64).sum(axis=0) / count
        bound[where] = (len(values) + 1) * EPS * abs(values).sum(axis=0) / count
    params = float_params(kernel, case, count_pad=count_pad)
    error = abs(run_all_ways(step(kernel, params, [x], expected.astype(np.float32)), rng) - expected)
    assert (error <= bound).all(), f"off by {error.max()}, bound {bound.max()}"


@pytest.mark.parametrize("kernel", rows("pool_max_f32", "pool_avg_f32"), ids=lambda kernel: kernel.name)
def test_not_a_number_is_no_maximum_but_spoils_an_average(kernel: Kernel) -> None:
    rng = np.random.default_rng(1)
    case = Case((4, 4), (2, 2), (37, 37), stride=2)
    x = rng.standard_normal(case.x_shape, np.float32)
    x[0, 1, 0] = np.nan
    x[0, 2:, 2:] = np.nan
    params = float_params(kernel, case, low=-5.0, high=5.0)
    output = run_all_ways(step(kernel, params, [x], np.empty(case.y_shape, np.float32)), rng)
    if kernel.family == "pool_avg_f32":
        assert np.isnan(output[0, 0, 0]).all() and np.isnan(output[0, 1, 1]).all()
    else:
        np.testing.assert_array_equal(output[0, 0, 0], np.nanmax(x[0, :2, :2].reshape(4, -1), axis=0))
        assert (output[0, 1, 1] == -5.0).all()


@pytest.mark.parametrize("kernel", rows(*KINDS), ids=lambda kernel: kernel.name)
def test_check_is_exact(kernel: Kernel) -> None:
    case = Case((5, 6), (3, 3), (17, 17), before=1, after=1)
    if kernel.family.endswith("s8"):
        params, zero = int8_params(case), np.zeros(1, np.int8)
    else:
        params, zero = float_params(kernel, case), np.zeros(1, np.float32)
    this = step(kernel, params, [np.broadcast_to(zero, case.x_shape)], np.broadcast_to(zero, case.y_shape))
    assert_check_is_exact(this)
    hostile: list[tuple[str, Any]] = [("batch", 0), ("out_channels", 18), ("in_channels", 0), ("pad", [0, 0, -1])]
    hostile += [(name, [1, 1, value]) for name in ("in", "out", "kernel", "stride", "dilation") for value in (0, -1, 1 << 30)]
    names = kernel.params.names or ()
    hostile += [("low", math.nan), ("high", math.nan)] if "low" in names else [("out_min", -129), ("out_max", 128)]
    if "pad_after" in names:
        hostile += [("pad_after", [0, -1, 0]), ("pad_after", [0, 0, 1 << 30]), ("count_include_pad", 2)]
    for name, value in hostile:
        row = np.frombuffer(this.params, kernel.params).copy()
        row[name] = value
        assert kernel.check(row.tobytes(), [(1 << 62, 64, True)] * 2) == BAD_PARAMS, f"{name} = {value}"
