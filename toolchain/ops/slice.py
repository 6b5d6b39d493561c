"""A regular part of a tensor: slices, splits, flips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import tflite as schema

from toolchain.axes import normal_axes, normal_axis
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, Builder, IrError, Node, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.move import Movement, View, move, whole
from toolchain.ops.reshape import Reshape
from toolchain.strides import row_major


@dataclass(frozen=True)
class Slice(Movement):
    """y[i] = x[start + step * i] on every axis, for i below `size`; steps may be negative."""

    start: tuple[int, ...]
    size: tuple[int, ...]
    step: tuple[int, ...]

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if not len(self.start) == len(self.size) == len(self.step) == x.rank:
            raise IrError(f"Slice of {x} by {self}: the ranks differ")
        for extent, start, size, step in zip(x.shape, self.start, self.size, self.step, strict=True):
            if size < 0 or (size > 0 and not (0 <= start < extent and 0 <= start + (size - 1) * step < extent)):
                raise IrError(f"Slice of {x} by {self}: reaches outside")
        return (Type(self.size, x.dtype),)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        axes = zip(self.start, self.size, self.step, strict=True)
        indices = [start + np.arange(size) * step for start, size, step in axes]
        return (x[np.ix_(*indices)] if indices else x.copy(),)

    def permuted(self, node: Node, axes: tuple[int, ...]) -> Slice:
        start, size, step = (tuple(row[axis] for axis in axes) for row in (self.start, self.size, self.step))
        return Slice(start, size, step)

    def contiguous(self, x: Type) -> bool:
        """Whether the elements lie one behind another in x."""
        if any(size > 1 and step != 1 for size, step in zip(self.size, self.step, strict=True)):
            return False
        cut = [axis for axis, (size, extent) in enumerate(zip(self.size, x.shape, strict=True)) if size != extent]
        return not cut or all(size == 1 for size in self.size[: cut[-1]])

    def offset(self, x: Type) -> int:
        """Elements before the first one taken."""
        return sum(start * stride for start, stride in zip(self.start, row_major(x.shape), strict=True))

    def aliases(self, node: Node) -> Iterable[tuple[Value, Value, int]]:
        x, y = node.inputs[0], node.output
        if y.type.size and self.contiguous(x.type):
            yield y, x, self.offset(x.type) * x.dtype.itemsize

    def lower(self, node: Node, low: Lowering) -> None:
        x, y = node.inputs[0], node.output
        if not y.type.size:
            return
        if self.contiguous(x.type):
            low.copy(low.part(x, self.offset(x.type) * x.dtype.itemsize, y.type.bytes), y)
            return
        strides = tuple(stride * step for stride, step in zip(row_major(x.shape), self.step, strict=True))
        move(low, x, y, y.shape, View(self.offset(x.type), strides), whole(y.shape))


def span(axis: int, start: int, size: int, shape: Sequence[int], step: int = 1) -> Slice:
    """The slice that takes `size` indices of one axis and all of the others."""
    starts, sizes, steps = [0] * len(shape), list(shape), [1] * len(shape)
    starts[axis], sizes[axis], steps[axis] = start, size, step
    return Slice(tuple(starts), tuple(sizes), tuple(steps))


def along_axes(rows: Sequence[tuple[int, int, int]]) -> Slice:
    """The slice that takes (start, size, step) of each axis."""
    return Slice(tuple(row[0] for row in rows), tuple(row[1] for row in rows), tuple(row[2] for row in rows))


def reverse(axes: Sequence[int], shape: Sequence[int]) -> Slice:
    """The slice that walks these axes backwards."""
    backwards = [axis in axes for axis in range(len(shape))]
    start = tuple(max(extent - 1, 0) if back else 0 for extent, back in zip(shape, backwards, strict=True))
    return Slice(start, tuple(shape), tuple(-1 if back else 1 for back in backwards))


def resolve(start: int | None, stop: int | None, step: int, extent: int) -> tuple[int, int, int]:
    """Start, size and step of Python's start:stop:step on an axis, which are clamped to it."""
    if step == 0:
        raise IrError("a slice has step 0")
    indices = range(extent)[slice(start, stop, step)]
    return (indices.start if len(indices) else 0), len(indices), step


def split(builder: Builder, x: Value, axis: int, sizes: Sequence[int]) -> list[Value]:
    """Neighbouring parts of x along an axis; IrError where the sizes do not add up to its extent."""
    if sum(sizes) != x.shape[axis] or min(sizes, default=0) < 0:
        raise IrError(f"parts of {list(sizes)} along axis {axis} of {x.type}: they do not add up")
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    ops = [span(axis, start, size, x.shape) for start, size in zip(starts, sizes, strict=True)]
    return [builder.add(op, x, quant=x.quant) for op in ops]


@onnx("Slice")
def _slice(node: OnnxNode) -> Value:
    x = node.input(0)
    starts: tuple[int, ...] | None
    if node.opset < 10:
        starts, stops = node.attribute("starts", None), node.attribute("ends", None)
        listed, steps = node.attribute("axes", None), None
    else:
        starts, stops, listed, steps = (node.integers(index) for index in range(1, 5))
    if starts is None or stops is None:
        raise IrError("has no starts or no ends")
    axes = normal_axes(listed if listed is not None else tuple(range(len(starts))), x.type.rank)
    rows = [(0, extent, 1) for extent in x.shape]
    for axis, start, stop, step in zip(axes, starts, stops, steps or (1,) * len(axes), strict=True):
        rows[axis] = resolve(start, stop, step, x.shape[axis])
    return node.add(along_axes(rows), x, quant=x.quant)


@onnx("Split")
def _split(node: OnnxNode) -> list[Value]:
    x = node.input(0)
    axis = normal_axis(node.attribute("axis", 0), x.type.rank)
    sizes: tuple[int, ...] | None = node.attribute("split", None) if node.opset < 13 else node.integers(1)
    if sizes is None:
        count = len(node.outputs)
        if node.attribute("num_outputs", count) != count:
            raise IrError(f"has {count} outputs and num_outputs {node.attribute('num_outputs', count)}")
        part = -(-x.shape[axis] // count)
        sizes = tuple(min(part, max(x.shape[axis] - part * index, 0)) for index in range(count))
    if len(sizes) != len(node.outputs):
        raise IrError(f"has {len(node.outputs)} outputs and {len(sizes)} parts")
    return split(node.builder, x, axis, sizes)


@tflite("SPLIT", "SPLIT_V")
def _tflite_split(node: TfliteNode) -> list[Value]:
    x = node.input(1) if node.kind == "SPLIT" else node.input(0)
    axis = normal_axis(node.integers(0 if node.kind == "SPLIT" else 2)[0], x.type.rank)
    if node.kind == "SPLIT_V":
        sizes = list(node.integers(1))
        if -1 in sizes:
            sizes[sizes.index(-1)] = x.shape[axis] - sum(size for size in sizes if size != -1)
    else:
        if x.shape[axis] % node.results:
            raise IrError(f"{node.results} equal parts of axis {axis} of {x.type}")
        sizes = [x.shape[axis] // node.results] * node.results
    return split(node.builder, x, axis, sizes)


@tflite("UNPACK")
def _unpack(node: TfliteNode) -> list[Value]:
    x = node.input(0)
    axis = normal_axis(node.options(schema.UnpackOptions).Axis(), x.type.rank)
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    parts = split(node.builder, x, axis, [1] * node.results)
    return [node.builder.add(Reshape(shape), part, quant=x.quant) for part in parts]


@tflite("SLICE")
def _tflite_slice(node: TfliteNode) -> Value:
    x, start, size = node.input(0), node.integers(1), node.integers(2)
    if not len(start) == len(size) == x.type.rank:
        raise IrError(f"begins at {list(start)} with size {list(size)} in {x.type}")
    sizes = tuple(x.shape[axis] - start[axis] if n == -1 else n for axis, n in enumerate(size))
    return node.add(Slice(start, sizes, (1,) * x.type.rank), x)


@tflite("STRIDED_SLICE")
def _strided_slice(node: TfliteNode) -> Value:
    x, options = node.input(0), node.options(schema.StridedSliceOptions)
    starts, stops, steps = node.integers(1), node.integers(2), node.integers(3)
    if (
        options.EllipsisMask()
        or options.NewAxisMask()
        or options.Offset()
        or not len(starts) == len(stops) == len(steps) <= x.type.rank
    ):
        raise IrError("ellipsis, new axes and offsets are not supported")
    rows, kept = [], []
    for axis, extent in enumerate(x.shape):
        if axis >= len(starts):
            rows.append((0, extent, 1))
        elif options.ShrinkAxisMask() >> axis & 1:
            if not -extent <= starts[axis] < extent:
                raise IrError(f"index {starts[axis]} on axis {axis} of {x.type}")
            rows.append((starts[axis] % extent, 1, 1))
            continue
        else:
            start = None if options.BeginMask() >> axis & 1 else starts[axis]
            stop = None if options.EndMask() >> axis & 1 else stops[axis]
            rows.append(resolve(start, stop, steps[axis], extent))
        kept.append(rows[-1][1])
    if len(kept) == x.type.rank:
        return node.add(along_axes(rows), x)
    part = node.builder.add(along_axes(rows), x, quant=x.quant)
    return node.add(Reshape(tuple(kept)), part)


@tflite("REVERSE_V2")
def _reverse(node: TfliteNode) -> Value:
    x = node.input(0)
    return node.add(reverse(normal_axes(node.integers(1), x.type.rank), x.shape), x)
