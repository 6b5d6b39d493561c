"""The resampling kernels against numpy, between guard pages, and the limits of their check."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.kernels.harness import BAD_PARAMS, Array, Step, assert_check_is_exact, rows, run, run_all_ways, step
from toolchain.kernels import Kernel

FLOATS, BYTES = "resample_f32", "resample_s8"
# outer, in_height, in_width, height, width, inner, row_taps, column_taps
CASES = [
    (1, 1, 1, 1, 1, 1, 1, 1),
    (2, 5, 6, 7, 3, 1, 2, 2),
    (1, 4, 4, 9, 8, 37, 2, 2),
    (2, 4, 6, 5, 19, 3, 2, 2),
    (2, 1, 6, 1, 19, 3, 1, 2),
    (1, 3, 6, 4, 41, 1, 2, 2),
    (3, 1, 9, 1, 5, 1, 1, 2),
    (1, 9, 1, 5, 1, 200, 2, 1),
    (2, 6, 5, 3, 4, 67, 4, 4),
    (1, 30, 2, 4, 2, 5, 13, 1),
]


def make(kernel: Kernel, case: tuple[int, ...], rng: np.random.Generator) -> tuple[Step, Array]:
    """A step with random tables, and its exact sums."""
    outer, in_height, in_width, height, width, inner, row_taps, column_taps = case
    params = dict(zip(kernel.params.names or (), case, strict=True))
    index = rng.integers(0, in_height, (height, row_taps)), rng.integers(0, in_width, (width, column_taps))
    shapes = (height, row_taps), (width, column_taps)
    if kernel.family == FLOATS:
        x: Array = rng.standard_normal((outer, in_height, in_width, inner)).astype(np.float32)
        weight: list[Any] = [rng.normal(0, 1, shape).astype(np.float32) for shape in shapes]
    else:
        x = rng.integers(-128, 128, (outer, in_height, in_width, inner)).astype(np.int8)
        weight = [rng.integers(-300, 900, shape).astype(np.int32) for shape in shapes]
    seen = x.astype(np.float64)[:, index[0]][:, :, :, index[1]]
    exact = np.einsum("ohiwjc,hi,wj->ohwc", seen, weight[0].astype(np.float64), weight[1].astype(np.float64))
    tables = [index[0].astype(np.int32), weight[0], index[1].astype(np.int32), weight[1]]
    return step(kernel, params, [x, *tables], np.empty((outer, height, width, inner), x.dtype)), exact


@pytest.mark.parametrize("kernel", rows(FLOATS, BYTES), ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_sums(kernel: Kernel, case: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    this, exact = make(kernel, case, rng)
    assert_check_is_exact(this)
    y = run_all_ways(this, rng)
    if kernel.family == FLOATS:
        taps = case[-1] * case[-2]
        magnitudes = [np.abs(table).max() for table in (this.inputs[0], this.inputs[2], this.inputs[4])]
        bound = taps * (taps + 2) * np.finfo(np.float32).eps * float(np.prod(magnitudes))
        assert np.abs(y - exact).max() <= bound
    else:
        total = exact.astype(np.int64)
        rounded = np.sign(total) * ((np.abs(total) + (1 << 19)) >> 20)
        np.testing.assert_array_equal(y, np.clip(rounded, -128, 127))


@pytest.mark.parametrize("kernel", rows(FLOATS, BYTES), ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("table", [1, 3])
@pytest.mark.parametrize("index", [-1, 6, 1 << 30])
def test_indices_outside_are_refused(kernel: Kernel, table: int, index: int) -> None:
    this, _ = make(kernel, (1, 6, 6, 3, 3, 2, 2, 2), np.random.default_rng(5))
    this.inputs[table].reshape(-1)[-1] = index
    with pytest.raises(ValueError, match="status 4"):
        run(this)


@pytest.mark.parametrize("kernel", rows(FLOATS, BYTES), ids=lambda kernel: kernel.name)
def test_weights_of_any_value_stay_defined(kernel: Kernel) -> None:
    rng = np.random.default_rng(6)
    this, _ = make(kernel, (1, 6, 6, 3, 3, 20, 2, 3), rng)
    for table in (2, 4):
        this.inputs[table].view(np.uint32)[:] = rng.integers(0, 1 << 32, this.inputs[table].shape, np.uint32)
    run_all_ways(this, rng)


@pytest.mark.parametrize("kernel", rows(FLOATS, BYTES), ids=lambda kernel: kernel.name)
def test_bad_params(kernel: Kernel) -> None:
    names = kernel.params.names or ()
    good = dict.fromkeys(names, 2)
    extents = [(1 << 12, 8, False)] * 5 + [(1 << 12, 8, True)]
    assert kernel.check(kernel.encode(good), extents) == 0
    for name in names:
        for value in (0, -1):
            assert kernel.check(kernel.encode({**good, name: value}), extents) == BAD_PARAMS
    for name in ("outer", "inner", "in_height", "width", "row_taps", "column_taps"):
        assert kernel.check(kernel.encode({**good, name: 1 << 30}), extents) == BAD_PARAMS
