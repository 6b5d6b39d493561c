"""The exact integer convolution kernels against numpy, between guard pages, and the limits of their check."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import BAD_PARAMS, Array, Step, assert_check_is_exact, rows, run_all_ways, step
from spatial import Case, weighted_sum

from toolchain.kernels import Kernel

CASES = [
    Case((1,), (1,), (1, 1)),
    Case((7,), (1,), (100, 130)),
    Case((5, 6), (3, 3), (17, 3), before=1, after=1),
    Case((6, 5), (2, 3), (8, 70), batch=2, stride=2, dilation=2, before=2, after=1),
    Case((9, 4), (3, 3), (6, 6), groups=3, before=1, after=1),
    Case((3, 4, 5), (2, 2, 2), (33, 4), before=1),
]


def make(kernel: Kernel, case: Case, types: tuple[str, str], rng: np.random.Generator) -> tuple[Step, Array]:
    """A step with random operands, extreme bytes among them, and its exact sums."""

    def draw(dtype: str, shape: tuple[int, ...]) -> Array:
        info = np.iinfo(dtype)
        values = rng.integers(info.min, info.max, shape, endpoint=True)
        return np.where(rng.random(shape) < 0.2, rng.choice([info.min, info.max], shape), values).astype(dtype)

    x, x_zero = draw(types[0], case.x_shape), draw(types[0], (1,))
    w = draw(types[1], (case.channels[1], case.taps, case.channels[0] // case.groups))
    w_zero = draw(types[1], (case.channels[1],))
    shifted = w.astype(np.float64) - w_zero.reshape(-1, 1, 1)
    expected = weighted_sum(case, x.astype(np.float64) - x_zero, shifted, 0).astype(np.int32)
    unsigned = {"input_unsigned": int(types[0] == "uint8"), "weight_unsigned": int(types[1] == "uint8")}
    params: dict[str, Any] = {**case.params(), "groups": case.groups, **unsigned}
    return step(kernel, params, [x, w, x_zero, w_zero], np.empty(case.y_shape, np.int32)), expected


@pytest.mark.parametrize("kernel", rows("conv_s32"), ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("types", [("int8", "int8"), ("uint8", "int8"), ("int8", "uint8"), ("uint8", "uint8")], ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_sums_are_exact(kernel: Kernel, case: Case, types: tuple[str, str]) -> None:
    rng = np.random.default_rng(11)
    this, expected = make(kernel, case, types, rng)
    assert_check_is_exact(this)
    np.testing.assert_array_equal(run_all_ways(this, rng), expected)


@pytest.mark.parametrize("kernel", rows("conv_s32"), ids=lambda kernel: kernel.name)
def test_bad_params(kernel: Kernel) -> None:
    this, _ = make(kernel, Case((5, 6), (3, 3), (4, 4), before=1, after=1), ("int8", "int8"), np.random.default_rng(1))
    hostile: list[tuple[str, Any]] = [("groups", n) for n in (0, -1, 3, 1 << 30)] + [("batch", 0), ("out_channels", -4)]
    hostile += [(name, n) for name in ("input_unsigned", "weight_unsigned") for n in (-1, 2)]
    hostile += [(name, [1, n, 1]) for name in ("in", "out", "kernel", "stride", "dilation") for n in (0, -1, 1 << 30)]
    for name, value in hostile:
        row = np.frombuffer(this.params, kernel.params).copy()
        row[name] = value
        assert kernel.check(row.tobytes(), [(1 << 62, 64, True)] * len(this.extents())) == BAD_PARAMS, f"{name} = {value}"
