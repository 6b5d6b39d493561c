"""int8 tables, softmax, sums and products against the law in numpy, for every kernel."""

from __future__ import annotations

import numpy as np
import pytest
from harness import BAD_PARAMS, OK, Array, assert_check_is_exact, rows, run_all_ways, step

from toolchain.ir import Quant, Type
from toolchain.kernels import Kernel
from toolchain.ops.binary import broadcast_params, broadcast_shape
from toolchain.quantize import elementwise
from toolchain.quantize.numerics import multiply_by_quantized_multiplier, wrap

COUNTS = [1, 15, 16, 31, 32, 33, 4095, 4096, 4097, 9001]
SHAPES = [
    ((1,), (1,)),
    ((33,), (33,)),
    ((2, 3, 5, 17), (2, 3, 5, 17)),
    ((70, 70), (70, 70)),
    ((9, 40), (40,)),
    ((40,), (9, 40)),
    ((5, 7, 40), (5, 1, 40)),
    ((5, 7, 40), (5, 7, 1)),
    ((5, 1, 8), (1, 7, 1)),
    ((6, 5000), ()),
    ((2, 1, 3, 1, 2, 1, 3, 1), (1, 2, 1, 2, 1, 3, 1, 33)),
]


def int8(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.integers(-128, 128, shape).astype(np.int8)


def kernels(*families: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kernel", rows(*families), ids=lambda kernel: kernel.name)


@kernels("lookup_x8")
@pytest.mark.parametrize("count", COUNTS)
def test_lookup(kernel: Kernel, count: int) -> None:
    rng = np.random.default_rng(count)
    x, table = rng.integers(0, 256, count).astype(np.uint8), rng.integers(0, 256, 256).astype(np.uint8)
    this = step(kernel, {"count": count}, [x, table], np.empty(count, np.uint8))
    assert_check_is_exact(this)
    assert np.array_equal(run_all_ways(this, rng), table[x])


def zeros_and_clamp(rng: np.random.Generator) -> dict[str, int]:
    low, high = sorted(rng.integers(-128, 128, 2).tolist()) if rng.random() < 0.3 else (-128, 127)
    names = ("a_zero", "b_zero", "out_zero")
    return {**{name: int(rng.integers(-128, 128)) for name in names}, "out_min": low, "out_max": high}


def rescale(rng: np.random.Generator, low: int, high: int) -> tuple[int, int]:
    """A multiplier of either sign and a shift, now and then anything that fits 32 bits."""
    multiplier = int(rng.integers(1 << 30, (1 << 31) - 1, endpoint=True)) * int(rng.choice([-1, 1]))
    return multiplier, int(rng.integers(-31, 31) if rng.random() < 0.2 else rng.integers(low, high))


@kernels("add_s8")
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_add(kernel: Kernel, shapes: tuple[tuple[int, ...], tuple[int, ...]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = int8(rng, shapes[0]), int8(rng, shapes[1])
    output = np.empty(broadcast_shape(*shapes), np.int8)
    params = broadcast_params(*(Type(x.shape, x.dtype) for x in (a, b, output))) | zeros_and_clamp(rng)
    first, second, last = rescale(rng, -3, 1), rescale(rng, -3, 1), rescale(rng, -22, -16)
    for prefix, (multiplier, shift) in (("a_", first), ("b_", second), ("", last)):
        params |= {f"{prefix}multiplier": multiplier, f"{prefix}shift": shift}
    this = step(kernel, params, [a, b], output)
    assert_check_is_exact(this)
    total = elementwise.add(a, b, params["a_zero"], params["b_zero"], (first, second, last), params["out_zero"])
    assert np.array_equal(run_all_ways(this, rng), np.clip(total, params["out_min"], params["out_max"]))


@kernels("add_s8")
@pytest.mark.parametrize("seed", range(60))
def test_add_all_pairs(kernel: Kernel, seed: int) -> None:
    """Every pair of bytes under scales as models have them, and under powers of two, whose sums often lie between two integers."""
    rng = np.random.default_rng(seed)
    a, b = (x.astype(np.int8).ravel() for x in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)))
    params = broadcast_params(*(Type(x.shape, x.dtype) for x in (a, b, a))) | zeros_and_clamp(rng)
    factors = [1 << 30] * 3 if seed % 3 == 0 else rng.integers(1 << 30, (1 << 31) - 1, 3, endpoint=True).tolist()
    first, second, last = (factors[0], 0), (factors[1], int(rng.integers(-3, 1))), (factors[2], int(rng.integers(-20, -15)))
    for prefix, (multiplier, shift) in (("a_", first), ("b_", second), ("", last)):
        params |= {f"{prefix}multiplier": multiplier, f"{prefix}shift": shift}
    this = step(kernel, params, [a, b], np.empty_like(a))
    total = elementwise.add(a, b, params["a_zero"], params["b_zero"], (first, second, last), params["out_zero"])
    assert np.array_equal(run_all_ways(this, rng), np.clip(total, params["out_min"], params["out_max"]))


@kernels("mul_s8")
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_mul(kernel: Kernel, shapes: tuple[tuple[int, ...], tuple[int, ...]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = int8(rng, shapes[0]), int8(rng, shapes[1])
    output = np.empty(broadcast_shape(*shapes), np.int8)
    params = broadcast_params(*(Type(x.shape, x.dtype) for x in (a, b, output))) | zeros_and_clamp(rng)
    params["multiplier"], params["shift"] = rescale(rng, -9, -5)
    this = step(kernel, params, [a, b], output)
    assert_check_is_exact(this)
    product = (a.astype(np.int64) - params["a_zero"]) * (b.astype(np.int64) - params["b_zero"])
    total = wrap(multiply_by_quantized_multiplier(product, params["multiplier"], params["shift"]) + params["out_zero"])
    assert np.array_equal(run_all_ways(this, rng), np.clip(total, params["out_min"], params["out_max"]))


@kernels("add_s8", "mul_s8")
def test_broadcast_params_that_would_leave_the_operands(kernel: Kernel) -> None:
    byte = np.dtype(np.int8)
    good = dict.fromkeys(kernel.params.names or (), 0) | broadcast_params(*(Type((4, 8), byte),) * 3)
    extents = [(32, 16, False), (32, 16, False), (32, 16, True)]
    assert kernel.check(kernel.encode(good), extents) == OK
    big = 1 << 30
    for field, index, value in (
        ("shape", 7, 0),
        ("shape", 7, -1),
        ("shape", 0, big),
        ("a_stride", 7, 2),
        ("a_stride", 7, -1),
        ("b_stride", 3, -8),
        ("out_zero", None, 128),
        ("a_zero", None, -129),
        ("out_min", None, 1),
        ("out_max", None, 128),
    ):
        bad = dict(good)
        if index is None:
            bad[field] = value
        else:
            bad[field] = [value if i == index else n for i, n in enumerate(good[field])]
        assert kernel.check(kernel.encode(bad), extents) == BAD_PARAMS, (field, value)
    strided = {**good, "shape": [1] * 6 + [5, 8], "a_stride": [0] * 6 + [8, 1]}
    assert kernel.check(kernel.encode(strided), extents) != OK


@kernels("softmax_s8")
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 1), (1, 10, 1), (2, 5, 3), (1, 33, 4), (7, 1000, 1), (1, 4095, 1)], ids=str)
def test_softmax(kernel: Kernel, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(shape[1])
    outer, depth, inner = shape
    for scale in (1e-4, 0.004, 0.1, 0.58, 2.0, 30.0):
        table = elementwise.softmax_exponentials(Quant.of(scale, 3), 1.0)
        x = int8(rng, shape)
        this = step(kernel, {"outer": outer, "depth": depth, "inner": inner}, [x, table], np.empty(shape, np.int8))
        assert_check_is_exact(this)
        expected = np.moveaxis(elementwise.softmax(np.moveaxis(x, 1, -1), table), -1, 1)
        assert np.array_equal(run_all_ways(this, rng), expected)


@kernels("softmax_s8")
def test_softmax_stays_inside_for_any_table(kernel: Kernel) -> None:
    rng = np.random.default_rng(0)
    for table in (np.zeros(256), np.full(256, -(2**31)), np.full(256, 2**31 - 1), rng.integers(-(2**31), 2**31, 256)):
        inputs = [int8(rng, (4, 40)), table.astype(np.int32)]
        run_all_ways(step(kernel, {"outer": 4, "depth": 40, "inner": 1}, inputs, np.empty((4, 40), np.int8)), rng)
    sizes = [(1 << 20, 16, False), (1024, 16, False), (1 << 20, 16, True)]
    for outer, depth, inner in ((0, 1, 1), (1, 0, 1), (1, 4096, 1), (1, 1, -1), (1 << 20, 4000, 1 << 20)):
        assert kernel.check(kernel.encode({"outer": outer, "depth": depth, "inner": inner}), sizes) == BAD_PARAMS
