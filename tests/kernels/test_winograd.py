"""Exact integer Winograd at the very end of the range in which the result can be told from its residue."""

from __future__ import annotations

import numpy as np
import pytest
from harness import rows, run_all_ways, step
from spatial import Case, requantized, weighted_sum

from toolchain import winograd
from toolchain.kernels import Kernel
from toolchain.packing import pad_columns

# 9 * 229 * 127 * 128 and this bias come to 2^25 - 1.
CHANNELS, ROOM = 229, (1 << 25) - 1 - 9 * 229 * 127 * 128


def weights(channels: int, value: int) -> np.ndarray:
    return np.full((1, 3, 3, channels), value, np.int8)


def test_what_could_leave_the_range_is_refused() -> None:
    def exact(channels: int, value: int, bias: int) -> bool:
        return winograd.exact(weights(channels, value), np.array([bias], np.int32))

    assert exact(CHANNELS, -127, ROOM) and not exact(CHANNELS, -127, ROOM + 1)
    assert exact(CHANNELS, 127, -ROOM - 1) and not exact(CHANNELS, 127, -ROOM - 2)
    assert not exact(CHANNELS + 1, 127, 0)


@pytest.mark.parametrize("kernel", rows("winograd_s8"), ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_accumulators_are_exact(kernel: Kernel, sign: int) -> None:
    case = Case((8, 8), (3, 3), (CHANNELS, 1), before=1, after=1)
    x, w = np.full(case.x_shape, -128, np.int8), weights(CHANNELS, -127 * sign)
    bias = np.array([ROOM if sign > 0 else -ROOM - 1], np.int32)
    acc = weighted_sum(case, x, w.reshape(1, 9, CHANNELS), 0) + bias
    assert abs(acc).max() >= (1 << 25) - 1
    # Scaled to the range of int8, so that an accumulator that wrapped shows by its sign.
    multiplier, shift = np.array([1 << 30], np.int32), np.array([-17], np.int32)
    params = {**case.params(), "groups": 1, "in_zero": 0, "out_zero": 0, "out_min": -128, "out_max": 127, "uniform": 0}
    vectors = [pad_columns(v, 1, kernel.nr) for v in (winograd.scale_bias(bias), multiplier, shift)]
    expected = requantized(acc, multiplier, shift, params)
    this = step(kernel, params, [x, winograd.pack_weights(w, kernel.nr, kernel.kr), *vectors], np.empty(case.y_shape, np.int8))
    np.testing.assert_array_equal(run_all_ways(this, np.random.default_rng(0)), expected)
