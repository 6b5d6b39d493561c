"""Conversion between float32 and stored integers against the law in numpy, for every kernel."""

from __future__ import annotations

import numpy as np
import pytest
from harness import BAD_PARAMS, Array, assert_check_is_exact, rows, run_all_ways, step

from toolchain.ir import DTYPES, Quant
from toolchain.kernels import Kernel
from toolchain.quantize import numerics

SHAPES = [(1, 1, 1), (1, 1, 37), (1, 1, 9000), (3, 5, 7), (70, 33, 1), (2, 3, 4097), (1, 17, 1)]
STORED = [np.int8, np.uint8, np.int16, np.uint16, np.int32]


def quant_of(rng: np.random.Generator, channels: int, dtype: type[np.signedinteger]) -> Quant:
    info = np.iinfo(dtype)
    zeros = rng.integers(info.min, info.max, channels, endpoint=True)
    return Quant(tuple(map(float, rng.uniform(1e-3, 2, channels).astype(np.float32))), tuple(map(int, zeros)), 1)


def params_of(shape: tuple[int, int, int], dtype: type) -> dict[str, int]:
    return {"outer": shape[0], "channels": shape[1], "inner": shape[2], "dtype": DTYPES.index(np.dtype(dtype))}


@pytest.mark.parametrize("kernel", rows("quantize"), ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_quantize(kernel: Kernel, shape: tuple[int, int, int], dtype: type) -> None:
    rng = np.random.default_rng(shape[2])
    quant = quant_of(rng, shape[1], dtype)
    info = np.iinfo(dtype)
    steps = rng.uniform(-1.2, 1.2, shape) * (int(info.max) - int(info.min))
    steps = np.where(rng.random(shape) < 0.3, np.round(steps) + 0.5, steps)
    x = (steps * quant.scales().reshape(1, -1, 1)).astype(np.float32)
    special = [0.0, -0.0, np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-40, 8388607.5, 0.49999997]
    x.ravel()[: len(special)] = special[: x.size]
    inputs = [x, quant.scales(), quant.zeros()]
    this = step(kernel, params_of(shape, dtype), inputs, np.empty(shape, dtype))
    assert_check_is_exact(this)
    np.testing.assert_array_equal(run_all_ways(this, rng), numerics.quantize(x, quant, dtype))


@pytest.mark.parametrize("kernel", rows("dequantize"), ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_dequantize(kernel: Kernel, shape: tuple[int, int, int], dtype: type) -> None:
    rng = np.random.default_rng(shape[2])
    quant = quant_of(rng, shape[1], dtype)
    info = np.iinfo(dtype)
    x: Array = rng.integers(info.min, info.max, shape, endpoint=True).astype(dtype)
    this = step(kernel, params_of(shape, dtype), [x, quant.scales(), quant.zeros()], np.empty(shape, np.float32))
    assert_check_is_exact(this)
    np.testing.assert_array_equal(run_all_ways(this, rng), numerics.dequantize(x, quant))


@pytest.mark.parametrize("kernel", rows("quantize", "dequantize"), ids=lambda kernel: kernel.name)
def test_bad_params(kernel: Kernel) -> None:
    sizes = [(1 << 20, 16, False)] * 3 + [(1 << 20, 16, True)]
    for outer, channels, inner, dtype in (
        (0, 1, 1, 1),
        (1, 0, 1, 1),
        (1, 1, -1, 1),
        (1, 1, 1, 0),
        (1, 1, 1, 6),
        (1 << 20, 1 << 20, 9, 1),
    ):
        params = kernel.encode({"outer": outer, "channels": channels, "inner": inner, "dtype": dtype})
        assert kernel.check(params, sizes) == BAD_PARAMS
