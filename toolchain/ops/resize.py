"""Images, and any other tensors, at another size: nearest, linear and cubic interpolation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tflite as schema
from numpy.typing import NDArray

from toolchain.axes import normal_axes
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import MAX_SIZE, Builder, IrError, Value, constant
from toolchain.ops.cast import Cast
from toolchain.ops.pad import Pad
from toolchain.ops.resample import UNIT, Table, resample
from toolchain.quantize.numerics import quantize, round_half_away

Positions = NDArray[np.float64]


@dataclass(frozen=True)
class Along:
    """How an axis of n elements becomes one of m. `width` is the output's extent before it was rounded to m; roi (start, end)."""

    n: int
    m: int
    scale: float
    width: float
    roi: tuple[float, float] = (0.0, 1.0)

    def positions(self, rule: str) -> Positions:
        """Where each output element lies among the input's, by an ONNX coordinate_transformation_mode."""
        x = np.arange(self.m, dtype=np.float64)
        if rule == "align_corners":
            return x * 0 if self.width == 1 else x * (self.n - 1) / (self.width - 1)
        if rule == "asymmetric":
            return x / self.scale
        if rule == "tf_crop_and_resize":
            start, end = (edge * (self.n - 1) for edge in self.roi)
            return x * 0 + (start + end) / 2 if self.width == 1 else start + x * (end - start) / (self.width - 1)
        half_pixel: Positions = (x + 0.5) / self.scale - 0.5
        if rule == "half_pixel":
            return half_pixel
        if rule == "half_pixel_symmetric":
            return half_pixel + self.n / 2 * (1 - self.m / self.width)
        if rule == "pytorch_half_pixel":
            return x * 0 if self.width == 1 else half_pixel
        raise IrError(f"coordinate_transformation_mode '{rule}' is not supported")


@dataclass(frozen=True)
class Filter:
    """Linear or cubic interpolation; `antialias` widens it where an axis shrinks."""

    cubic: float | None = None
    antialias: bool = False
    exclude_outside: bool = False

    def table(self, x: Positions, along: Along) -> Table:
        """The elements around each position and their weights; what would lie outside repeats the edge, or is excluded."""
        narrow = min(along.scale, 1.0) if self.antialias else 1.0
        radius = (1 if self.cubic is None else 2) / narrow
        first = np.floor(x - radius) + 1
        index = first[:, np.newaxis] + np.arange(math.ceil(2 * radius))
        weight = self.weight((index - x[:, np.newaxis]) * narrow)
        if self.exclude_outside:
            weight = np.where((index >= 0) & (index < along.n), weight, 0)
        if self.exclude_outside or self.antialias:
            total = weight.sum(axis=1, keepdims=True)
            weight = weight / np.where(total == 0, 1, total)
        return np.clip(index, 0, along.n - 1).astype(np.int64), weight

    def weight(self, distance: Positions) -> Positions:
        d, a = np.abs(distance), self.cubic
        if a is None:
            linear: Positions = np.maximum(1 - d, 0)
            return linear
        near, far = ((a + 2) * d - (a + 3)) * d * d + 1, ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
        return np.where(d <= 1, near, np.where(d < 2, far, 0))


def nearest(x: Positions, n: int, rule: str, scale: float) -> Table:
    """The element next to each position, by an ONNX nearest_mode; 'simple' is what files before opset 11 mean."""
    rules = {
        "round_prefer_floor": lambda: np.ceil(x - 0.5),
        "round_prefer_ceil": lambda: np.floor(x + 0.5),
        "floor": lambda: np.floor(x),
        "ceil": lambda: np.ceil(x),
        "simple": lambda: np.ceil(x) if scale < 1 else np.floor(x),
    }
    if rule not in rules:
        raise IrError(f"nearest_mode '{rule}' is not supported")
    index = np.clip(rules[rule](), 0, n - 1).astype(np.int64)[:, np.newaxis]
    return index, np.ones(index.shape)


def _interpolated(builder: Builder, x: Value, tables: Mapping[int, Table], *, weighted: bool) -> Value:
    """x resampled; small integers are interpolated in float, clamped to their range and truncated."""
    if not weighted or x.dtype == np.float32 or x.quant is not None:
        return resample(builder, x, tables)
    if x.dtype not in (np.int8, np.uint8):
        raise IrError(f"interpolation of {x.type}; expected float32, int8 or uint8")
    return builder.add(Cast(x.dtype.name), resample(builder, builder.add(Cast("float32"), x), tables))


@onnx("Resize", "Upsample")
def _from_onnx(node: OnnxNode) -> Value:
    x = node.input(0)
    mode = node.attribute("mode", "nearest")
    modern = node.kind == "Resize" and node.opset >= 11
    rule = node.attribute("coordinate_transformation_mode", "half_pixel") if modern else "asymmetric"
    if mode not in ("nearest", "linear", "cubic") or x.type.size == 0:
        raise IrError(f"mode '{mode}' of {x.type}; expected nearest, linear or cubic, and no empty input")
    tables: dict[int, Table] = {}
    pads = [(0, 0)] * x.type.rank
    shape = list(x.shape)
    for axis, along in _axes(node, x, crop=rule == "tf_crop_and_resize").items():
        positions = along.positions(rule)
        if rule == "tf_crop_and_resize":
            slack = 1e-6 * along.n
            inside = np.flatnonzero((positions >= -slack) & (positions <= along.n - 1 + slack))
            before = int(inside[0]) if inside.size else 0
            pads[axis] = (before, along.m - before - len(inside))
            positions = positions[inside]
        if mode == "nearest":
            simple = "round_prefer_floor" if modern else "simple"
            tables[axis] = nearest(positions, along.n, node.attribute("nearest_mode", simple), along.scale)
        else:
            cubic = node.attribute("cubic_coeff_a", -0.75) if mode == "cubic" else None
            wide, excluded = bool(node.attribute("antialias", 0)), bool(node.attribute("exclude_outside", 0))
            tables[axis] = Filter(cubic, wide, excluded).table(positions, along)
        shape[axis] = along.m
    y = _interpolated(node.builder, x, tables, weighted=mode != "nearest")
    if not any(map(any, pads)):
        return y
    value = np.asarray(node.attribute("extrapolation_value", 0.0))
    stored = value.astype(x.dtype) if x.quant is None else quantize(value, x.quant, x.dtype)
    return node.add(Pad(tuple(pads)), y, constant(stored, quant=x.quant), quant=x.quant)


def _axes(node: OnnxNode, x: Value, *, crop: bool) -> dict[int, Along]:
    """What the inputs and attributes say of each axis that is resized."""
    rank = x.type.rank
    axes = normal_axes(node.attribute("axes", tuple(range(rank))), rank)
    first = 1 if node.count < 3 else 2
    scales = np.asarray(node.attribute("scales", ()), np.float32) if node.has("scales") else node.constant(first)
    sizes = node.integers(3)
    roi = node.constant(1) if crop and first == 2 else None
    given = len(sizes) if sizes else 0 if scales is None else scales.size
    if given != len(axes) or (crop and (roi is None or roi.size != 2 * len(axes))):
        raise IrError(f"{given} scales or sizes and a region of interest for {len(axes)} axes; expected one, and a pair, for each")
    edges = np.zeros((2, given)) if roi is None else roi.reshape(2, given).astype(np.float64)
    result: dict[int, Along] = {}
    total = x.type.size
    policy = node.attribute("keep_aspect_ratio_policy", "stretch")
    if sizes and policy not in ("stretch", "not_larger", "not_smaller"):
        raise IrError(f"keep_aspect_ratio_policy '{policy}' is not supported")
    ratios = [size / x.shape[axis] for axis, size in zip(axes, sizes or (), strict=False)]
    for i, axis in enumerate(axes):
        n = x.shape[axis]
        if sizes and policy == "stretch":
            m, scale, width = sizes[i], ratios[i], float(sizes[i])
        elif sizes:
            scale = min(ratios) if policy == "not_larger" else max(ratios)
            m, width = math.floor(scale * n + 0.5), scale * n
        else:
            assert scales is not None
            scale = float(scales.ravel()[i])
            m, width = math.floor(np.float32(scale) * np.float32(n)), scale * n
        if not 0 < scale < math.inf or m < 1:
            raise IrError(f"axis {axis} of {x.type} would get {m} elements by scale {scale}; expected at least 1")
        total = total // n * m
        if total > MAX_SIZE:
            raise IrError(f"{x.type} resized along axes {axes} would have more than 2^31 elements")
        result[axis] = Along(n, m, scale, width, (float(edges[0, i]), float(edges[1, i])))
    return result


@tflite("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR")
def _from_tflite(node: TfliteNode) -> Value:
    x, size = node.input(0), node.integers(1)
    linear = node.kind == "RESIZE_BILINEAR"
    options = node.options(schema.ResizeBilinearOptions if linear else schema.ResizeNearestNeighborOptions)
    if x.type.rank != 4 or len(size) != 2 or min(size) < 1 or x.type.size == 0 or math.prod(size) > MAX_SIZE:
        raise IrError(f"input {x.type} to size {size}; expected rank 4 and two extents")
    if x.quant != node.declared(0).quant:
        raise IrError(f"input {x.type} and output {node.declared(0)}; expected one quantisation")
    align, half = bool(options.AlignCorners()), bool(options.HalfPixelCenters())
    rule = _linear_float if linear and x.dtype == np.float32 else _linear_fixed if linear else _nearest
    tables = {axis: rule(x.shape[axis], extent, align, half) for axis, extent in zip((1, 2), size, strict=True)}
    return resample(node.builder, x, tables)


def _nearest(n: int, m: int, align: bool, half: bool) -> Table:
    """GetNearestNeighbor of TFLite's resize_nearest_neighbor.h, in float32."""
    scale = np.float32(n - 1) / np.float32(m - 1) if align and m > 1 else np.float32(n) / np.float32(m)
    x = (np.arange(m, dtype=np.float32) + np.float32(0.5 if half else 0)) * scale
    index = np.clip(round_half_away(x) if align else np.floor(x), 0, n - 1).astype(np.int64)
    return index[:, np.newaxis], np.ones((m, 1))


def _linear_float(n: int, m: int, align: bool, half: bool) -> Table:
    """ComputeInterpolationValues of TFLite's resize_bilinear.h, in float32."""
    scale = np.float32(n - 1) / np.float32(m - 1) if align and m > 1 else np.float32(n) / np.float32(m)
    x = np.arange(m, dtype=np.float32)
    x = (x + np.float32(0.5)) * scale - np.float32(0.5) if half else x * scale
    lower, upper = np.maximum(np.floor(x), 0), np.ceil(x)
    share = (x - lower).astype(np.float64)
    index = np.clip(np.stack([lower, upper], axis=1), 0, n - 1).astype(np.int64)
    return index, np.stack([1 - share, share], axis=1)


def _linear_fixed(n: int, m: int, align: bool, half: bool) -> Table:
    """ComputeInterpolationValuesInteger of TFLite's resize_bilinear.h: positions in multiples of 1 / UNIT."""
    scale = (UNIT * (n - 1) + (m - 1) // 2) // (m - 1) if align and m > 1 else (UNIT * n + m // 2) // m
    x = np.arange(m, dtype=np.int64) * scale
    if half:
        x = x + scale // 2 - UNIT // 2
    lower = np.maximum(np.trunc(x / UNIT), 0).astype(np.int64)
    upper = np.trunc((x + UNIT - 1) / UNIT).astype(np.int64)
    share = (x - UNIT * lower) / UNIT
    index = np.clip(np.stack([lower, upper], axis=1), 0, n - 1)
    return index, np.stack([1 - share, share], axis=1)
