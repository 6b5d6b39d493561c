"""The sampling kernel between guard pages, and the limits of its check."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.harness import assert_check_is_exact, rows, run_all_ways, step
from toolchain.kernels import Kernel


@pytest.mark.parametrize("kernel", rows("grid_sample_f32"), ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("mode", range(3))
@pytest.mark.parametrize("padding", range(3))
def test_stays_inside_whatever_the_grid_holds(kernel: Kernel, mode: int, padding: int) -> None:
    rng = np.random.default_rng(mode * 3 + padding)
    for height, width in ((1, 1), (1, 5), (4, 3)):
        x = rng.standard_normal((2, height, width, 3)).astype(np.float32)
        grid = rng.integers(0, 1 << 32, (2, 3, 4, 2), np.uint32).view(np.float32)
        sizes = {"batch": 2, "in_height": height, "in_width": width, "height": 3, "width": 4, "channels": 3}
        params = {**sizes, "mode": mode, "padding": padding, "align_corners": width % 2}
        this = step(kernel, params, [x, grid], np.zeros((2, 3, 4, 3), np.float32))
        run_all_ways(this, rng)
        assert_check_is_exact(this)
