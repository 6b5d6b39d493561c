"""Products of two computed matrices against numpy, for every kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import BAD_OPERANDS, BAD_PARAMS, OK, assert_check_is_exact, rows, run_all_ways, step

from toolchain.ir import Quant, Type
from toolchain.kernels import Kernel
from toolchain.ops.matmul import MatMul
from toolchain.quantize import elementwise
from toolchain.quantize.numerics import wrap

EPS = float(np.finfo(np.float32).eps)
BATCHES = [((), ()), ((3,), (3,)), ((2, 1), (1, 3)), ((), (2, 2)), ((2, 1, 3, 1), (1, 2, 1, 2))]
EXTENTS = [(1, 1, 1), (1, 5, 17), (5, 3, 16), (6, 128, 16), (7, 129, 33), (25, 64, 65), (13, 300, 8), (24, 1, 130)]


def kernels(*families: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kernel", rows(*families), ids=lambda kernel: kernel.name)


def shapes(
    batches: tuple[tuple[int, ...], tuple[int, ...]], extents: tuple[int, int, int], op: MatMul
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    m, k, n = extents
    a = (*batches[0], *((k, m) if op.transpose_a else (m, k)))
    b = (*batches[1], *((n, k) if op.transpose_b else (k, n)))
    return a, b, (*np.broadcast_shapes(*batches), m, n)


def params_of(op: MatMul, *shapes: tuple[int, ...]) -> dict[str, Any]:
    return op.params(*(Type(shape, np.dtype(np.float32)) for shape in shapes))


OPS = [MatMul(a, b) for a in (False, True) for b in (False, True)]


@kernels("matmul_f32")
@pytest.mark.parametrize("op", OPS, ids=str)
@pytest.mark.parametrize(
    ("batches", "extents"), [(BATCHES[i % 5], e) for i, e in enumerate(EXTENTS)] + [(b, (7, 9, 20)) for b in BATCHES]
)
def test_floats(
    kernel: Kernel, op: MatMul, batches: tuple[tuple[int, ...], tuple[int, ...]], extents: tuple[int, int, int]
) -> None:
    rng = np.random.default_rng(extents[1])
    a_shape, b_shape, y_shape = shapes(batches, extents, op)
    a, b = rng.standard_normal(a_shape, np.float32), rng.standard_normal(b_shape, np.float32)
    this = step(kernel, params_of(op, a_shape, b_shape, y_shape), [a, b], np.empty(y_shape, np.float32))
    assert_check_is_exact(this)
    left = np.swapaxes(a, -1, -2) if op.transpose_a else a
    right = np.swapaxes(b, -1, -2) if op.transpose_b else b
    expected = left.astype(np.float64) @ right
    bound = (extents[1] + 1) * EPS * (np.abs(left.astype(np.float64)) @ np.abs(right))
    assert (np.abs(run_all_ways(this, rng) - expected) <= bound).all()


@kernels("matmul_s8")
@pytest.mark.parametrize("op", OPS, ids=str)
@pytest.mark.parametrize(("batches", "extents"), [(BATCHES[i % 5], e) for i, e in enumerate(EXTENTS)])
def test_quantised(
    kernel: Kernel, op: MatMul, batches: tuple[tuple[int, ...], tuple[int, ...]], extents: tuple[int, int, int]
) -> None:
    rng = np.random.default_rng(extents[1])
    a_shape, b_shape, y_shape = shapes(batches, extents, op)
    a, b = (rng.integers(-128, 128, shape).astype(np.int8) for shape in (a_shape, b_shape))
    left, right, y = (Quant.of(0.1, int(rng.integers(-128, 128))) for _ in range(3))
    factor = (1518500250, -int(extents[1]).bit_length() - 6)
    params = params_of(op, a_shape, b_shape, y_shape) | {"a_zero": left.zero[0], "b_zero": right.zero[0], "out_zero": y.zero[0]}
    this = step(kernel, params | {"multiplier": factor[0], "shift": factor[1]}, [a, b], np.empty(y_shape, np.int8))
    assert_check_is_exact(this)
    wide = [np.swapaxes(x, -1, -2) if swap else x for x, swap in ((a, op.transpose_a), (b, op.transpose_b))]
    acc = (wide[0].astype(np.int64) - left.zero[0]) @ (wide[1].astype(np.int64) - right.zero[0])
    np.testing.assert_array_equal(run_all_ways(this, rng), elementwise.rescale(wrap(acc), factor, y.zero[0]))


@kernels("matmul_f32", "matmul_s8")
def test_bad_params(kernel: Kernel) -> None:
    size = 4 if kernel.family == "matmul_f32" else 1
    good = dict.fromkeys(kernel.params.names or (), 0) | params_of(MatMul(), (2, 3, 4), (2, 4, 5), (2, 3, 5))
    extents = [(24 * size, 4, False), (40 * size, 4, False), (30 * size, 4, True)]
    assert kernel.check(kernel.encode(good), extents) == OK
    for field, value, status in (
        *((name, 0, BAD_PARAMS) for name in ("m", "k", "n")),
        *((name, -1, BAD_PARAMS) for name in ("m", "k", "n", "a_row", "a_depth", "b_depth", "b_column")),
        *((name, 1 << 30, BAD_PARAMS) for name in ("m", "n", "a_row", "b_depth")),
        *((name, 9, BAD_OPERANDS) for name in ("m", "k", "n", "a_row", "a_depth", "b_depth", "b_column")),
    ):
        assert kernel.check(kernel.encode({**good, field: value}), extents) == status, (field, value)
    for field in ("batch", "a_stride", "b_stride"):
        assert kernel.check(kernel.encode({**good, field: [1] * 5 + [-1]}), extents) == BAD_PARAMS
