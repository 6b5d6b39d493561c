"""Elementary functions in float32 against double, for every kernel."""

from __future__ import annotations

import numpy as np
import pytest
from harness import BAD_PARAMS, assert_check_is_exact, rows, run_all_ways, step

from toolchain import records
from toolchain.assets import KERNELS
from toolchain.kernels import Kernel
from toolchain.ops.unary import FUNCTIONS, Unary

NAMES = records.rows(KERNELS / "unary_f32" / "unary_f32.h", "UNARY_F32_FUNCTIONS")
PARAMETERS = {
    "leaky_relu": (0.1, 0.0),
    "elu": (1.3, 0.0),
    "selu": (1.6732632, 1.050701),
    "celu": (0.7, 0.0),
    "thresholded_relu": (1.5, 0.0),
    "hard_sigmoid": (0.2, 0.5),
    "shrink": (1.0, 0.25),
    "swish": (1.25, 0.0),
    "clip": (-2.0, 3.5),
}
# Functions whose value at minus infinity is a limit, which double arithmetic does not find.
LIMITS = ("gelu", "tanh_gelu", "swish", "mish")
# Units in the last place that a function may err by, where it is more than the one that rounding takes.
ULPS = {"hard_swish": 3, "mish": 8, "swish": 6, "gelu": 4, "tanh_gelu": 6, "selu": 4, "elu": 3, "celu": 4, "softsign": 2}


def function(name: str, x: np.ndarray) -> np.ndarray:
    a, b = PARAMETERS.get(name, (0.0, 0.0))
    a, b = float(np.float32(a)), float(np.float32(b))
    with np.errstate(all="ignore"):
        if name == "clip":
            return np.asarray(np.clip(x.astype(np.float64), a, b))
        return FUNCTIONS[name](x.astype(np.float64), a, b)


def inputs(rng: np.random.Generator, count: int) -> np.ndarray:
    """Numbers of every size, dense around zero and one, and the special ones."""
    special = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, 2.5, -2.5, 1e-40, 3.4e38, -3.4e38, 88.8, -104.0]
    wide = np.exp(rng.uniform(-80, 80, count)) * rng.choice([-1, 1], count)
    x = np.where(rng.random(count) < 0.3, wide, rng.normal(0, 3, count)).astype(np.float32)
    x[: len(special)] = special[:count]
    return x


def test_every_function_has_a_meaning() -> None:
    assert sorted(NAMES) == sorted([*FUNCTIONS, "clip"])


@pytest.mark.parametrize("kernel", rows("unary_f32"), ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("name", NAMES)
def test_function(kernel: Kernel, name: str) -> None:
    rng = np.random.default_rng(1)
    a, b = PARAMETERS.get(name, (0.0, 0.0))
    for count in (1, 7, 8, 9, 4096, 9001):
        x = inputs(rng, count)
        params = {"count": count, "function": NAMES.index(name), "alpha": a, "beta": b}
        this = step(kernel, params, [x], np.empty_like(x))
        assert_check_is_exact(this)
        y, expected = run_all_ways(this, rng), function(name, x)
        with np.errstate(over="ignore"):
            rounded = expected.astype(np.float32)
        if name in LIMITS:
            x, y, expected, rounded = (values[x != -np.inf] for values in (x, y, expected, rounded))
        special = ~np.isfinite(rounded)
        np.testing.assert_array_equal(y[special], rounded[special])
        # An intermediate result may be subnormal, an exponent large, or a difference small beside what it is taken of.
        floor = 1e-7 if name == "hard_sigmoid" else 1e-9 * np.abs(x[~special]) if name in LIMITS else 1e-36
        gap = np.abs(y[~special].astype(np.float64) - expected[~special]) / (np.spacing(np.abs(rounded[~special])) + floor)
        worst = int(gap.argmax()) if gap.size else 0
        assert not gap.size or gap[worst] <= ULPS.get(name, 2), (x[~special][worst], gap[worst])


def test_bad_params() -> None:
    for kernel in rows("unary_f32"):
        for count, number in ((-1, 0), (1, -1), (1, len(NAMES)), ((1 << 31) - 1, 0)):
            params = kernel.encode({"count": count, "function": number, "alpha": 0, "beta": 0})
            assert kernel.check(params, [(64, 4, False), (64, 4, True)]) == BAD_PARAMS


def test_functions_keep_float32() -> None:
    x = np.linspace(-2, 2, 9, dtype=np.float32)
    assert Unary("tanh").function(x).dtype == np.float32
