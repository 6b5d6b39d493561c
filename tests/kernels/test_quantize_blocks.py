"""Rows of floats to blocks of int8: every kernel against the law in numpy, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from harness import BAD_PARAMS, OK, Array, Step, assert_check_is_exact, rows, run_all_ways, step
from test_elsewhere import built, drive, tool

from toolchain.kernels import Kernel, families
from toolchain.quantize import blocks

KERNELS = pytest.mark.parametrize("kernel", rows("quantize_b32"), ids=lambda kernel: kernel.name)


def build(kernel: Kernel, x: Array, blank: int = 0, zero: int = 8) -> tuple[Step, Array]:
    """A step, and the blocks as records of ten words."""
    values, scale = blocks.quantize_activations(x)
    count = values.shape[1]
    expected = np.zeros(((len(x) + blank), count, 10), np.int32)
    expected[: len(x), :, 0] = scale.view(np.int32)
    expected[: len(x), :, 1] = -zero * values.astype(np.int32).sum(axis=-1)
    expected[: len(x), :, 2:] = values.view(np.int32)
    params = {"rows": len(x), "depth": x.shape[1], "blank_rows": blank, "weight_zero": zero}
    return step(kernel, params, [x], np.empty_like(expected)), expected


@KERNELS
@pytest.mark.parametrize("shape", [(1, 1), (1, 32), (3, 31), (2, 33), (5, 64), (1, 4096), (9, 1000), (700, 40)], ids=str)
def test_blocks_are_those_of_the_law(kernel: Kernel, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape[1])
    x = (rng.standard_normal(shape) * 10.0 ** rng.integers(-30, 30, (shape[0], 1))).astype(np.float32)
    for blank, zero in ((0, 8), (1, 128)):
        this, expected = build(kernel, x, blank, zero)
        assert_check_is_exact(this)
        np.testing.assert_array_equal(run_all_ways(this, rng), expected)


@KERNELS
def test_halves_go_to_even(kernel: Kernel) -> None:
    x = np.arange(-127, 128, dtype=np.float32).reshape(-1, 5)[:, :4].repeat(8, axis=1) / 2
    x[:, 0] = 127
    this, expected = build(kernel, x)
    np.testing.assert_array_equal(run_all_ways(this, np.random.default_rng(0)), expected)
    np.testing.assert_array_equal(expected[..., 2:].view(np.int8)[:, 0, 1:], np.rint(x[:, 1:]))


@KERNELS
def test_edges_of_float(kernel: Kernel) -> None:
    """Zeros, subnormals, the least block that is not zero, infinities, NaN, the largest float."""
    x = np.zeros((8, 32), np.float32)
    x[1], x[2], x[3], x[4] = -0.0, 1e-40, np.float32(2.0**-120), np.nextafter(np.float32(2.0**-120), np.float32(0))
    x[5, 3], x[6, 31], x[7, 2:5] = np.inf, np.nan, np.finfo(np.float32).max
    this, expected = build(kernel, x)
    output = run_all_ways(this, np.random.default_rng(0))
    scales, values = output[..., 0].copy().view(np.float32).ravel(), output[..., 2:].copy().view(np.int8)
    assert (scales[[0, 1, 2, 4]] == 0).all() and np.isnan(scales[[5, 6]]).all() and np.isfinite(scales[[3, 7]]).all()
    assert (values[[0, 1, 2, 4, 5, 6]] == 0).all() and (values[3] == 127).all() and values[7].max() == 127
    finite = [0, 1, 2, 3, 4, 7]
    np.testing.assert_array_equal(output[finite], expected[finite])


@KERNELS
def test_bad_params(kernel: Kernel) -> None:
    good = {"rows": 3, "depth": 40, "blank_rows": 1, "weight_zero": 8}
    for field, value in (
        *((name, value) for name in ("rows", "depth") for value in (0, -1)),
        *(("blank_rows", value) for value in (-1, 2)),
        *(("weight_zero", value) for value in (-1, 256)),
        *(("rows", value) for value in (1 << 30, (1 << 31) - 1)),
    ):
        params = kernel.encode({**good, field: value})
        assert kernel.check(params, [(1 << 62, 4, False), (1 << 62, 4, True)]) == BAD_PARAMS, (field, value)


AARCH64 = [kernel for kernel in families()["quantize_b32"] if kernel.isa in ("neon", "scalar")]


@pytest.mark.parametrize("kernel", AARCH64, ids=lambda kernel: kernel.name)
def test_aarch64(kernel: Kernel) -> None:
    """The same blocks on an emulated Cortex-A53."""
    emulator, compiler = tool("qemu-aarch64"), tool("aarch64-linux-gnu-g++")
    system = ["-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64", f"-DCMAKE_CXX_COMPILER={compiler}"]
    driver = built("aarch64", *system, "-DCMAKE_EXE_LINKER_FLAGS=-static", "-DSINTER_WERROR=ON")
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape, np.float32) for shape in ((1, 1), (3, 31), (2, 33), (1, 4096), (700, 40))]
    halves = np.append(np.arange(-63, 64, dtype=np.float32) / 2, np.float32(127)).reshape(1, -1)
    edges = np.zeros((4, 32), np.float32)
    edges[1], edges[2], edges[3] = 2.0**-120, 1e-40, np.finfo(np.float32).max
    wanted = [build(kernel, x, 1) for x in (*arrays, halves, edges)]
    for (status, output), (_, expected) in zip(
        drive([emulator, "-cpu", "cortex-a53", str(driver)], [w for w, _ in wanted]), wanted, strict=True
    ):
        assert status == OK
        np.testing.assert_array_equal(output, expected)
