"""Operators that are constants once shapes are known, and those that are supported on constants only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from toolchain.axes import normal_axis
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.onnx_tensors import working
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import DTYPES, Array, Builder, IrError, Value, constant
from toolchain.ops.reshape import Reshape
from toolchain.ops.take import take


def _made(data: Array, name: str) -> Value:
    if data.dtype not in DTYPES:
        raise IrError(f"holds {data.dtype}, which is not supported")
    if data.nbytes > Builder.FOLD_LIMIT:
        raise IrError(f"would hold {data.nbytes:,} bytes, at most {Builder.FOLD_LIMIT:,} are supported")
    return constant(data, name)


def _room(shape: tuple[int, ...]) -> tuple[int, ...]:
    if min(shape, default=0) < 0 or math.prod(shape) > Builder.FOLD_LIMIT:
        raise IrError(f"shape {list(shape)} is negative or too large")
    return shape


@onnx("Constant")
def _constant(node: OnnxNode) -> Value:
    kinds: dict[str, Any] = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    if node.has("value"):
        return _made(np.asarray(node.attribute("value", None)), node.outputs[0])
    for name, dtype in kinds.items():
        if node.has(name):
            return _made(np.asarray(node.attribute(name, None), dtype), node.outputs[0])
    raise IrError("has no value that is supported; expected value, value_float(s) or value_int(s)")


@onnx("ConstantOfShape")
def _constant_of_shape(node: OnnxNode) -> Value:
    value, shape = np.asarray(node.attribute("value", np.zeros(1, np.float32))), node.integers(0)
    if value.size != 1 or shape is None:
        raise IrError(f"has {value.size} values, expected one")
    return _made(np.full(_room(shape), value.ravel()[0], value.dtype), node.outputs[0])


@onnx("Shape")
def _shape(node: OnnxNode) -> Value:
    shape = node.input(0).shape
    part = shape[slice(node.attribute("start", 0), node.attribute("end", len(shape)))]
    return _made(np.asarray(part, np.int64), node.outputs[0])


@onnx("Size")
def _size(node: OnnxNode) -> Value:
    return _made(np.asarray(node.input(0).type.size, np.int64), node.outputs[0])


def _range(start: Array, limit: Array, delta: Array) -> Array:
    if delta == 0:
        raise IrError("counts in steps of 0")
    count = max(math.ceil((float(limit) - float(start)) / float(delta)), 0)
    _room((count,))
    data: Array = start + np.arange(count).astype(start.dtype) * delta
    return data.astype(start.dtype)


@onnx("Range")
def _onnx_range(node: OnnxNode) -> Value:
    start, limit, delta = (node.input(index).constant.reshape(()) for index in range(3))
    return _made(_range(start, limit, delta), node.outputs[0])


@tflite("RANGE")
def _tflite_range(node: TfliteNode) -> Value:
    start, limit, delta = (node.input(index).constant.reshape(()) for index in range(3))
    return _made(_range(start, limit, delta), node.names[0])


@onnx("EyeLike")
def _eye_like(node: OnnxNode) -> Value:
    x = node.input(0)
    if x.type.rank != 2:
        raise IrError(f"input {x.type}, expected rank 2")
    rows, columns = _room(x.shape)
    dtype = working(node.dtype("dtype", x.dtype))
    return _made(np.eye(rows, columns, node.attribute("k", 0), dtype), node.outputs[0])


@onnx("NonZero")
def _non_zero(node: OnnxNode) -> Value:
    x = node.input(0).constant
    return _made(np.asarray(np.nonzero(np.atleast_1d(x)), np.int64), node.outputs[0])


@onnx("Compress")
def _compress(node: OnnxNode) -> Value:
    x, condition = node.input(0), node.input(1).constant.ravel()
    axis: int | None = node.attribute("axis", None)
    if axis is None:
        x = node.builder.add(Reshape((x.type.size,)), x, quant=x.quant)
    axis = normal_axis(axis or 0, x.type.rank)
    return take(node.builder, x, axis, np.flatnonzero(condition[: x.shape[axis]]))


@tflite("SHAPE")
def _tflite_shape(node: TfliteNode) -> Value:
    return _made(np.asarray(node.input(0).shape, node.declared(0).dtype), node.names[0])


@tflite("RANK")
def _rank(node: TfliteNode) -> Value:
    return _made(np.asarray(node.input(0).type.rank, np.int32), node.names[0])


@tflite("FILL")
def _fill(node: TfliteNode) -> Value:
    value = node.input(1).constant.reshape(())
    return _made(np.full(_room(node.integers(0)), value, value.dtype), node.names[0])


@tflite("ZEROS_LIKE")
def _zeros_like(node: TfliteNode) -> Value:
    x = node.input(0).type
    return constant(np.full(_room(x.shape), x.quant.zero[0] if x.quant else 0, x.dtype), node.names[0], x.quant)
