"""Reductions over axes: sums, means, products and extrema."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tflite as schema

from toolchain.axes import normal_axes
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import DTYPES, Array, IrError, Node, Op, Type, Value, constant
from toolchain.lowering import Lowering
from toolchain.ops.add import Add, Sub
from toolchain.ops.cast import Cast
from toolchain.ops.division import Div
from toolchain.ops.mul import Mul
from toolchain.ops.reshape import Reshape
from toolchain.ops.unary import Unary
from toolchain.quantize import elementwise
from toolchain.strides import collapse, row_major

# Kinds, in the order of ReduceF32Kind and of ReduceIntKind; means are sums with a divisor.
_FLOAT = ("sum", "sum_abs", "sum_square", "prod", "max", "min")
_INTEGER = ("sum", "prod", "max", "min")
_MEANS = {"mean": "sum", "mean_square": "sum_square"}
KINDS = (*_FLOAT, *_MEANS)


@dataclass(frozen=True)
class Reduce(Op):
    """The sum, mean, product ... over `axes`, which keep extent 1. Integers that are not quantised wrap.

    int8: sums and means are rescaled from an int32 accumulator; extrema are taken as stored.
    """

    kind: str
    axes: tuple[int, ...]

    @property
    def name(self) -> str:
        return "Reduce" + self.kind.title().replace("_", "")

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if self.kind not in KINDS or any(not 0 <= axis < x.rank for axis in self.axes) or len(set(self.axes)) != len(self.axes):
            raise IrError(f"{self.name} of {x} over axes {self.axes}")
        return (Type(tuple(1 if axis in self.axes else n for axis, n in enumerate(x.shape)), x.dtype),)

    def integer(self, node: Node) -> bool:
        x, y = node.inputs[0], node.output
        if x.dtype != np.int8 or x.quant is None or y.quant is None or x.type.size == 0:
            return False
        return self.kind in ("sum", "mean") or (self.kind in ("max", "min") and x.quant == y.quant)

    def permuted(self, node: Node, axes: tuple[int, ...]) -> Op | None:
        return replace(self, axes=tuple(i for i, axis in enumerate(axes) if axis in self.axes))

    def channelwise(self, node: Node) -> bool:
        return node.inputs[0].type.rank - 1 not in self.axes

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        source, target = node.inputs[0].quant, node.output.quant
        count = math.prod(x.shape[axis] for axis in self.axes)
        if source is not None and target is not None and self.kind in ("sum", "mean"):
            total = x.sum(axis=self.axes, keepdims=True, dtype=np.int64) - source.zero[0] * count
            return (elementwise.rescale(total, elementwise.sum_rescale(source, target, count, self.kind), target.zero[0]),)
        wide = x.astype(np.float64) if x.dtype.kind == "f" else x
        if x.dtype.kind != "f" and self.kind not in _INTEGER:
            raise IrError(f"{self.name} of {x.dtype}, which only floats have")
        return (_fold(wide, self.kind, self.axes, count).astype(x.dtype),)

    def lower(self, node: Node, low: Lowering) -> None:
        x, y = node.inputs[0], node.output
        if y.type.size == 0:
            return
        if x.type.size == 0:
            low.copy(low.constant(self.evaluate(node, np.zeros(x.shape, x.dtype))[0]), y)
            return
        params, count = reduction_params(x.type, self.axes), x.type.size // y.type.size
        if x.dtype == np.float32:
            kind = _FLOAT.index(_MEANS.get(self.kind, self.kind))
            low.step("reduce_f32", params | {"kind": kind, "divisor": count if self.kind in _MEANS else 1}, [x], [y])
        elif self.integer(node) and self.kind in ("sum", "mean"):
            assert x.quant is not None and y.quant is not None
            multiplier, shift = elementwise.sum_rescale(x.quant, y.quant, count, self.kind)
            zeros = {"in_zero": x.quant.zero[0], "out_zero": y.quant.zero[0]}
            low.step("sum_s8", params | zeros | {"multiplier": multiplier, "shift": shift}, [x], [y])
        elif self.kind in _INTEGER and (x.dtype.kind in "iu" or (x.dtype == np.bool_ and self.kind in ("max", "min"))):
            dtype = np.dtype(np.uint8) if x.dtype == np.bool_ else x.dtype
            low.step("reduce_int", params | {"kind": _INTEGER.index(self.kind), "dtype": DTYPES.index(dtype)}, [x], [y])
        else:
            raise IrError(f"{self.name} of {x.type} has no kernel")


def reduction_params(x: Type, axes: tuple[int, ...]) -> dict[str, Any]:
    """The SINTER_REDUCTION params: kept axes, and reduced ones."""
    strides = row_major(x.shape)
    kept = [axis for axis in range(x.rank) if axis not in axes]
    shape, (stride,) = collapse([x.shape[axis] for axis in kept], [strides[axis] for axis in kept])
    axis_shape, (axis_stride,) = collapse([x.shape[axis] for axis in sorted(axes)], [strides[axis] for axis in sorted(axes)])
    return {"shape": shape, "stride": stride, "axis_shape": axis_shape, "axis_stride": axis_stride}


def _fold(x: Array, kind: str, axes: tuple[int, ...], count: int) -> Array:
    with np.errstate(all="ignore"):
        if kind in ("max", "min"):
            lowest, highest = (-np.inf, np.inf) if x.dtype.kind == "f" else _limits(x.dtype)
            first = lowest if kind == "max" else highest
            return np.asarray((np.max if kind == "max" else np.min)(x, axis=axes, keepdims=True, initial=first))
        if kind == "prod":
            return np.asarray(np.prod(x, axis=axes, keepdims=True, dtype=x.dtype))
        if kind.endswith("square"):
            x = x * x
        elif kind == "sum_abs":
            x = np.abs(x)
        total = np.sum(x, axis=axes, keepdims=True, dtype=x.dtype)
        return np.asarray(total / count if kind in _MEANS else total)


def _limits(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    if dtype == np.bool_:
        return False, True
    info = np.iinfo(dtype)
    return info.min, info.max


def _axes(node: OnnxNode, rank: int) -> tuple[int, ...] | None:
    """The axes that a node names, all of them if none; None where the node leaves its input as it is."""
    given = node.integers(1) if node.count > 1 else node.attribute("axes", None)
    if given:
        return normal_axes(given, rank)
    return None if node.attribute("noop_with_empty_axes", 0) else tuple(range(rank))


_PLAIN = {"ReduceSum": "sum", "ReduceMean": "mean", "ReduceProd": "prod", "ReduceMax": "max", "ReduceMin": "min"}
_COMPOSED = ("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")


@onnx(*_PLAIN, *_COMPOSED)
def _from_onnx(node: OnnxNode) -> Value:
    x = node.input(0)
    axes = _axes(node, x.type.rank)
    y = _elementwise(node, x) if axes is None else _reduced(node, x, axes)
    if axes is None or node.attribute("keepdims", 1):
        return y
    return node.add(Reshape(tuple(n for axis, n in enumerate(x.shape) if axis not in axes)), y)


def _reduced(node: OnnxNode, x: Value, axes: tuple[int, ...]) -> Value:
    add = node.builder.add
    if node.kind in _PLAIN:
        if node.kind == "ReduceMean" and x.dtype.kind != "f":
            count = constant(np.asarray(math.prod(x.shape[axis] for axis in axes), x.dtype))
            return add(Div(), add(Reduce("sum", axes), x), count, name=node.name)
        return add(Reduce(_PLAIN[node.kind], axes), x, name=node.name)
    if x.dtype.kind != "f":
        return add(Cast(x.dtype.name), _reduced(node, add(Cast("float32"), x), axes), name=node.name)
    if node.kind == "ReduceL1":
        return add(Reduce("sum_abs", axes), x, name=node.name)
    if node.kind == "ReduceLogSum":
        return add(Unary("log"), add(Reduce("sum", axes), x), name=node.name)
    if node.kind == "ReduceLogSumExp":
        top = add(Unary("finite"), add(Reduce("max", axes), x))
        total = add(Reduce("sum", axes), add(Unary("exp"), add(Sub(), x, top)))
        return add(Add(), add(Unary("log"), total), top, name=node.name)
    squares = add(Reduce("sum_square", axes), x, name=node.name)
    return squares if node.kind == "ReduceSumSquare" else add(Unary("sqrt"), squares, name=node.name)


def _elementwise(node: OnnxNode, x: Value) -> Value:
    """What a reduction over no axes leaves of each element."""
    if node.kind in ("ReduceL1", "ReduceL2"):
        return node.add(Unary("abs"), x)
    if node.kind == "ReduceSumSquare":
        return node.add(Mul(), x, x)
    return node.add(Unary("log"), x) if node.kind == "ReduceLogSum" else x


_TFLITE = {
    "SUM": "sum",
    "MEAN": "mean",
    "REDUCE_PROD": "prod",
    "REDUCE_MAX": "max",
    "REDUCE_MIN": "min",
    "REDUCE_ANY": "max",
    "REDUCE_ALL": "min",
}


@tflite(*_TFLITE)
def _from_tflite(node: TfliteNode) -> Value:
    x = node.input(0)
    given = tuple(int(axis) % max(x.type.rank, 1) for axis in np.atleast_1d(node.input(1).constant))
    axes = tuple(sorted(set(given)))
    kept = node.builder.add(Reduce(_TFLITE[node.kind], axes), x, quant=node.declared(0).quant)
    shape = kept.shape
    if not node.options(schema.ReducerOptions).KeepDims():
        shape = tuple(n for axis, n in enumerate(x.shape) if axis not in axes)
    return node.add(Reshape(shape), kept)
