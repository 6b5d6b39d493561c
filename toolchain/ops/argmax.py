"""Where the largest or smallest element stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite as schema

from toolchain.axes import normal_axis
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import DTYPES, Array, Builder, IrError, Node, Op, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.reshape import Reshape


@dataclass(frozen=True)
class ArgMax(Op):
    """The first index (the last one if `last`) of the largest element (smallest if `smallest`) along `axis`, which becomes 1.

    A NaN counts as minus infinity. `dtype` is int32 or int64.
    """

    axis: int
    smallest: bool = False
    last: bool = False
    dtype: str = "int64"

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if not 0 <= self.axis < x.rank or x.shape[self.axis] < 1:
            raise IrError(f"ArgMax of {x} along axis {self.axis}: there is nothing to compare")
        return (Type((*x.shape[: self.axis], 1, *x.shape[self.axis + 1 :]), np.dtype(self.dtype)),)

    def integer(self, node: Node) -> bool:
        return True

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x = sort_key(inputs[0])
        find: Any = np.argmin if self.smallest else np.argmax
        if not self.last:
            return (find(x, axis=self.axis, keepdims=True).astype(self.dtype),)
        backwards = find(np.flip(x, self.axis), axis=self.axis, keepdims=True)
        return ((x.shape[self.axis] - 1 - backwards).astype(self.dtype),)

    def permuted(self, node: Node, axes: tuple[int, ...]) -> ArgMax:
        return ArgMax(axes.index(self.axis), self.smallest, self.last, self.dtype)

    def lower(self, node: Node, low: Lowering) -> None:
        x = node.inputs[0]
        if not x.type.size:
            return
        params = {
            **along(x.type, self.axis),
            "smallest": int(self.smallest),
            "last": int(self.last),
            "index_size": node.output.dtype.itemsize,
        }
        low.step("argmax", params, [x], [node.output])


def sort_key(x: Array) -> Array:
    """x with every NaN as minus infinity."""
    return np.where(np.isnan(x), -np.inf, x).astype(x.dtype) if x.dtype.kind == "f" else x


def along(x: Type, axis: int) -> dict[str, int]:
    """The params outer, extent, inner and dtype of kernels that work along one axis."""
    return {
        "outer": math.prod(x.shape[:axis]),
        "extent": x.shape[axis],
        "inner": math.prod(x.shape[axis + 1 :]),
        "dtype": DTYPES.index(x.dtype),
    }


def without_axis(builder: Builder, x: Value, axis: int) -> Value:
    """x without an axis of extent 1."""
    return builder.add(Reshape(x.shape[:axis] + x.shape[axis + 1 :]), x, quant=x.quant)


@onnx("ArgMax", "ArgMin")
def _from_onnx(node: OnnxNode) -> Value:
    x = node.input(0)
    axis = normal_axis(node.attribute("axis", 0), x.type.rank)
    y = node.add(ArgMax(axis, node.kind == "ArgMin", bool(node.attribute("select_last_index", 0))), x)
    return y if node.attribute("keepdims", 1) else without_axis(node.builder, y, axis)


@tflite("ARG_MAX", "ARG_MIN")
def _from_tflite(node: TfliteNode) -> Value:
    x, least = node.input(0), node.kind == "ARG_MIN"
    axis = normal_axis(node.integers(1)[0], x.type.rank)
    options = node.options(schema.ArgMinOptions if least else schema.ArgMaxOptions)
    dtype = "int64" if options.OutputType() == schema.TensorType.INT64 else "int32"
    y = node.builder.add(ArgMax(axis, least, False, dtype), x)
    return without_axis(node.builder, y, axis)
