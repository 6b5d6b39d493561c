"""Every kernel of the convolution families against plain references."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import BAD_PARAMS, OK, UNSUPPORTED, assert_check_is_exact, rows, run_all_ways
from spatial import (
    EPS,
    Case,
    convolution_cases,
    depthwise_cases,
    float_convolution,
    int8_convolution,
    transposed_cases,
)

from toolchain.kernels import Kernel

CASES = {"conv": convolution_cases, "depthwise": depthwise_cases, "conv_transpose": transposed_cases}


def parameters(kind: str) -> list[Any]:
    kernels = [(kernel, cases) for family, cases in CASES.items() for kernel in rows(f"{family}_{kind}")]
    return [pytest.param(kernel, case, id=f"{kernel.name}-{case}") for kernel, cases in kernels for case in cases(kernel)]


def unsupported(kernel: Kernel, params: bytes, extents: list[tuple[int, int, bool]]) -> bool:
    """Only kernels that a scalar one of the same packing stands in for may refuse a valid layer."""
    status = kernel.check(params, extents)
    assert status == OK or (status == UNSUPPORTED and kernel.isa != "scalar")
    return status == UNSUPPORTED


@pytest.mark.parametrize(("kernel", "case"), parameters("s8"))
def test_int8_output_is_the_reference_to_the_bit(kernel: Kernel, case: Case) -> None:
    rng = np.random.default_rng(7)
    for _ in range(2):
        this, expected = int8_convolution(kernel, case, rng)
        if not unsupported(kernel, this.params, this.extents()):
            np.testing.assert_array_equal(run_all_ways(this, rng), expected)


@pytest.mark.parametrize(("kernel", "case"), parameters("f32"))
def test_float_output_is_within_the_bound(kernel: Kernel, case: Case) -> None:
    rng = np.random.default_rng(7)
    for _ in range(2):
        this, expected, bound = float_convolution(kernel, case, rng)
        if not unsupported(kernel, this.params, this.extents()):
            error = abs(run_all_ways(this, rng) - expected)
            assert (error <= bound + EPS * abs(expected)).all(), f"off by {error.max()}, bound {bound.max()}"


@pytest.mark.parametrize("kernel", rows("conv_s8", "depthwise_s8", "conv_transpose_s8"), ids=lambda kernel: kernel.name)
def test_int8_check_is_exact(kernel: Kernel) -> None:
    rng = np.random.default_rng(3)
    case = Case((5, 6), (3, 3), (17, 17), groups=17 if kernel.family == "depthwise_s8" else 1, before=1, after=1)
    this, _ = int8_convolution(kernel, case, rng)
    assert_check_is_exact(this)


@pytest.mark.parametrize("kernel", rows("conv_f32", "depthwise_f32", "conv_transpose_f32"), ids=lambda kernel: kernel.name)
def test_float_check_is_exact(kernel: Kernel) -> None:
    rng = np.random.default_rng(3)
    case = Case((5, 6), (3, 3), (17, 17), groups=17 if kernel.family == "depthwise_f32" else 1, before=1, after=1)
    this, _, _ = float_convolution(kernel, case, rng)
    assert_check_is_exact(this)


@pytest.mark.parametrize("kernel", rows("conv_f32", "depthwise_f32", "conv_transpose_f32"), ids=lambda kernel: kernel.name)
def test_not_a_number_survives_the_clamp(kernel: Kernel) -> None:
    rng = np.random.default_rng(5)
    case = Case((4, 4), (3, 3), (16, 16), groups=16 if kernel.family == "depthwise_f32" else 1, out=(4, 4), before=1, after=1)
    this, _, _ = float_convolution(kernel, case, rng)
    this.inputs[0][...] = np.nan
    row = np.frombuffer(this.params, kernel.params).copy()
    row["low"], row["high"] = 0.0, 6.0
    output = run_all_ways(type(this)(kernel, row.tobytes(), this.inputs, this.output), rng)
    assert np.isnan(output).all()


@pytest.mark.parametrize("kernel", rows(*(f"{family}_{kind}" for family in CASES for kind in ("s8", "f32"))), ids=lambda k: k.name)
def test_params_out_of_range_are_refused(kernel: Kernel) -> None:
    rng = np.random.default_rng(9)
    case = Case((5, 6), (3, 3), (4, 4), groups=4 if kernel.family.startswith("depthwise") else 1, before=1, after=1)
    this = (int8_convolution if kernel.family.endswith("s8") else float_convolution)(kernel, case, rng)[0]
    hostile: list[tuple[str, Any]] = [("batch", 0), ("batch", -1), ("batch", 1 << 30), ("in_channels", 0), ("out_channels", -4)]
    hostile += [(name, [1, value, 1]) for name in ("in", "out", "kernel", "stride", "dilation") for value in (0, -1, 1 << 30)]
    hostile += [("pad", [0, -1, 0]), ("pad", [1 << 30, 0, 0]), ("stride", [1, 65536, 65536])]
    if "groups" in (kernel.params.names or ()):
        hostile += [("groups", value) for value in (0, -1, 3, 5, 1 << 30)]
    else:
        hostile += [("out_channels", 6)]
    if kernel.family.endswith("s8"):
        hostile += [(name, value) for name in ("in_zero", "out_zero", "out_min", "out_max") for value in (-129, 128)]
    else:
        hostile += [("low", np.nan), ("high", np.nan), ("high", -np.inf)]
    for name, value in hostile:
        row = np.frombuffer(this.params, kernel.params).copy()
        if name == "stride" and value[1] == 65536:
            row["out"] = [1, 60000, 60000]
        if name == "high":
            row["low"] = 0.0
        row[name] = value
        huge = [(1 << 62, 64, True)] * len(this.extents())
        assert kernel.check(row.tobytes(), huge) == BAD_PARAMS, f"{name} = {value}"
