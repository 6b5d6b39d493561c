"""Parts of a tensor picked by indices: whole slices, single elements, or slices by tuples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tflite as schema

from toolchain.axes import normal_axis
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import MAX_RANK, Array, Builder, IrError, Node, Op, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.reshape import Reshape
from toolchain.ops.take import gather_params, take
from toolchain.strides import collapse, row_major


class Indexed(Op):
    """What the operators with data, indices and an output of the data's quantisation share."""

    def integer(self, node: Node) -> bool:
        return node.inputs[0].quant == node.output.quant


@dataclass(frozen=True)
class Gather(Indexed):
    """y[b, o, i, :] = data[b, o, indices[b, i], :], the index standing at `axis`; the first `batch` axes are shared.

    Indices int32 or int64, negative ones from the end.
    """

    axis: int
    batch: int = 0

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        x, indices = inputs
        if not 0 <= self.batch <= self.axis < x.rank or indices.shape[: self.batch] != x.shape[: self.batch]:
            raise IrError(f"Gather of {x} by {indices} along axis {self.axis} with {self.batch} shared axes")
        check_indices(indices)
        return (Type((*x.shape[: self.axis], *indices.shape[self.batch :], *x.shape[self.axis + 1 :]), x.dtype),)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, indices = inputs
        batches = math.prod(x.shape[: self.batch])
        rows = x.reshape(batches, *x.shape[self.batch :])
        picks = in_range(indices, x.shape[self.axis]).reshape(batches, *indices.shape[self.batch :])
        taken = [np.take(row, pick, axis=self.axis - self.batch) for row, pick in zip(rows, picks, strict=True)]
        return (np.asarray(taken, x.dtype).reshape(node.output.shape),)

    def lower(self, node: Node, low: Lowering) -> None:
        x, indices = node.inputs
        if node.output.type.size:
            count = math.prod(indices.shape[self.batch :])
            params = gather_params(x, self.axis, self.batch, count, indices.dtype.itemsize)
            low.step("gather", params, [x, indices], [node.output])


@dataclass(frozen=True)
class GatherElements(Indexed):
    """y[i] = data[i, but indices[i] at `axis`]; indices as in Gather, of the output's shape."""

    axis: int

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        x, indices = inputs
        check_elements("GatherElements", x, indices, self.axis)
        return (Type(indices.shape, x.dtype),)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, indices = inputs
        where: list[Array] = list(np.indices(indices.shape, sparse=True))
        where[self.axis] = in_range(indices, x.shape[self.axis])
        return (x[tuple(where)],)

    def permuted(self, node: Node, axes: tuple[int, ...]) -> GatherElements:
        return GatherElements(axes.index(self.axis))

    def lower(self, node: Node, low: Lowering) -> None:
        x, indices = node.inputs
        if node.output.type.size:
            params = {**elements_params(x.type, indices.type, self.axis), "size": x.dtype.itemsize}
            low.step("gather_elements", params, [x, indices], [node.output])


@dataclass(frozen=True)
class GatherND(Indexed):
    """y[b, r, :] = data[b, indices[b, r, 0], indices[b, r, 1], ..., :]; the first `batch` axes are shared."""

    batch: int = 0

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        x, indices = inputs
        depth = check_tuples("GatherND", x, indices, self.batch)
        return (Type((*indices.shape[:-1], *x.shape[self.batch + depth :]), x.dtype),)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, indices = inputs
        depth = indices.shape[-1]
        batches = math.prod(x.shape[: self.batch])
        data = x.reshape(batches, *x.shape[self.batch :])
        picks = indices.reshape(batches, math.prod(indices.shape[self.batch : -1]), depth)
        where = tuple(in_range(picks[..., i], data.shape[1 + i]) for i in range(depth))
        return (data[(np.arange(batches)[:, np.newaxis], *where)].reshape(node.output.shape),)

    def lower(self, node: Node, low: Lowering) -> None:
        x, indices = node.inputs
        if node.output.type.size:
            depth, batch = indices.shape[-1], math.prod(x.shape[: self.batch])
            params = {
                "extent": (*x.shape[self.batch : self.batch + depth], *(1,) * (MAX_RANK - depth)),
                "batch": batch,
                "rows": math.prod(indices.shape[:-1]) // batch,
                "depth": depth,
                "inner": math.prod(x.shape[self.batch + depth :]) * x.dtype.itemsize,
                "index_size": indices.dtype.itemsize,
            }
            low.step("gather_nd", params, [x, indices], [node.output])


def check_indices(indices: Type) -> None:
    if indices.dtype not in (np.int32, np.int64):
        raise IrError(f"indices {indices}, expected int32 or int64")


def check_elements(name: str, x: Type, indices: Type, axis: int) -> None:
    check_indices(indices)
    fits = indices.rank == x.rank and all(
        n <= extent for i, (n, extent) in enumerate(zip(indices.shape, x.shape, strict=True)) if i != axis
    )
    if not 0 <= axis < x.rank or not fits:
        raise IrError(f"{name} of {x} by {indices} along axis {axis}: the shapes do not match")


def check_tuples(name: str, x: Type, indices: Type, batch: int) -> int:
    """The number of indices in a tuple."""
    check_indices(indices)
    depth = indices.shape[-1] if indices.rank else 0
    if not 0 <= batch < indices.rank or not 1 <= depth <= x.rank - batch or x.shape[:batch] != indices.shape[:batch]:
        raise IrError(f"{name} of {x} by {indices} with {batch} shared axes: the shapes do not match")
    return depth


def in_range(indices: Array, extent: int) -> Array:
    """Indices counted from the front; IrError where one does not exist."""
    if indices.size and (indices.min() < -extent or indices.max() >= extent):
        raise IrError(f"an index lies outside an axis of {extent}: found {indices.min()} to {indices.max()}")
    return np.where(indices < 0, indices + extent, indices).astype(np.int64)


def elements_params(x: Type, indices: Type, axis: int) -> dict[str, object]:
    """The params that gather_elements and scatter_elements share."""
    strides = row_major(x.shape)
    beside = [0 if i == axis else stride for i, stride in enumerate(strides)]
    shape, (data_stride,) = collapse(indices.shape, beside)
    return {
        "shape": shape,
        "data_stride": data_stride,
        "axis_stride": strides[axis],
        "extent": x.shape[axis],
        "index_size": indices.dtype.itemsize,
    }


def gather(builder: Builder, x: Value, indices: Value, axis: int) -> Value:
    """Gather, or what does the same where the indices are constant: a view for one, a Slice or a Take for more."""
    if indices.data is None or x.data is not None:
        return builder.add(Gather(axis), x, indices, quant=x.quant)
    picked = take(builder, x, axis, in_range(indices.data, x.shape[axis]).ravel())
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    return picked if shape == picked.shape else builder.add(Reshape(shape), picked, quant=x.quant)


@onnx("Gather", "GatherElements")
def _from_onnx(node: OnnxNode) -> Value:
    x, indices = node.input(0), node.input(1)
    axis = normal_axis(node.attribute("axis", 0), x.type.rank)
    if node.kind == "GatherElements":
        return node.add(GatherElements(axis), x, indices, quant=x.quant)
    return gather(node.builder, x, indices, axis)


@onnx("GatherND")
def _gather_nd(node: OnnxNode) -> Value:
    x, indices = node.input(0), node.input(1)
    return node.add(GatherND(node.attribute("batch_dims", 0)), x, indices, quant=x.quant)


@tflite("GATHER")
def _tflite_gather(node: TfliteNode) -> Value:
    x, indices, options = node.input(0), node.input(1), node.options(schema.GatherOptions)
    axis = normal_axis(options.Axis(), x.type.rank)
    batch = options.BatchDims() + (indices.type.rank if options.BatchDims() < 0 else 0)
    if batch == 0 and indices.data is not None and x.quant == node.declared(0).quant:
        return gather(node.builder, x, indices, axis)
    return node.add(Gather(axis, batch), x, indices)


@tflite("GATHER_ND")
def _tflite_gather_nd(node: TfliteNode) -> Value:
    return node.add(GatherND(), node.input(0), node.input(1))
