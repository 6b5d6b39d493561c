"""A tensor with some of its elements written over, or combined with updates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolchain.axes import normal_axis
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import DTYPES, MAX_RANK, Array, IrError, Node, Op, Type, Value, constant
from toolchain.lowering import Lowering
from toolchain.ops.concat import Concat
from toolchain.ops.gather import check_elements, check_tuples, elements_params, in_range
from toolchain.ops.integer import Integer
from toolchain.ops.reshape import Reshape
from toolchain.ops.transpose import Transpose

# In the order of Reduction in kernels/scatter.h.
REDUCTIONS = ("none", "add", "mul", "min", "max")


class Scatter(Op):
    """data, indices, updates to data with the updates in it, in row-major order of the indices; integers wrap."""

    reduction: str

    def check(self, x: Type, updates: Type) -> None:
        if self.reduction not in REDUCTIONS or x.dtype != updates.dtype:
            raise IrError(f"{self.name} of {x} by updates {updates} with reduction '{self.reduction}'")

    def integer(self, node: Node) -> bool:
        x, _, updates = node.inputs
        return self.reduction == "none" and x.quant == updates.quant == node.output.quant

    def combine(self, y: Array, where: tuple[Array, ...], updates: Array) -> None:
        if self.reduction == "none":
            for index in np.ndindex(where[0].shape):
                y[tuple(axis[index] for axis in where)] = updates[index]
            return
        functions: dict[str, Any] = {"add": np.add, "mul": np.multiply, "min": np.minimum, "max": np.maximum}
        functions[self.reduction].at(y, where, updates)

    def codes(self, x: Value) -> dict[str, int]:
        return {"dtype": DTYPES.index(x.dtype), "reduction": REDUCTIONS.index(self.reduction)}


@dataclass(frozen=True)
class ScatterElements(Scatter):
    """y = data, then y[i, but indices[i] at `axis`] = updates[i], or combined with it by the reduction."""

    axis: int
    reduction: str = "none"

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        x, indices, updates = inputs
        self.check(x, updates)
        check_elements(self.name, x, indices, self.axis)
        if updates.shape != indices.shape:
            raise IrError(f"ScatterElements of updates {updates} by {indices}: the shapes differ")
        return (Type(x.shape, x.dtype),)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, indices, updates = inputs
        where: list[Array] = list(np.indices(indices.shape))
        where[self.axis] = in_range(indices, x.shape[self.axis])
        y = x.copy()
        self.combine(y, tuple(where), updates)
        return (y,)

    def lower(self, node: Node, low: Lowering) -> None:
        x, indices, updates = node.inputs
        if not updates.type.size:
            low.copy(x, node.output)
            return
        params = elements_params(x.type, indices.type, self.axis) | self.codes(x) | {"elements": x.type.size}
        low.step("scatter_elements", params, [x, indices, updates], [node.output])


@dataclass(frozen=True)
class ScatterND(Scatter):
    """y = data, then y[indices[r, 0], indices[r, 1], ..., :] = updates[r, :], or combined with it by the reduction."""

    reduction: str = "none"

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        x, indices, updates = inputs
        self.check(x, updates)
        depth = check_tuples(self.name, x, indices, 0)
        if updates.shape != (*indices.shape[:-1], *x.shape[depth:]):
            raise IrError(f"ScatterND of {x} by {indices} with updates {updates}: the shapes do not match")
        return (Type(x.shape, x.dtype),)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, indices, updates = inputs
        depth = indices.shape[-1]
        y = x.copy()
        picks = indices.reshape(-1, depth)
        where = tuple(in_range(picks[:, i], x.shape[i]) for i in range(depth))
        self.combine(y, where, updates.reshape(len(picks), *x.shape[depth:]))
        return (y,)

    def lower(self, node: Node, low: Lowering) -> None:
        x, indices, updates = node.inputs
        if not updates.type.size:
            low.copy(x, node.output)
            return
        depth = indices.shape[-1]
        params = {
            "extent": (*x.shape[:depth], *(1,) * (MAX_RANK - depth)),
            "rows": math.prod(indices.shape[:-1]),
            "depth": depth,
            "inner": math.prod(x.shape[depth:]),
            "index_size": indices.dtype.itemsize,
            **self.codes(x),
        }
        low.step("scatter_nd", params, [x, indices, updates], [node.output])


@onnx("ScatterElements", "Scatter", "ScatterND")
def _from_onnx(node: OnnxNode) -> Value:
    x, indices, updates = node.input(0), node.input(1), node.input(2)
    reduction = node.attribute("reduction", "none")
    if node.kind == "ScatterND":
        op: Op = ScatterND(reduction)
    else:
        op = ScatterElements(normal_axis(node.attribute("axis", 0), x.type.rank), reduction)
    return node.add(op, x, indices, updates, quant=x.quant)


@tflite("SCATTER_ND")
def _from_tflite(node: TfliteNode) -> Value:
    indices, updates = node.input(0), node.input(1)
    zeros = constant(np.zeros(node.integers(2), updates.dtype), f"{node.names[0]}/zeros", updates.quant)
    return node.add(ScatterND("add"), zeros, indices, updates)


@onnx("TensorScatter")
def _tensor_scatter(node: OnnxNode) -> Value:
    """Rows of a cache written from each batch's own position on: a ScatterND with the axis moved next to the batch."""
    x, updates, starts = node.input(0), node.input(1), node.optional(2)
    rank, builder = x.type.rank, node.builder
    axis = normal_axis(node.attribute("axis", -2), rank)
    if axis == 0 or updates.type.rank != rank:
        raise IrError(f"updates {updates.type} along axis {axis} of {x.type}")
    batch, steps, extent = x.shape[0], updates.shape[axis], x.shape[axis]
    forth = (0, axis, *(i for i in range(1, rank) if i != axis))
    back = tuple(forth.index(i) for i in range(rank))
    first = starts if starts is not None else constant(np.zeros(batch, np.int64))
    places = builder.add(Integer("add"), builder.add(Reshape((batch, 1)), first), constant(np.arange(steps)))
    if node.attribute("mode", "linear") == "circular":
        places = builder.add(Integer("modulo"), places, constant(np.int64(extent)))
    rows = constant(np.repeat(np.arange(batch), steps).reshape(batch, steps, 1))
    pairs = builder.add(Concat(2), rows, builder.add(Reshape((batch, steps, 1)), places))
    moved = [builder.add(Transpose(forth), value, quant=value.quant) for value in (x, updates)]
    written = builder.add(ScatterND(), moved[0], pairs, moved[1], quant=x.quant)
    return node.add(Transpose(back), written, quant=x.quant)
