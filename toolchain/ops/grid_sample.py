"""Sampling of images at computed positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx
from toolchain.ir import Array, IrError, Node, Op, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.transpose import Transpose
from toolchain.spatial import channels_first, channels_last

MODES = ("nearest", "linear", "cubic")
PADDINGS = ("zeros", "border", "reflection")


@dataclass(frozen=True)
class GridSample(Op):
    """x [n, h, w, c] at grid [n, *out, 2] of (x, y) in -1..1 to [n, *out, c]; see kernels/grid_sample_f32."""

    mode: str
    padding: str
    align_corners: bool

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        x, grid = inputs
        if x.rank != 4 or grid.rank != 4 or grid.shape[-1] != 2 or grid.shape[0] != x.shape[0] or x.size == 0:
            raise IrError(f"GridSample of {x} at {grid}; expected [n, h, w, c] and [n, height, width, 2]")
        return (Type((*grid.shape[:-1], x.shape[-1]), x.dtype),)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, grid = inputs[0].astype(np.float64), inputs[1].astype(np.float64)
        across, across_weight = self._taps(grid[..., 0], x.shape[2])
        down, down_weight = self._taps(grid[..., 1], x.shape[1])
        image = np.arange(x.shape[0])[:, None, None]
        y = np.zeros(node.output.shape)
        for i in range(down.shape[0]):
            for j in range(across.shape[0]):
                y += x[image, down[i], across[j]] * (down_weight[i] * across_weight[j])[..., np.newaxis]
        return (y.astype(np.float32),)

    def _taps(self, position: Array, extent: int) -> tuple[Array, Array]:
        """For each position the neighbouring indices and their weights: [taps, n, height, width]."""
        last = extent - 1
        x = (position + 1) / 2 * last if self.align_corners else ((position + 1) * extent - 1) / 2
        x = np.where(np.abs(x) < 1e9, x, -1.0)
        edges = (0.0, float(last)) if self.align_corners else (-0.5, last + 0.5)
        if self.mode != "cubic":
            x = self._inside(x, edges, last)
        base = np.round(x) if self.mode == "nearest" else np.floor(x)
        steps = {"nearest": (0,), "linear": (0, 1), "cubic": (-1, 0, 1, 2)}[self.mode]
        index = base + np.reshape(steps, (-1, 1, 1, 1))
        distance = np.abs(x - index)
        if self.mode == "nearest":
            weight = np.ones_like(distance)
        elif self.mode == "linear":
            weight = 1 - distance
        else:
            near = (1.25 * distance - 2.25) * distance**2 + 1
            far = ((-0.75 * distance + 3.75) * distance - 6) * distance + 3
            weight = np.where(distance <= 1, near, np.where(distance < 2, far, 0))
        if self.padding == "zeros":
            weight = np.where((index >= 0) & (index <= last), weight, 0)
        resolved = np.clip(np.trunc(self._inside(index, edges, last)), 0, last)
        return resolved.astype(np.int64), weight

    def _inside(self, x: Array, edges: tuple[float, float], last: int) -> Array:
        if self.padding == "border":
            return np.clip(x, 0, last)
        if self.padding == "zeros" or edges[1] <= edges[0]:
            return x if self.padding == "zeros" else np.full_like(x, edges[0])
        low, high = edges
        away = np.abs(x - low)
        turns, rest = np.divmod(away, high - low)
        reflected: Array = np.where(turns % 2 == 0, low + rest, high - rest)
        return reflected

    def lower(self, node: Node, low: Lowering) -> None:
        x, grid = node.inputs
        if x.dtype != np.float32 or grid.dtype != np.float32:
            raise IrError(f"GridSample of {x.type} at {grid.type}: only float32 is supported")
        batch, in_height, in_width, channels = x.shape
        params = {
            "batch": batch,
            "in_height": in_height,
            "in_width": in_width,
            "height": grid.shape[1],
            "width": grid.shape[2],
            "channels": channels,
            "mode": MODES.index(self.mode),
            "padding": PADDINGS.index(self.padding),
            "align_corners": int(self.align_corners),
        }
        low.step("grid_sample_f32", params, [x, grid], [node.output])


@onnx("GridSample")
def _from_onnx(node: OnnxNode) -> Value:
    x, grid = node.input(0), node.input(1)
    if x.type.rank != 4:
        raise IrError(f"input {x.type}; only images, of rank 4, are supported")
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(name := node.attribute("mode", "linear"), name)
    padding = node.attribute("padding_mode", "zeros")
    if mode not in MODES or padding not in PADDINGS:
        raise IrError(f"mode '{mode}' with padding '{padding}'; expected one of {MODES} and of {PADDINGS}")
    op = GridSample(mode, padding, bool(node.attribute("align_corners", 0)))
    y = node.builder.add(op, node.builder.add(Transpose(channels_last(4)), x), grid)
    return node.add(Transpose(channels_first(4)), y)
