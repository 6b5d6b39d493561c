"""How cycles are fitted to times, and that the layers to measure cover the kernels."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.calibrate import fit, nonnegative
from benchmarks.layers import Offers, sweep
from toolchain import targets
from toolchain.kernels import families


def test_a_fit_finds_the_cycles_behind_exact_times() -> None:
    rng = np.random.default_rng(0)
    works = [{"call": 1.0, "macs": float(rng.integers(1000, 100_000)), "tiles": float(rng.integers(1, 500))} for _ in range(30)]
    cycles = [60 + 0.25 * work["macs"] + 9 * work["tiles"] for work in works]
    assert fit(works, cycles) == pytest.approx({"call": 60, "macs": 0.25, "tiles": 9}, rel=1e-2)


def test_no_count_costs_less_than_nothing() -> None:
    matrix = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0], [1.0, 4.0]])
    found = nonnegative(matrix, np.array([4.0, 3.0, 2.0, 1.0]))
    assert (found >= 0).all() and found[0] > 0 and found[1] == 0


def test_the_sweep_reaches_every_family_that_has_vectors() -> None:
    """Integers that are no activations, and images sampled at odd places, are estimated in general."""
    target = targets.load("host")
    reached = {call.kernel.family for _, graph in sweep(12) for step in Offers(graph, target).steps for call in step}
    vectors = {name for name, rows in families().items() if any(row.isa in ("avx2", "neon") for row in rows)}
    assert vectors - reached <= {"conv_s32", "resample_f32", "resample_s8"}
