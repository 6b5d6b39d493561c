"""Kernels on integers, bools and along axes, against numpy: comparison, arithmetic, argmax, topk and running sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from harness import BAD_OPERANDS, BAD_PARAMS, OK, UNSUPPORTED, Array, assert_check_is_exact, rows, run_all_ways, step

from runtime import _native
from toolchain.ir import DTYPES, Type
from toolchain.kernels import Kernel
from toolchain.ops import integer
from toolchain.ops.argmax import along, sort_key
from toolchain.ops.binary import broadcast_params, broadcast_shape

INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
SHAPES = [
    ((1,), (1,)),
    ((5000,), (5000,)),
    ((70, 70), (70,)),
    ((5, 1, 8), (1, 7, 1)),
    ((6, 900), ()),
    ((2, 1), (1, 4)),
    ((2, 1, 3, 1, 2, 1, 3, 1), (1, 2, 1, 2, 1, 3, 1, 33)),
]
COMPARISONS: dict[str, Any] = {"equal": np.equal, "not_equal": np.not_equal, "less": np.less, "less_equal": np.less_equal}


def kernels(*families: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kernel", rows(*families), ids=lambda kernel: kernel.name)


def numbers(rng: np.random.Generator, shape: Sequence[int], dtype: str) -> Array:
    """Few distinct values, extreme ones among them, so that every relation and every special case comes up."""
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if dtype == "float32":
        return rng.choice(np.asarray([-np.inf, -1.5, -0.0, 0.0, 1.0, 2.5, np.inf, np.nan], np.float32), shape)
    info = np.iinfo(dtype)
    small = [n for n in range(-9, 10) if n >= info.min]
    return rng.choice(np.asarray([info.min, info.min + 1, *small, info.max - 1, info.max], dtype), shape)


def types(*arrays: Array) -> list[Type]:
    return [Type(x.shape, x.dtype) for x in arrays]


@kernels("compare")
@pytest.mark.parametrize("dtype", ["float32", "bool", *INTEGERS])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_compare(kernel: Kernel, shapes: tuple[tuple[int, ...], tuple[int, ...]], dtype: str) -> None:
    rng = np.random.default_rng(5)
    a, b = numbers(rng, shapes[0], dtype), numbers(rng, shapes[1], dtype)
    for code, (_, function) in enumerate(COMPARISONS.items()):
        expected = function(a, b)
        params = broadcast_params(*types(a, b, expected)) | {"kind": code, "dtype": DTYPES.index(a.dtype)}
        this = step(kernel, params, [a, b], expected)
        assert_check_is_exact(this)
        assert np.array_equal(run_all_ways(this, rng), expected)


@kernels("binary_int")
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("kind", integer.KINDS)
def test_binary_int(kernel: Kernel, kind: str, dtype: str) -> None:
    rng = np.random.default_rng(7)
    for shapes in SHAPES:
        a, b = numbers(rng, shapes[0], dtype), numbers(rng, shapes[1], dtype)
        expected = integer.evaluate(kind, a, b)
        params = broadcast_params(*types(a, b, expected)) | {"kind": integer.KINDS.index(kind), "dtype": DTYPES.index(a.dtype)}
        this = step(kernel, params, [a, b], expected)
        assert_check_is_exact(this)
        assert np.array_equal(run_all_ways(this, rng), expected)


def exact(kind: str, a: int, b: int) -> int:
    """What Python's unbounded integers say of int8 and uint8."""
    if kind in ("divide", "floor_divide", "remainder", "modulo"):
        if b == 0:
            return 0
        quotient = a // b if kind in ("floor_divide", "modulo") else abs(a) // abs(b) * (-1 if (a < 0) != (b < 0) else 1)
        return quotient if kind in ("divide", "floor_divide") else a - b * quotient
    if kind == "power":
        return a**b if b >= 0 else (int(math.copysign(1, a)) ** (b % 2) if abs(a) == 1 else 0)
    if kind.startswith("shift"):
        count = b if 0 <= b < 8 else 8
        return a << count if kind == "shift_left" else a >> count
    simple: dict[str, Any] = {
        "add": int.__add__,
        "subtract": int.__sub__,
        "multiply": int.__mul__,
        "minimum": min,
        "maximum": max,
        "and": int.__and__,
        "or": int.__or__,
        "xor": int.__xor__,
    }
    return int(simple[kind](a, b))


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("kind", integer.KINDS)
def test_the_law_of_integers_is_exact_arithmetic_that_wraps(kind: str, dtype: str) -> None:
    info = np.iinfo(dtype)
    a = np.arange(info.min, info.max + 1).astype(dtype)
    b = a if not kind.startswith("shift") and kind != "power" else np.arange(max(info.min, -3), 12).astype(dtype)
    result = integer.evaluate(kind, a[:, np.newaxis], b)
    for i, x in enumerate(a.tolist()):
        for j, y in enumerate(b.tolist()):
            assert result[i, j] == (exact(kind, x, y) - info.min) % 256 + info.min, (kind, x, y)


@kernels("binary_int")
@pytest.mark.parametrize("kind", ["and", "or", "xor"])
def test_logic(kernel: Kernel, kind: str) -> None:
    a, b = np.asarray([False, False, True, True]), np.asarray([False, True, False, True])
    expected = getattr(np, f"logical_{kind}")(a, b)
    params = broadcast_params(*types(a, b, expected)) | {"kind": integer.KINDS.index(kind), "dtype": DTYPES.index(a.dtype)}
    assert np.array_equal(run_all_ways(step(kernel, params, [a, b], expected), np.random.default_rng(1)), expected)


@kernels("binary_int", "compare")
def test_unknown_kinds_and_types_are_refused(kernel: Kernel) -> None:
    x = np.zeros(3, np.int32)
    y = np.zeros(3, np.bool_ if kernel.family == "compare" else np.int32)
    params = broadcast_params(*types(x, x, y)) | {"kind": 0, "dtype": DTYPES.index(x.dtype)}
    extents = [(12, 64, False), (12, 64, False), (y.nbytes, 64, True)]
    assert kernel.check(kernel.encode(params), extents) == OK
    for bad in ({"kind": -1}, {"kind": 99}, {"dtype": -1}, {"dtype": 99}, {"shape": (0,) * 8}, {"a_stride": (-1,) * 8}):
        assert kernel.check(kernel.encode(params | bad), extents) == BAD_PARAMS
    for dtype in ("float16", "float64"):
        refused = kernel.encode(params | {"dtype": DTYPES.index(np.dtype(dtype))})
        assert kernel.check(refused, [(64, 64, False), (64, 64, False), (64, 64, True)]) == UNSUPPORTED


AXES = [((1,), 0), ((7,), 0), ((5, 33), 1), ((33, 5), 0), ((3, 17, 4), 1), ((2, 3, 4, 5), 2), ((2, 70, 1), 1)]


@kernels("argmax")
@pytest.mark.parametrize("dtype", ["float32", *INTEGERS])
@pytest.mark.parametrize(("shape", "axis"), AXES, ids=str)
def test_argmax(kernel: Kernel, shape: tuple[int, ...], axis: int, dtype: str) -> None:
    rng = np.random.default_rng(3)
    x = numbers(rng, shape, dtype)
    for smallest, last, index in ((0, 0, np.int64), (0, 1, np.int32), (1, 0, np.int32), (1, 1, np.int64)):
        key = sort_key(x)
        best = key.min(axis, keepdims=True) if smallest else key.max(axis, keepdims=True)
        hits = np.moveaxis(key == best, axis, -1)
        expected = (shape[axis] - 1 - np.argmax(hits[..., ::-1], -1) if last else np.argmax(hits, -1)).astype(index)
        params = along(*types(x), axis) | {"smallest": smallest, "last": last, "index_size": expected.itemsize}
        this = step(kernel, params, [x], expected)
        assert_check_is_exact(this)
        assert np.array_equal(run_all_ways(this, rng), expected)


@kernels("topk")
@pytest.mark.parametrize("dtype", ["float32", *INTEGERS])
@pytest.mark.parametrize(("shape", "axis"), AXES, ids=str)
def test_topk(kernel: Kernel, shape: tuple[int, ...], axis: int, dtype: str) -> None:
    rng = np.random.default_rng(3)
    x = numbers(rng, shape, dtype)
    rows_of = np.moveaxis(sort_key(x), axis, -1).reshape(-1, shape[axis])
    for smallest in (0, 1):
        for k in sorted({1, shape[axis] // 2 + 1, shape[axis]}):
            order = [
                sorted(range(len(row)), key=lambda i, row=row: (row[i] if smallest else -row[i].item(), i))[:k] for row in rows_of
            ]
            beside = shape[:axis] + shape[axis + 1 :]
            indices = np.ascontiguousarray(np.moveaxis(np.asarray(order, np.int64).reshape(*beside, k), -1, axis))
            values = np.take_along_axis(x, indices, axis)
            params = kernel.encode(along(*types(x), axis) | {"k": k, "smallest": smallest, "index_size": 8})
            outputs = [np.zeros_like(values), np.zeros_like(indices)]
            extents = [(x.nbytes, x.itemsize, False), (values.nbytes, x.itemsize, True), (indices.nbytes, 8, True)]
            assert kernel.check(params, extents) == OK
            for i, (size, alignment, writable) in enumerate(extents):
                changed = [*extents[:i], (size - 1, alignment, writable), *extents[i + 1 :]]
                assert kernel.check(params, changed) == BAD_OPERANDS
            tiles = _native.tiles(kernel.name, params)
            for begin, end in ((tiles // 2, tiles), (0, tiles // 2)):
                _native.run_kernel(kernel.name, params, [x, *outputs], outputs=2, begin=begin, end=end)
            np.testing.assert_array_equal(outputs[0], values)
            np.testing.assert_array_equal(outputs[1], indices)


@kernels("cumulate")
@pytest.mark.parametrize("dtype", ["float32", *INTEGERS])
@pytest.mark.parametrize(("shape", "axis"), AXES, ids=str)
@pytest.mark.parametrize("flags", range(8))
def test_cumulate(kernel: Kernel, shape: tuple[int, ...], axis: int, dtype: str, flags: int) -> None:
    rng = np.random.default_rng(flags)
    exclusive, reverse, product = flags & 1, flags >> 1 & 1, flags >> 2
    x = rng.standard_normal(shape, np.float32) if dtype == "float32" else numbers(rng, shape, dtype)
    lines = np.moveaxis(x, axis, 0)[:: -1 if reverse else 1]
    total = np.full(lines.shape[1:], product, x.dtype)
    sums = []
    with np.errstate(over="ignore"):
        for line in lines:
            before, total = total, total * line if product else total + line
            sums.append(before if exclusive else total)
    expected = np.ascontiguousarray(np.moveaxis(np.asarray(sums, x.dtype)[:: -1 if reverse else 1], 0, axis))
    params = along(*types(x), axis) | {"exclusive": exclusive, "reverse": reverse, "product": product}
    this = step(kernel, params, [x], expected)
    assert_check_is_exact(this)
    assert np.array_equal(run_all_ways(this, rng), expected)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_broadcast_shape_is_numpys(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    assert broadcast_shape(*shapes) == np.broadcast_shapes(*shapes)
