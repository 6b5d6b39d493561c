"""Convolution and pooling cases: edge shapes, operands and straightforward references, for every kernel of the spatial families."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from harness import Array, Step, step

from toolchain import winograd
from toolchain.ir import Type
from toolchain.kernels import Kernel, families
from toolchain.ops.conv import offset_bias, pack_int8
from toolchain.packing import pack_panels, pack_quads, pad_columns
from toolchain.quantize import blocks
from toolchain.quantize.numerics import multiply_by_quantized_multiplier, wrap
from toolchain.spatial import Window

EPS = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Case:
    """One spatial layer; `out` overrides the output extents that the window gives (transposed convolution, ceil mode)."""

    spatial: tuple[int, ...]
    kernel: tuple[int, ...]
    channels: tuple[int, int]
    batch: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    groups: int = 1
    out: tuple[int, ...] | None = None

    @property
    def window(self) -> Window:
        rank = len(self.spatial)
        return Window(self.kernel, (self.stride,) * rank, (self.dilation,) * rank, ((self.before, self.after),) * rank)

    @property
    def x_shape(self) -> tuple[int, ...]:
        return (self.batch, *self.spatial, self.channels[0])

    @property
    def y_shape(self) -> tuple[int, ...]:
        return (self.batch, *(self.out or self.window.out(self.spatial)), self.channels[1])

    @property
    def taps(self) -> int:
        return math.prod(self.kernel)

    def params(self) -> dict[str, Any]:
        byte = np.dtype(np.int8)
        return self.window.params(Type(self.x_shape, byte), Type(self.y_shape, byte))

    def __str__(self) -> str:
        axes = ["x".join(map(str, axes)) for axes in (self.spatial, self.kernel)]
        text = f"{self.batch}x{axes[0]}-k{axes[1]}-c{self.channels[0]}-{self.channels[1]}"
        for name in ("stride", "dilation", "before", "after", "groups"):
            text += f"-{name[0]}{getattr(self, name)}" if getattr(self, name) != Case.__dataclass_fields__[name].default else ""
        return text + ("" if self.out is None else "-out" + "x".join(map(str, self.out)))


def weighted_sum(case: Case, x: Array, weights: Array, fill: Any) -> Array:
    """Convolution in the widest type of its kind: x [n, *spatial, c], weights [o, taps, c / groups] to [n, *out, o]."""
    wide = np.int64 if x.dtype == np.int8 else np.float64
    grouped = weights.astype(wide).reshape(case.groups, case.channels[1] // case.groups, case.taps, -1)
    acc = np.zeros(case.y_shape, wide)
    for tap, (_, seen) in enumerate(case.window.taps(x.astype(wide), fill)):
        split = seen.reshape(*seen.shape[:-1], case.groups, -1)
        acc += np.einsum("...gc,goc->...go", split, grouped[:, :, tap]).reshape(case.y_shape)
    return acc


def transposed_sum(case: Case, x: Array, weights: Array) -> Array:
    """Transposed convolution by scattering, in the widest type of its kind."""
    wide = np.int64 if x.dtype != np.float32 else np.float64
    grouped = weights.astype(wide).reshape(case.groups, case.channels[1] // case.groups, case.taps, -1)
    acc = np.zeros(case.y_shape, wide)
    for where in np.ndindex(case.batch, *case.spatial):
        values = x[where].astype(wide).reshape(case.groups, -1)
        for tap, index in enumerate(np.ndindex(*case.kernel)):
            at = [i * case.stride - case.before + t * case.dilation for i, t in zip(where[1:], index, strict=True)]
            if all(0 <= a < n for a, n in zip(at, case.y_shape[1:-1], strict=True)):
                acc[(where[0], *at)] += np.einsum("gc,goc->go", values, grouped[:, :, tap]).ravel()
    return acc


def requantized(acc: Array, multiplier: Array, shift: Array, params: dict[str, Any]) -> Array:
    scaled = multiply_by_quantized_multiplier(wrap(acc), multiplier, shift)
    return np.clip(wrap(scaled + params["out_zero"]), params["out_min"], params["out_max"]).astype(np.int8)


def int8(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Random int8 with many extreme values."""
    values = rng.integers(-128, 128, shape)
    return np.where(rng.random(shape) < 0.1, rng.choice([-128, 127], shape), values).astype(np.int8)


def windows(case: Case, x: Array) -> Iterator[tuple[tuple[int, ...], Array, int]]:
    """For every output pixel its index, its taps inside the input [taps, channels], and how many lie inside the padded input."""
    for where in np.ndindex(case.y_shape[:-1]):
        inside, padded = [], 0
        for tap in np.ndindex(*case.kernel):
            at = [o * case.stride - case.before + t * case.dilation for o, t in zip(where[1:], tap, strict=True)]
            padded += all(a < n + case.after for a, n in zip(at, case.spatial, strict=True))
            if all(0 <= a < n for a, n in zip(at, case.spatial, strict=True)):
                inside.append(x[(where[0], *at)])
        yield where, np.array(inside).reshape(-1, case.channels[0]), padded


def pooling_params(kernel: Kernel, case: Case, low: float, high: float, count_pad: int = 0) -> dict[str, Any]:
    if kernel.family.endswith("s8"):
        return {**case.params(), "out_min": int(low), "out_max": int(high)}
    params: dict[str, Any] = {**case.params(), "low": low, "high": high}
    if kernel.family == "pool_avg_f32":
        missing = 3 - len(case.spatial)
        params |= {"pad_after": [0] * missing + [case.after] * len(case.spatial), "count_include_pad": count_pad}
    return params


def int8_pooling(kernel: Kernel, case: Case, rng: np.random.Generator) -> tuple[Step, Array]:
    """A pool_max_s8 or pool_avg_s8 step (TFLite's average: halves away from zero; of no taps, 0), and its output."""
    x = int8(rng, case.x_shape)
    expected = np.empty(case.y_shape, np.int8)
    for where, values, _ in windows(case, x):
        total, count = values.astype(np.int64).sum(axis=0), max(len(values), 1)
        average = np.sign(total) * ((abs(total) + count // 2) // count)
        expected[where] = (values.max(axis=0, initial=-128) if kernel.family == "pool_max_s8" else average).clip(-100, 90)
    return step(kernel, pooling_params(kernel, case, -100, 90), [x], expected), expected


def float_pooling(kernel: Kernel, case: Case, rng: np.random.Generator) -> tuple[Step, Array, Array]:
    """A pool_max_f32 or pool_avg_f32 step, its output in float64, and the error that it may have."""
    x = rng.standard_normal(case.x_shape, np.float32)
    count_pad = int(rng.integers(2))
    expected, bound = np.empty(case.y_shape), np.zeros(case.y_shape)
    for where, values, padded in windows(case, x):
        if kernel.family == "pool_max_f32":
            expected[where] = values.max(axis=0, initial=-np.inf)
            continue
        count = max(padded if count_pad else len(values), 1)
        expected[where] = values.astype(np.float64).sum(axis=0) / count
        bound[where] = (len(values) + 1) * EPS * abs(values).sum(axis=0) / count
    params = pooling_params(kernel, case, -math.inf, math.inf, count_pad)
    return step(kernel, params, [x], np.empty(case.y_shape, np.float32)), expected, bound


def int8_convolution(kernel: Kernel, case: Case, rng: np.random.Generator) -> tuple[Step, Array]:
    """A conv_s8, depthwise_s8 or conv_transpose_s8 step with random operands, and its output by the reference."""
    depth = case.taps * case.channels[0] // case.groups
    x, weights = int8(rng, case.x_shape), int8(rng, (case.channels[1], case.taps, depth // case.taps))
    if kernel.packing.endswith("s"):
        weights = np.maximum(weights, -127)
    extra = {"in_zero": int(rng.integers(-128, 128)), "out_zero": int(rng.integers(-128, 128))}
    extra["out_min"], extra["out_max"] = sorted(rng.integers(-128, 128, 2).tolist()) if rng.random() < 0.3 else (-128, 127)
    params: dict[str, Any] = {**case.params(), **extra}
    bias = rng.integers(-20000, 20000, case.channels[1]).astype(np.int32)
    multiplier = rng.integers(1 << 30, (1 << 31) - 1, case.channels[1], endpoint=True).astype(np.int32)
    shift = rng.integers(-11, -5, case.channels[1]).astype(np.int32)
    extreme = rng.random(case.channels[1]) < rng.choice((0, 0.2))
    shift[extreme] = rng.integers(-31, 30, int(extreme.sum()), endpoint=True)
    if kernel.family in ("conv_s8", "winograd_s8"):
        params["uniform"] = int(rng.integers(2))
        if params["uniform"]:
            multiplier[:], shift[:] = multiplier[0], shift[0]
    if kernel.family == "winograd_s8" and depth > 2000:
        weights >>= 2
    if kernel.family == "conv_transpose_s8":
        acc = transposed_sum(case, x.astype(np.int64) - extra["in_zero"], weights) + bias
    else:
        acc = weighted_sum(case, x, weights, extra["in_zero"]) + bias
    expected = requantized(acc, multiplier, shift, params)
    if kernel.packing == "quads":
        packed, groups = pack_quads(weights.reshape(case.channels[1], -1, case.kernel[-1]), kernel.nr), 1
        bias = offset_bias(bias, weights)
    elif kernel.family == "depthwise_s8":
        packed, groups = pack_panels(weights.reshape(1, case.channels[1], case.taps), kernel.nr, kernel.kr), 1
    elif kernel.family == "winograd_s8":
        square = weights.reshape(case.channels[1], 3, 3, -1)
        assert winograd.exact(square, bias)
        packed, groups, bias = winograd.pack_weights(square, kernel.nr, kernel.kr), 1, winograd.scale_bias(bias)
        params["groups"] = 1
    else:
        weights, groups, line = weights.reshape(case.groups, -1, depth), case.groups, params["kernel"][-1] * depth // case.taps
        packed, bias = pack_int8(weights, bias, line, kernel)
        params["groups"] = case.groups
    columns = [pad_columns(values, groups, kernel.nr) for values in (bias, multiplier, shift)]
    return step(kernel, params, [x, packed, *columns], expected), expected


def float_convolution(kernel: Kernel, case: Case, rng: np.random.Generator) -> tuple[Step, Array, Array]:
    """A conv_f32, winograd_f32, depthwise_f32 or conv_transpose_f32 step, its output in float64, and the error that it may have."""
    depth = case.taps * case.channels[0] // case.groups
    x = rng.standard_normal(case.x_shape, np.float32)
    weights = rng.standard_normal((case.channels[1], case.taps, depth // case.taps), np.float32)
    bias = rng.standard_normal(case.channels[1], np.float32)
    low, high = (-0.5, 1.5) if rng.random() < 0.3 else (-math.inf, math.inf)
    params: dict[str, Any] = {**case.params(), "low": low, "high": high}
    if kernel.family == "conv_transpose_f32":
        acc, size = transposed_sum(case, x, weights), transposed_sum(case, abs(x), abs(weights))
    else:
        acc, size = weighted_sum(case, x, weights, 0.0), weighted_sum(case, abs(x), abs(weights), 0.0)
    expected = np.clip(acc + bias, low, high)
    bound = (depth + 1) * EPS * (size + abs(bias))
    if kernel.family == "winograd_f32":
        taps = weights.reshape(-1, *case.kernel, case.channels[0])
        packed, groups, params["groups"] = winograd.pack_float_weights(taps, kernel.nr), 1, 1
        bound = (case.channels[0] + 12) * EPS * (winograd_size(case, x, taps) + abs(bias))
    elif kernel.family == "depthwise_f32":
        packed, groups = pack_panels(weights.reshape(1, case.channels[1], case.taps), kernel.nr, kernel.kr), 1
    else:
        packed, groups = pack_panels(weights.reshape(case.groups, -1, depth), kernel.nr, kernel.kr), case.groups
        params["groups"] = case.groups
    output = np.empty(case.y_shape, np.float32)
    return step(kernel, params, [x, packed, pad_columns(bias, groups, kernel.nr)], output), expected, bound


def winograd_size(case: Case, x: Array, weights: Array) -> Array:
    """|A^T| (sum over channels of |G g G^T| * (|B^T| |d| |B|)) |A|, which bounds the error of Winograd's F(4x4, 3x3)."""
    a2, b2 = 0.625**2, 1.5**2
    points = (0.0, 0.625, -0.625, 1.5, -1.5)
    back = np.zeros((6, 6))
    back[0, [0, 2, 4]] = back[5, [1, 3, 5]] = a2 * b2, a2 + b2, 1
    for row, (p, q2) in enumerate(((0.625, b2), (0.625, b2), (1.5, a2), (1.5, a2)), 1):
        back[row, 1:5] = p * q2, q2, p, 1
    out = np.array([[abs(p) ** i for p in points] + [float(i == 3)] for i in range(4)])
    size = np.zeros(case.y_shape)
    transformed = abs(winograd.transform_float_weights(weights).astype(np.float64))
    high, wide = (-(-n // 4) for n in case.y_shape[1:3])
    padded = np.zeros((case.batch, 4 * high + 2 + case.spatial[0], 4 * wide + 2 + case.spatial[1], case.channels[0]))
    padded[:, case.before : case.before + case.spatial[0], case.before : case.before + case.spatial[1]] = abs(x)
    for h, w in np.ndindex(high, wide):
        tile = padded[:, 4 * h : 4 * h + 6, 4 * w : 4 * w + 6]
        products = np.einsum("ip,jq,bpqc,nijc->bijn", back, back, tile, transformed, optimize=True)
        y = size[:, 4 * h : 4 * h + 4, 4 * w : 4 * w + 4]
        y[...] = np.einsum("ip,jq,bpqn->bijn", out, out, products)[:, : y.shape[1], : y.shape[2]]
    return size


def block_convolution(kernel: Kernel, case: Case, rng: np.random.Generator) -> tuple[Step, Array, Array]:
    """A conv_q4b32 or conv_q8b32 step with random blocks, its output in float64, and the error that it may have."""
    bits, taps, groups = int(kernel.family[6]), case.taps, case.groups
    count = blocks.ceil_div(case.channels[0] // groups, blocks.DEPTH)
    zero = blocks.ZERO[bits]
    x_shape, w_shape = (*case.x_shape[:-1], groups * count), (groups, case.channels[1] // groups, taps * count)
    x = rng.integers(-127, 128, (*x_shape, blocks.DEPTH)).astype(np.int8)
    w = rng.integers(-zero, zero, (*w_shape, blocks.DEPTH)).astype(np.int8)
    x[rng.random(x.shape) < 0.1], w[rng.random(w.shape) < 0.1] = 127, -zero
    x_scale = rng.uniform(0.001, 0.1, x_shape).astype(np.float32)
    w_scale = rng.uniform(-0.1, 0.1, w_shape).astype(np.float16)
    bias = rng.standard_normal(case.channels[1], np.float32)
    low, high = (-0.5, 1.5) if rng.random() < 0.3 else (-math.inf, math.inf)
    acc = np.zeros((*case.y_shape[:-1], *w_shape[:2]))
    acc += bias.reshape(w_shape[:2])
    size, flat = abs(acc), x.reshape(*x_shape[:-1], -1)
    views = zip(case.window.taps(flat, 0), case.window.taps(x_scale, 0.0), strict=True)
    for tap, ((_, seen), (_, scale)) in enumerate(views):
        part = slice(tap * count, (tap + 1) * count)
        split = seen.astype(np.int64).reshape(*seen.shape[:-1], groups, count, blocks.DEPTH)
        dots = np.einsum("...gbk,gobk->...gob", split, w[:, :, part].astype(np.int64))
        by = scale.astype(np.float64).reshape(*scale.shape[:-1], groups, 1, count) * w_scale[:, :, part].astype(np.float64)
        acc, size = acc + (dots * by).sum(axis=-1), size + abs(dots * by).sum(axis=-1)
    stored = np.zeros((x[..., 0].size + count, 10), np.int32)
    stored[: -count or None, 0] = x_scale.ravel().view(np.int32)
    stored[: -count or None, 1] = -zero * x.astype(np.int32).sum(axis=-1).ravel()
    stored[: -count or None, 2:] = x.reshape(-1, blocks.DEPTH).view(np.int32)
    weights, scales = blocks.pack(w, w_scale, bits, kernel.nr)
    inputs = [stored, weights, scales, pad_columns(bias, groups, kernel.nr)]
    params: dict[str, Any] = {**case.params(), "groups": groups, "low": low, "high": high}
    bound = ((taps * count + 2) * EPS * size).reshape(case.y_shape)
    return step(kernel, params, inputs, np.empty(case.y_shape, np.float32)), acc.reshape(case.y_shape).clip(low, high), bound


def neighbours(block: int) -> list[int]:
    """Sizes below, at and above a block, and above two of them."""
    return sorted({n for n in (1, block - 1, block, block + 1, 2 * block + 1) if n > 0})


def convolution_cases(kernel: Kernel) -> list[Case]:
    """Edge shapes: columns, depth and pixels around the tile; strides, dilations, pads and groups; one and three axes."""
    cases = [Case((1, pixels), (1, 1), (5, kernel.nr + 1)) for pixels in neighbours(kernel.mr)]
    cases += [Case((2, 3), (1, 1), (c, n)) for c in neighbours(16) for n in neighbours(kernel.nr)]
    cases += [Case((6, 7), (3, 3), (c, n), before=1, after=1) for c in (1, 3, 8, 17) for n in (kernel.nr, kernel.nr + 3)]
    cases += [
        Case((4, width), (3, 3), channels, stride=stride, before=1, after=1)
        for channels in ((1, 4), (2, 9), (3, 8), (3, 16), (4, 20))
        for width in (16, 31, 33)
        for stride in (1, 2)
    ]
    cases += [Case((1, 1), (1, 1), (c, n)) for c in (2, 6, 24, 62) for n in (5, 16, 20, 50, 64)]
    cases += [Case((9, 10), (4, 3), (1, n), stride=2, before=1, after=1, batch=2) for n in (8, 33, 48, 49, 64, 70)]
    cases += [
        Case((5, 11), (1, 1), (c, n)) for c, n in ((4, 17), (8, 16), (8, 40), (12, 24), (16, 5), (20, 48), (32, 64), (64, 90))
    ]
    cases += [Case((7, 61), (1, 1), (c, n), stride=stride) for c, n in ((8, 16), (26, 72), (96, 129)) for stride in (1, 2)]
    cases += [
        Case((1, 1), (1, 1), (8, 16), stride=2, before=1),
        Case((2, 2), (1, 1), (8, 16), stride=2),
        Case((5, 6), (1, 1), (16, 32), stride=2, batch=3),
        Case((5, 6), (1, 1), (16, 32), stride=2, after=1),
        Case((1, 25), (1, 1), (40, 24)),
        Case((6, 5), (1, 1), (190, 24)),
        Case((9, 10), (3, 3), (3, 8), stride=2, after=1),
        Case((9, 10), (3, 2), (4, 5), stride=2, before=2, after=1, batch=2),
        Case((11, 9), (3, 3), (4, 6), dilation=2, before=2, after=2),
        Case((11, 9), (2, 3), (4, 6), dilation=3, stride=2, before=3, after=4),
        Case((5, 6), (3, 3), (12, 18), groups=3, before=1, after=1),
        Case((5, 6), (1, 1), (34, 36), groups=2),
        Case((5, 6), (1, 1), (2, 4), groups=2),
        Case((1, 2, 3), (1, 1, 1), (3, 27), groups=3, before=4, after=1),
        Case((4, 4), (3, 3), (6, 6), groups=6, before=1, after=1),
        Case((4, 3), (5, 5), (2, 3), before=4, after=4),
        Case((3, 3), (7, 7), (2, 17), before=3, after=3, stride=3),
        Case((20,), (5,), (3, 20), before=2, after=2),
        Case((20,), (4,), (6, 7), dilation=3, before=1, after=9, batch=3),
        Case((4, 5, 6), (2, 3, 2), (3, 5), before=1, after=1),
        Case((3, 4, 5), (3, 1, 3), (4, 17), stride=2, before=1, after=1, batch=2),
        Case((1, 3), (1, 1), (700, 18)),
        Case((1, 1), (1, 1), (2500, 17)),
        *(Case((1, 1), (1, 1), (depth, columns)) for depth in (4, 36, 100) for columns in (7, 64, 140)),
        Case((5, 5), (3, 3), (260, 5), before=1, after=1),
        Case((6, 40), (3, 3), (16, 16), before=1, after=1),
        Case((9, 8), (8, 8), (520, 3)),
        Case((2, 2), (1, 1), (7, 5), before=3, after=3),
        Case((60, 50), (3, 3), (3, 9), stride=2, after=1),
        Case((40, 150), (3, 3), (3, 8), before=1, after=1),
        Case((40, 64), (3, 3), (7, 9), before=1, after=1),
        Case((32, 96), (2, 3), (8, 17), stride=2, before=1),
        Case((1, 20), (1, 1), (1024, 144)),
        Case((2, 5), (3, 3), (904, 9), before=1, after=1),
    ]
    return cases


def depthwise_cases(kernel: Kernel) -> list[Case]:
    """Edge shapes of depthwise convolution; groups always equal the input's channels."""

    def case(spatial: tuple[int, ...], taps: tuple[int, ...], channels: int, copies: int = 1, **rest: Any) -> Case:
        return Case(spatial, taps, (channels, channels * copies), groups=channels, **rest)

    cases = [case((5, 6), (3, 3), c, before=1, after=1) for c in (*neighbours(kernel.nr), 2 * kernel.nr, 3 * kernel.nr - 2)]
    cases += [case((1, w), (1, 3), kernel.nr + 3, before=1, after=1) for w in range(1, 11)]
    cases += [case((7, 7), (3, 3), 9, copies, stride=2, after=1) for copies in (1, 2, 3, 8)]
    cases += [
        case((9, 8), (5, 5), 8, before=2, after=2, batch=2),
        case((9, 8), (5, 4), 24, stride=2, before=2, after=1),
        case((9, 8), (2, 2), 40),
        case((10, 9), (3, 3), 17, dilation=2, before=2, after=2),
        case((10, 9), (3, 3), 16, dilation=4, stride=3, before=4, after=4),
        case((1, 1), (3, 3), 32, before=1, after=1),
        case((9, 8), (3, 3), 19, stride=2, before=1, after=1, batch=2),
        case((2, 3), (3, 3), 11, before=4, after=4),
        case((30, 40), (3, 3), 17, before=1, after=1),
        case((3, 3), (3, 3), 64),
        case((13, 11), (13, 11), 20),
        case((4, 3), (7, 7), 5, before=6, after=6),
        case((30,), (9,), 16, before=4, after=4),
        case((3, 4, 5), (3, 2, 3), 18, before=1, after=1),
        case((3, 5, 5), (2, 3, 3), 4, 4, stride=2, batch=2),
        case((2, 2), (1, 1), 3, before=2, after=2),
        case((3, 20), (3, 3), 1, 8, before=1, after=1),
    ]
    # Images much higher than wide.
    cases += [case((141, 5), (3, 3), 9, stride=stride, before=1, after=1, batch=2) for stride in (1, 2)]
    # Windows of few rows, whose neighbours share columns: lines of every length, vectors of several pixels and of part of one.
    cases += [case((4, w), (3, 3), c, before=1, after=1) for c, w in product((2, 3, 5, 8, 15, 33), (1, 4, 7, 18))]
    cases += [case((7, w), (3, 3), 20, stride=stride, before=1, after=1) for stride, w in product((2, 3), (4, 9, 16))]
    cases += [case((17, 1), (taps, 1), c, batch=2) for taps, c in product((1, 2, 3, 5, 12, 15), (5, 40, 64))]
    cases += [case((17,), (taps,), 18, before=4, after=3) for taps in (2, 3, 6, 9, 16)]
    # Sixty-four channels at a time, and the rest in other ways: odd and even rows and lines.
    cases += [
        case((h, w), (taps, taps), c, stride=stride, before=taps // 2, after=taps // 2)
        for (h, w), c, taps, stride in product(((4, 5), (7, 4), (1, 9)), (64, 83, 110), (3, 5), (1, 2))
    ]
    cases += [case((6, 7), (taps, taps), 64, batch=2) for taps in (3, 5)]
    cases += [case((5, 6), (3, 2), 70, batch=2), case((4, 9), (2, 3), 18, before=1), case((3, 4, 6), (1, 3, 3), 40)]
    return cases


def transposed_cases(kernel: Kernel) -> list[Case]:
    """Edge shapes of transposed convolution, with and without output padding."""

    def case(spatial: tuple[int, ...], taps: tuple[int, ...], channels: tuple[int, int], padding: int = 0, **rest: Any) -> Case:
        stride, dilation, cut = rest.get("stride", 1), rest.get("dilation", 1), rest.get("before", 0) + rest.get("after", 0)
        out = tuple((n - 1) * stride + (k - 1) * dilation + 1 - cut + padding for n, k in zip(spatial, taps, strict=True))
        return Case(spatial, taps, channels, out=out, **rest)

    cases = [case((3, 4), (3, 3), (5, n), stride=2) for n in neighbours(kernel.nr)]
    cases += [
        case((3, 4), (2, 2), (16, 8), stride=2, batch=2),
        case((3, 4), (3, 3), (4, 3), 1, stride=2, before=1, after=1),
        case((3, 4), (4, 4), (3, 17), stride=2, before=1, after=1),
        case((4, 3), (3, 2), (4, 6), dilation=2, stride=3, groups=2),
        case((4, 3), (3, 3), (6, 6), groups=6),
        case((5,), (5,), (3, 4), 2, stride=4, before=1),
        case((2, 3, 2), (2, 3, 3), (3, 5), stride=2, before=1),
        case((2, 2), (1, 1), (3, 2), 2, stride=3),
    ]
    return cases


def pooling_cases() -> list[Case]:
    """Edge shapes of pooling: channels around the usual vectors, windows that hang over every edge."""
    cases = [Case((5, 4), (2, 2), (c, c), stride=2) for c in (1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 65)]
    cases += [
        Case((5, 6), (3, 3), (19, 19), before=1, after=1, batch=2),
        Case((5, 6), (3, 3), (40, 40), stride=2, before=1, after=2),
        Case((7, 7), (7, 7), (65, 65)),
        Case((8, 8), (8, 8), (64, 64)),
        Case((9, 9), (3, 2), (10, 10), dilation=2, stride=2, before=2, after=2),
        Case((5, 5), (2, 2), (6, 6), stride=3, out=(3, 3)),
        Case((3, 3), (2, 2), (33, 33), stride=2, before=2, after=2),
        Case((20,), (4,), (24, 24), stride=2, before=1),
        Case((4, 5, 6), (2, 2, 3), (18, 18), stride=2, before=1, after=1),
        Case((40, 40), (40, 40), (3, 3)),
    ]
    return cases


def winograd_cases(kernel: Kernel) -> list[Case]:
    """Layers of 3x3 windows: Winograd tiles that hang over every edge, blocks of them that end early, channels around vectors."""
    cases = [Case((n, 9), (3, 3), (8, 8), before=1, after=1) for n in range(1, 10)]
    channels, columns = (1, *neighbours(16), 40), (9, *neighbours(kernel.nr))
    cases += [Case((6, 7), (3, 3), (c, n), before=1, after=1) for c in channels for n in columns]
    cases += [Case((h, w), (3, 3), (3, 5), before=1, after=1) for h, w in ((1, 1), (4, 4), (5, 9), (2, 40), (33, 3))]
    cases += [Case((12, 4 * n), (3, 3), (20, 18), before=1, after=1) for n in range(1, 6)]
    cases += [Case((4, 4 * tiles), (3, 3), (9, 20), before=1, after=1) for tiles in neighbours(kernel.mr)]
    cases += [
        Case((3, 3), (3, 3), (7, 17)),
        Case((9, 10), (3, 3), (5, 6), after=2),
        Case((9, 10), (3, 3), (5, 6), before=2, batch=3),
        Case((2, 2), (3, 3), (4, 4), before=7, after=9),
        Case((7, 7), (3, 3), (97, 33), before=1, after=1, batch=2),
        Case((34, 33), (3, 3), (24, 40), before=1, after=1),
        Case((9, 9), (3, 3), (450, 19), before=1, after=1),
        Case((2, 2), (3, 3), (130, 70), before=1, after=1),
    ]
    return cases


CASES: dict[str, Callable[[Kernel], list[Case]]] = {
    "conv": convolution_cases,
    "winograd": winograd_cases,
    "depthwise": depthwise_cases,
    "conv_transpose": transposed_cases,
    "pool_max": lambda kernel: pooling_cases(),
    "pool_avg": lambda kernel: pooling_cases(),
}
FAMILIES = [name for operator in CASES for kind in ("s8", "f32", "q4b32", "q8b32") if (name := f"{operator}_{kind}") in families()]


def cases(kernel: Kernel) -> list[Case]:
    return CASES[kernel.family.rpartition("_")[0]](kernel)


def most_scratch(kernel: Kernel) -> int:
    """Bytes of scratch that a kernel may ask for: where the instruction set, or a gain by Winograd, tells of large caches."""
    if kernel.family == "winograd_s8" and kernel.isa != "scalar":
        return 256 << 10
    return {"avx2": 256 << 10, "avx512": 256 << 10, "neon_i8mm": 64 << 10, "neon_dotprod": 32 << 10}.get(kernel.isa, 8 << 10)


def build(kernel: Kernel, case: Case, rng: np.random.Generator) -> tuple[Step, Array, Array]:
    """A step of any spatial family, its expected output, and the error that it may have: none for int8."""
    pooling = kernel.family.startswith("pool")
    if kernel.family.endswith("s8"):
        this, expected = (int8_pooling if pooling else int8_convolution)(kernel, case, rng)
        return this, expected, np.zeros(case.y_shape)
    build_float = float_pooling if pooling else block_convolution if kernel.family.endswith("b32") else float_convolution
    this, reference, bound = build_float(kernel, case, rng)
    finite = np.where(np.isfinite(reference), reference, 0)
    return this, reference, bound + (EPS * abs(finite) if not kernel.family.startswith("pool_max") else 0)


def same(output: Array, expected: Array, bound: Array) -> bool:
    """Whether the output is within the bound of what was expected, element by element."""
    wide = output.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return bool(((wide == expected) | (abs(wide - expected) <= bound)).all())
