"""Kernels that copy elements, against numpy: contiguous and strided copies, choices, gathers and scatters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from harness import BAD_PARAMS, OK, Array, Step, assert_check_is_exact, rows, run, run_all_ways, step

from toolchain.ir import DTYPES, Value, constant
from toolchain.kernels import Kernel
from toolchain.ops import gather
from toolchain.ops.scatter import REDUCTIONS
from toolchain.ops.take import gather_params
from toolchain.strides import collapse, repeated, row_major

UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def kernels(*families: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kernel", rows(*families), ids=lambda kernel: kernel.name)


def elements(rng: np.random.Generator, shape: Sequence[int], size: int) -> Array:
    return rng.integers(0, 256, math.prod(shape) * size, np.uint8).view(UNSIGNED[size]).reshape(shape)


def value(array: Array) -> Value:
    return constant(array)


@kernels("copy")
@pytest.mark.parametrize("count", [1, 3, 65535, 65536, 65537, 200000])
def test_copy(kernel: Kernel, count: int) -> None:
    rng = np.random.default_rng(count)
    x = elements(rng, (count,), 1)
    this = step(kernel, {"bytes": count}, [x], np.empty_like(x))
    assert_check_is_exact(this)
    assert np.array_equal(run_all_ways(this, rng), x)


def move_step(kernel: Kernel, x: Array, shape: Sequence[int], inner: Any, outer: Any, output: Array) -> Step:
    extents, (in_stride, out_stride) = collapse(shape, inner[1], outer[1])
    params = {"shape": extents, "in_stride": in_stride, "out_stride": out_stride}
    return step(kernel, params | {"in_offset": inner[0], "out_offset": outer[0], "size": x.itemsize}, [x], output)


@kernels("move")
@pytest.mark.parametrize("size", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("shape", "perm"),
    [
        ((1,), (0,)),
        ((5, 7), (1, 0)),
        ((32, 64), (1, 0)),
        ((33, 65), (1, 0)),
        ((3, 77), (1, 0)),
        ((100, 131), (1, 0)),
        ((2, 17, 5, 3), (0, 3, 1, 2)),
        ((2, 3, 17, 9), (0, 2, 3, 1)),
        ((3, 40, 40), (2, 1, 0)),
        ((4, 5, 6, 7), (3, 1, 2, 0)),
        ((2, 3, 1, 2, 3, 2, 2, 3), (7, 0, 6, 2, 5, 1, 4, 3)),
    ],
    ids=str,
)
def test_transpose(kernel: Kernel, shape: tuple[int, ...], perm: tuple[int, ...], size: int) -> None:
    rng = np.random.default_rng(size)
    x = elements(rng, shape, size)
    y = np.transpose(x, perm)
    strides = row_major(shape)
    this = move_step(
        kernel, x, y.shape, (0, [strides[axis] for axis in perm]), (0, row_major(y.shape)), np.empty_like(y, order="C")
    )
    assert_check_is_exact(this)
    assert np.array_equal(run_all_ways(this, rng), y)


@kernels("move")
@pytest.mark.parametrize("size", [1, 2, 4, 8])
@pytest.mark.parametrize("seed", range(20))
def test_strided_part(kernel: Kernel, seed: int, size: int) -> None:
    """A part of one array with any steps, backwards and repeated too, into a part of another, whose rest stays as it is."""
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 5))
    inner_shape, outer_shape = (tuple(rng.integers(1, 40 // rank, rank).tolist()) for _ in range(2))
    shape, starts, steps, firsts, hops = [], [], [], [], []
    for n, m in zip(inner_shape, outer_shape, strict=True):
        extent = int(rng.integers(1, m + 1))
        hop = int(rng.integers(1, (m - 1) // max(extent - 1, 1) + 1)) if m > 1 else 1
        first = int(rng.integers(0, m - (extent - 1) * hop))
        room = (n - 1) // max(extent - 1, 1)
        stride = int(rng.integers(-room, room + 1))
        low, high = max(0, -(extent - 1) * stride), n - 1 - max(0, (extent - 1) * stride)
        shape.append(extent)
        steps.append(stride)
        starts.append(int(rng.integers(low, high + 1)))
        firsts.append(first)
        hops.append(hop)
    x, before = elements(rng, inner_shape, size), elements(rng, outer_shape, size)

    def view(part: Sequence[int], whole: Sequence[int], at: Sequence[int], by: Sequence[int]) -> tuple[int, list[int]]:
        strides = row_major(whole)
        return sum(a * s for a, s in zip(at, strides, strict=True)), [b * s for b, s in zip(by, strides, strict=True)]

    this = move_step(kernel, x, shape, view(shape, inner_shape, starts, steps), view(shape, outer_shape, firsts, hops), before)
    source = x[np.ix_(*(a + np.arange(n) * b for a, n, b in zip(starts, shape, steps, strict=True)))]
    where = np.ix_(*(a + np.arange(n) * b for a, n, b in zip(firsts, shape, hops, strict=True)))
    expected = np.full(before.nbytes, 0xA5, np.uint8).view(before.dtype).reshape(before.shape)
    expected[where] = source
    assert np.array_equal(run(this), expected)


@kernels("move")
def test_move_rejects_bad_params(kernel: Kernel) -> None:
    zeros, good = (0,) * 8, {"in_offset": 0, "out_offset": 0, "size": 4}
    one = {"shape": (1,) * 8, "in_stride": zeros, "out_stride": zeros}
    extents = [(64, 64, False), (64, 64, True)]
    assert kernel.check(kernel.encode(one | good), extents) == OK
    for bad in ({"size": 3}, {"size": 0}, {"shape": (0,) * 8}, {"shape": (-1,) * 8}, {"shape": (1 << 30,) * 8}):
        assert kernel.check(kernel.encode(one | good | bad), extents) == BAD_PARAMS
    hostile = [{"in_offset": -1}, {"out_offset": 16}, {"in_offset": (1 << 31) - 1}]
    hostile += [{"shape": (1,) * 7 + (2,), "in_stride": zeros[:7] + (n,)} for n in (-1, 16, -(1 << 31), (1 << 31) - 1)]
    hostile += [{"shape": (1 << 10, 1 << 10, 1 << 10, 1, 1, 1, 1, 1), "out_stride": (1 << 30, 1 << 30, 1 << 30, 0, 0, 0, 0, 0)}]
    for bad in hostile:
        assert kernel.check(kernel.encode(one | good | bad), extents) not in (OK, BAD_PARAMS)


@kernels("where")
@pytest.mark.parametrize("size", [1, 2, 4, 8])
@pytest.mark.parametrize(
    "shapes",
    [
        ((1,), (1,), (1,)),
        ((5000,), (5000,), (5000,)),
        ((7, 1), (1, 9), ()),
        ((3, 1, 5), (3, 4, 1), (5,)),
        ((), (70, 70), (70,)),
        ((2, 1, 2, 1, 3, 1, 2, 1), (1, 3, 1, 2, 1, 2, 1, 33), (1,)),
    ],
    ids=str,
)
def test_where(kernel: Kernel, shapes: tuple[tuple[int, ...], ...], size: int) -> None:
    rng = np.random.default_rng(size)
    condition = rng.random(shapes[0]) < 0.5
    a, b = (elements(rng, shape, size) for shape in shapes[1:])
    expected = np.where(condition, a, b)
    shape, views = collapse(expected.shape, *(repeated(x.shape, expected.shape) for x in (condition, a, b)))
    names = ("condition_stride", "a_stride", "b_stride")
    this = step(kernel, {"shape": shape, "size": size, **dict(zip(names, views, strict=True))}, [condition, a, b], expected)
    assert_check_is_exact(this)
    assert np.array_equal(run_all_ways(this, rng), expected)


def index_array(rng: np.random.Generator, shape: Sequence[int], extent: int, dtype: Any) -> Array:
    return rng.integers(-extent, extent, shape).astype(dtype)


def assert_bad_index_is_found(this: Step, operand: int, extent: int) -> None:
    """run() reports an index just outside at either end, wherever it stands, and touches nothing out of bounds."""
    indices = this.inputs[operand]
    for bad in (extent, -extent - 1, np.iinfo(indices.dtype).max, np.iinfo(indices.dtype).min):
        for position in (0, indices.size - 1):
            changed = indices.copy()
            changed.ravel()[position] = bad
            inputs = (*this.inputs[:operand], changed, *this.inputs[operand + 1 :])
            with pytest.raises(ValueError, match="status 4"):
                run(Step(this.kernel, this.params, inputs, this.output))


@kernels("gather")
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize(
    ("batch", "outer", "extent", "inner"), [(1, 1, 1, 1), (1, 3, 5, 4), (2, 1, 7, 8), (3, 2, 4, 3), (1, 1, 9, 500)]
)
def test_gather(kernel: Kernel, batch: int, outer: int, extent: int, inner: int, dtype: Any) -> None:
    rng = np.random.default_rng(inner)
    x = elements(rng, (batch, outer, extent, inner), 1)
    indices = index_array(rng, (batch, 11), extent, dtype)
    expected = np.stack([np.take(row, pick, axis=1) for row, pick in zip(x, indices % extent, strict=True)])
    this = step(kernel, gather_params(value(x), 2, 1, 11, indices.itemsize), [x, indices], expected)
    assert_check_is_exact(this)
    assert np.array_equal(run_all_ways(this, rng), expected)
    assert_bad_index_is_found(this, 1, extent)


@kernels("gather_elements")
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("size", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("shape", "of", "axis"),
    [((5,), (9,), 0), ((4, 6), (4, 3), 1), ((4, 6), (7, 5), 0), ((3, 4, 5), (2, 9, 4), 1), ((90, 9), (90, 80), 1)],
)
def test_gather_elements(kernel: Kernel, shape: tuple[int, ...], of: tuple[int, ...], axis: int, size: int, dtype: Any) -> None:
    rng = np.random.default_rng(size)
    x, indices = elements(rng, shape, size), index_array(rng, of, shape[axis], dtype)
    cut = tuple(slice(None) if i == axis else slice(n) for i, n in enumerate(of))
    expected = np.take_along_axis(x[cut], indices.astype(np.int64) % shape[axis], axis)
    params = gather.elements_params(value(x).type, value(indices).type, axis) | {"size": size}
    this = step(kernel, params, [x, indices], expected)
    assert np.array_equal(run_all_ways(this, rng), expected)
    assert_bad_index_is_found(this, 1, shape[axis])
    if cut == tuple(slice(None) if i == axis else slice(n) for i, n in enumerate(shape)):
        assert_check_is_exact(this)


@kernels("gather_nd")
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize(
    ("batch", "extents", "inner"), [(1, (5,), 1), (3, (4, 5), 4), (2, (3, 2, 4), 7), (1, (2, 2, 2, 2, 2, 2, 2, 2), 8)]
)
def test_gather_nd(kernel: Kernel, batch: int, extents: tuple[int, ...], inner: int, dtype: Any) -> None:
    rng = np.random.default_rng(inner)
    x = elements(rng, (batch, *extents, inner), 1)
    picks = np.stack([index_array(rng, (batch, 13), extent, dtype) for extent in extents], axis=-1)
    where = tuple(np.moveaxis(picks, -1, 0) % np.reshape(extents, (-1, 1, 1)))
    expected = x[(np.arange(batch)[:, np.newaxis], *where)]
    params = {"extent": (*extents, *(1,) * (8 - len(extents))), "batch": batch, "rows": 13, "depth": len(extents)}
    this = step(kernel, params | {"inner": inner, "index_size": picks.itemsize}, [x, picks], expected)
    assert_check_is_exact(this)
    assert np.array_equal(run_all_ways(this, rng), expected)
    assert_bad_index_is_found(this, 1, max(extents))


SCATTERED = ["float32", "int8", "uint8", "int16", "int32", "uint32", "int64"]
FUNCTIONS: dict[str, Any] = {"add": np.add, "mul": np.multiply, "min": np.minimum, "max": np.maximum}


def numbers(rng: np.random.Generator, shape: Sequence[int], dtype: str) -> Array:
    if dtype == "float32":
        return rng.standard_normal(shape, np.float32)
    return elements(rng, shape, np.dtype(dtype).itemsize).view(dtype)


def scattered(x: Array, where: tuple[Array, ...], updates: Array, reduction: str) -> Array:
    y = x.copy()
    if reduction == "none":
        for index in np.ndindex(where[0].shape):
            y[tuple(axis[index] for axis in where)] = updates[index]
    else:
        FUNCTIONS[reduction].at(y, where, updates)
    return y


@kernels("scatter_elements")
@pytest.mark.parametrize("dtype", SCATTERED)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("shape", "of", "axis"), [((5,), (9,), 0), ((4, 6), (4, 6), 1), ((3, 4, 5), (2, 9, 4), 1)], ids=str)
def test_scatter_elements(
    kernel: Kernel, shape: tuple[int, ...], of: tuple[int, ...], axis: int, reduction: str, dtype: str
) -> None:
    rng = np.random.default_rng(1)
    x, updates, indices = numbers(rng, shape, dtype), numbers(rng, of, dtype), index_array(rng, of, shape[axis], np.int64)
    where = list(np.indices(of))
    where[axis] = indices % shape[axis]
    params = gather.elements_params(value(x).type, value(indices).type, axis)
    params |= {"elements": x.size, "dtype": DTYPES.index(x.dtype), "reduction": REDUCTIONS.index(reduction)}
    this = step(kernel, params, [x, indices, updates], np.empty_like(x))
    assert_check_is_exact(this)
    assert np.array_equal(run_all_ways(this, rng), scattered(x, tuple(where), updates, reduction))
    assert_bad_index_is_found(this, 1, shape[axis])
    assert kernel.check(kernel.encode(params | {"extent": x.size + 1}), this.extents()) == BAD_PARAMS


@kernels("scatter_nd")
@pytest.mark.parametrize("dtype", SCATTERED)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("extents", "inner"), [((5,), 1), ((4, 5), 4), ((3, 2, 4), 7)], ids=str)
def test_scatter_nd(kernel: Kernel, extents: tuple[int, ...], inner: int, reduction: str, dtype: str) -> None:
    rng = np.random.default_rng(1)
    x, updates = numbers(rng, (*extents, inner), dtype), numbers(rng, (40, inner), dtype)
    picks = np.stack([index_array(rng, (40,), extent, np.int32) for extent in extents], axis=-1)
    where = tuple(picks.T % np.reshape(extents, (-1, 1)))
    params = {"extent": (*extents, *(1,) * (8 - len(extents))), "rows": 40, "depth": len(extents), "inner": inner, "index_size": 4}
    params |= {"dtype": DTYPES.index(x.dtype), "reduction": REDUCTIONS.index(reduction)}
    this = step(kernel, params, [x, picks, updates], np.empty_like(x))
    assert_check_is_exact(this)
    assert np.array_equal(run_all_ways(this, rng), scattered(x, where, updates, reduction))
    assert_bad_index_is_found(this, 1, max(extents))
