"""Every kernel of the spatial families against plain references: int8 to the bit, float within the bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import BAD_PARAMS, OK, UNSUPPORTED, assert_check_is_exact, rows, run_all_ways, step
from spatial import FAMILIES, Case, build, cases, most_scratch, pooling_params, same

from toolchain.kernels import Kernel
from toolchain.packing import pad_columns

PARAMETERS = [pytest.param(kernel, case, id=f"{kernel.name}-{case}") for kernel in rows(*FAMILIES) for case in cases(kernel)]
CONVOLUTIONS = [kernel for kernel in rows(*FAMILIES) if not kernel.family.startswith("pool")]


def name(kernel: Kernel) -> str:
    return kernel.name


def ordinary(kernel: Kernel) -> Case:
    """A layer, 3x3 with padding if possible, that every kernel of the family and packing takes."""
    if kernel.packing == "n32k4":
        return Case((5, 6), (1, 1), (17, 17))
    if kernel.name.startswith("depthwise_s8_5x16k4__avx2"):
        return Case((5, 6), (1, 3), (17, 17), groups=17)
    channels = 4 if kernel.packing == "n16k4u" else 17
    return Case((5, 6), (3, 3), (channels, 17), groups=17 if kernel.family.startswith("depthwise") else 1, before=1, after=1)


@pytest.mark.parametrize(("kernel", "case"), PARAMETERS)
def test_output_is_the_reference(kernel: Kernel, case: Case) -> None:
    rng = np.random.default_rng(7)
    for _ in range(2):
        this, expected, bound = build(kernel, case, rng)
        status = kernel.check(this.params, this.extents())
        # Only kernels that a scalar one of the same packing stands in for may refuse a valid layer.
        assert status == OK or (status == UNSUPPORTED and kernel.isa != "scalar")
        if status == OK:
            assert kernel.scratch(this.params) <= most_scratch(kernel)
            output = run_all_ways(this, rng)
            assert same(output, expected, bound), f"off by {abs(output - expected).max()}, bound {bound.max()}"


@pytest.mark.parametrize("kernel", rows(*FAMILIES), ids=name)
def test_check_is_exact(kernel: Kernel) -> None:
    this, _, _ = build(kernel, ordinary(kernel), np.random.default_rng(3))
    assert_check_is_exact(this)


@pytest.mark.parametrize("kernel", rows(*FAMILIES), ids=name)
def test_params_out_of_range_are_refused(kernel: Kernel) -> None:
    this, _, _ = build(kernel, ordinary(kernel), np.random.default_rng(3))
    fields = kernel.params.names or ()
    hostile: list[tuple[str, Any]] = [("batch", 0), ("batch", -1), ("batch", 1 << 30), ("in_channels", 0), ("out_channels", -17)]
    hostile += [(field, [1, value, 1]) for field in ("in", "out", "kernel", "stride", "dilation") for value in (0, -1, 1 << 30)]
    hostile += [("pad", [0, -1, 0]), ("pad", [1 << 30, 0, 0]), ("in", [1 << 20, 1 << 20, 1]), ("out", [1 << 12, 1 << 12, 1 << 12])]
    hostile += [("groups", value) for value in (0, -1, 3, 5, 1 << 30)] if "groups" in fields else [("out_channels", 18)]
    hostile += [
        (field, value) for field in ("in_zero", "out_zero", "out_min", "out_max") if field in fields for value in (-129, 128)
    ]
    hostile += [("low", np.nan), ("high", np.nan), ("low", np.inf)] if "low" in fields else []
    hostile += [("pad_after", [0, -1, 0]), ("pad_after", [0, 0, 1 << 30])] if "pad_after" in fields else []
    hostile += [("uniform", 2), ("uniform", -1)] if "uniform" in fields else []
    hostile += [("count_include_pad", 2)] if "count_include_pad" in fields else []
    for field, value in hostile:
        row = np.frombuffer(this.params, kernel.params).copy()
        if field == "low":
            row["high"] = 6.0
        row[field] = value
        assert kernel.check(row.tobytes(), [(1 << 62, 64, True)] * len(this.extents())) == BAD_PARAMS, f"{field} = {value}"


@pytest.mark.parametrize("kernel", rows(*FAMILIES), ids=name)
def test_no_accepted_params_reach_outside_the_operands(kernel: Kernel) -> None:
    """Params changed at random: those that check() takes run between guard pages."""
    rng = np.random.default_rng(11)
    this, _, _ = build(kernel, ordinary(kernel), rng)
    accepted = 0
    for _ in range(400):
        words = np.frombuffer(this.params, np.int32).copy()
        for _ in range(int(rng.integers(1, 4))):
            words[rng.integers(words.size)] = rng.choice([0, 1, 2, 3, 4, 5, 7, 17, 34, -1, 100, 1 << 16, 1 << 24, (1 << 31) - 1])
        if kernel.check(words.tobytes(), this.extents()) == OK:
            accepted += 1
            run_all_ways(type(this)(kernel, words.tobytes(), this.inputs, this.output), rng)
    assert accepted > 20


@pytest.mark.parametrize("kernel", [kernel for kernel in CONVOLUTIONS if kernel.family.endswith("f32")], ids=name)
def test_not_a_number_survives_the_clamp(kernel: Kernel) -> None:
    rng = np.random.default_rng(5)
    this, _, _ = build(kernel, ordinary(kernel), rng)
    this.inputs[0][...] = np.nan
    row = np.frombuffer(this.params, kernel.params).copy()
    row["low"], row["high"] = 0.0, 6.0
    assert np.isnan(run_all_ways(type(this)(kernel, row.tobytes(), this.inputs, this.output), rng)).all()


@pytest.mark.parametrize("kernel", rows("pool_max_f32", "pool_avg_f32"), ids=name)
def test_not_a_number_is_no_maximum_but_spoils_an_average(kernel: Kernel) -> None:
    rng = np.random.default_rng(1)
    case = Case((4, 4), (2, 2), (37, 37), stride=2)
    x = rng.standard_normal(case.x_shape, np.float32)
    x[0, 1, 0] = np.nan
    x[0, 2:, 2:] = np.nan
    output = run_all_ways(step(kernel, pooling_params(kernel, case, -5.0, 5.0), [x], np.empty(case.y_shape, np.float32)), rng)
    if kernel.family == "pool_avg_f32":
        assert np.isnan(output[0, 0, 0]).all() and np.isnan(output[0, 1, 1]).all()
    else:
        np.testing.assert_array_equal(output[0, 0, 0], np.nanmax(x[0, :2, :2].reshape(4, -1), axis=0))
        assert (output[0, 1, 1] == -5.0).all()


@pytest.mark.parametrize("kernel", rows("pool_avg_s8"), ids=name)
def test_averages_of_very_many_taps_are_exact(kernel: Kernel) -> None:
    """More taps than float can divide exactly."""
    size, rng = 400, np.random.default_rng(2)
    case = Case((size, size), (size, size), (16, 16))
    x = rng.integers(-128, 128, case.x_shape).astype(np.int8)
    x[..., 0], x[..., 1], x[..., 2] = -128, 127, np.where(rng.random((1, size, size)) < 0.5, 1, 0)
    x[..., 3].reshape(-1)[:] = np.arange(size * size) % 2
    total = x.astype(np.int64).sum(axis=(1, 2))
    expected = np.sign(total) * ((abs(total) + size * size // 2) // (size * size))
    this = step(kernel, pooling_params(kernel, case, -128, 127), [x], np.empty(case.y_shape, np.int8))
    np.testing.assert_array_equal(run_all_ways(this, rng)[:, 0, 0], expected)


def test_the_high_multiplication_is_the_specifications() -> None:
    """conv_s8 of one pixel rescales accumulators at every edge as the formula in numpy does, truncating division and all."""
    edges = [0, 1, -1, 2, 3, -3, 1 << 30, -(1 << 30), (1 << 31) - 1, -(1 << 31), 1 << 15, -(1 << 15) - 1]
    rng = np.random.default_rng(4)
    acc = np.concatenate([edges, rng.integers(-(1 << 31), 1 << 31, 2000), rng.integers(-40000, 40000, 2000)]).astype(np.int32)
    case = Case((1,), (1,), (1, acc.size))
    for kernel in rows("conv_s8"):
        for shift in (-31, -30, -9, -1, 0, 1, 9, 30):
            multiplier = rng.integers(1 << 30, 1 << 31, acc.size).astype(np.int32)
            multiplier[::7] = (1 << 31) - 1
            multiplier[::5] = 1 << 30
            left, right = max(shift, 0), max(-shift, 0)
            shifted = (acc.astype(np.int64) << left).astype(np.int32).astype(object)
            nudged = [p + ((1 << 30) if p >= 0 else 1 - (1 << 30)) for p in shifted * multiplier.astype(object)]
            high = [abs(n) // (1 << 31) * (1 if n >= 0 else -1) for n in nudged]
            rounded = [((abs(h) + ((1 << right) >> 1)) >> right) * (1 if h >= 0 else -1) for h in high]
            expected = np.array(rounded, np.int64).clip(-128, 127).astype(np.int8)
            columns = -(-acc.size // kernel.nr) * kernel.nr
            weights = np.zeros(columns * kernel.kr, np.int8)
            rest = {"groups": 1, "in_zero": 0, "out_zero": 0, "out_min": -128, "out_max": 127, "uniform": 0}
            vectors = [pad_columns(values.astype(np.int32), 1, kernel.nr) for values in (acc, multiplier, np.full(acc.size, shift))]
            inputs = [np.zeros((1, 1, 1), np.int8), weights, *vectors]
            this = step(kernel, {**case.params(), **rest}, inputs, np.empty(case.y_shape, np.int8))
            if this.kernel.check(this.params, this.extents()) != UNSUPPORTED:
                np.testing.assert_array_equal(run_all_ways(this, rng).ravel(), expected)
