"""Rescaling where it is decided by the last bit: accumulators at, beside and around every half."""

from __future__ import annotations

import numpy as np
import pytest
from harness import Array, rows, run_all_ways, step
from spatial import Case, requantized

from toolchain.kernels import Kernel
from toolchain.packing import pad_columns

INT32 = np.iinfo(np.int32)


def run(
    kernel: Kernel, acc: Array, multiplier: Array, shift: Array, zero: int, least: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """What a convolution of one pixel with weights 0 makes of these biases, and what the law makes of them."""
    groups = acc.size if kernel.family == "depthwise_s8" else 1
    # Kernels that leave layers of one tap to others.
    taps = {("n16k4u", 8): (1, 2), ("quads", 3): (3, 3), ("quads", 5): (1, 3)}.get((kernel.packing, kernel.mr), (1, 1))
    case = Case(taps, taps, (groups, acc.size), groups=groups)
    params = {**case.params(), "in_zero": 0, "out_zero": zero, "out_min": least, "out_max": 127}
    columns = -(-acc.size // kernel.nr) * kernel.nr
    if kernel.family != "depthwise_s8":
        params |= {"groups": 1, "uniform": 0}
    vectors = [pad_columns(values.astype(np.int32), 1, kernel.nr) for values in (acc, multiplier, shift)]
    inputs = [np.zeros(case.x_shape, np.int8), np.zeros(columns * kernel.kr * taps[0], np.int8), *vectors]
    expected = requantized(acc.astype(np.int64), multiplier, shift, params).reshape(case.y_shape)
    return run_all_ways(step(kernel, params, inputs, expected), rng), expected


def halves(multiplier: Array, shift: Array, whole: Array) -> Array:
    """The accumulators whose rescaled values come closest to whole + 1/2."""
    exact = [((2 * int(n) + 1) << (30 - int(s))) / int(m) for n, m, s in zip(whole, multiplier, shift, strict=True)]
    return np.round(exact).clip(INT32.min, INT32.max).astype(np.int64)


@pytest.mark.parametrize("kernel", rows("conv_s8", "depthwise_s8"), ids=lambda kernel: kernel.name)
def test_halves_round_as_the_law_says(kernel: Kernel) -> None:
    rng = np.random.default_rng(8)
    count = 2000
    for zero, least in ((0, -128), (-128, -128), (127, -128), (3, 3), (-4, 9)):
        for low, high in ((-31, -15), (-14, -1), (-31, 30)):
            shift = rng.integers(low, high, count, endpoint=True)
            multiplier = rng.integers(1 << 30, (1 << 31) - 1, count, endpoint=True)
            # Powers of two make exact halves, and numbers beside them the closest misses.
            multiplier[::3] = (1 << 30) + rng.integers(0, 3, multiplier[::3].size)
            multiplier[1::7] = (1 << 31) - rng.integers(1, 4, multiplier[1::7].size)
            multiplier[2::11] = (1 << 30) + (1 << rng.integers(5, 29, multiplier[2::11].size))
            whole = rng.integers(-130, 130, count, endpoint=True) - zero
            near = halves(multiplier, np.minimum(shift, 0), whole) + rng.integers(-1, 1, count, endpoint=True)
            output, expected = run(kernel, near.clip(INT32.min, INT32.max), multiplier, shift, zero, least, rng)
            np.testing.assert_array_equal(output, expected)


@pytest.mark.parametrize("kernel", rows("conv_s8", "depthwise_s8"), ids=lambda kernel: kernel.name)
def test_shifts_and_accumulators_of_all_sizes(kernel: Kernel) -> None:
    """Also columns whose multiplier is 0, and groups in which one column alone needs the exact way."""
    rng = np.random.default_rng(9)
    count = 2000
    for _ in range(4):
        bits = rng.integers(0, 32, count)
        acc = rng.integers(INT32.min, INT32.max, count, endpoint=True) >> bits
        acc[::50], acc[7::50], acc[11::50] = INT32.min, INT32.max, 0
        shift = (np.log2(abs(acc) + 1).astype(np.int64) * -1 + rng.integers(2, 9, count)).clip(-31, 30)
        shift[::200] = rng.integers(0, 30, shift[::200].size)
        multiplier = rng.integers(1 << 30, (1 << 31) - 1, count, endpoint=True)
        multiplier[3::100] = 0
        output, expected = run(kernel, acc, multiplier, shift, -5, -128, rng)
        np.testing.assert_array_equal(output, expected)
