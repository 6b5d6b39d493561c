"""Ones where an index says, composed of comparison and choice; and the other patterns that are composed so."""

from __future__ import annotations

import math

import numpy as np
import tflite as schema

from toolchain.axes import normal_axis
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Builder, IrError, Value, constant
from toolchain.ops.argmax import ArgMax
from toolchain.ops.cast import Cast
from toolchain.ops.compare import Compare
from toolchain.ops.gather import Gather
from toolchain.ops.integer import Integer
from toolchain.ops.reshape import Reshape, unsqueezed
from toolchain.ops.transpose import Transpose
from toolchain.ops.where import Where


def one_hot(builder: Builder, indices: Value, depth: int, axis: int, on: Value, off: Value) -> Value:
    """`on` where the new axis' index equals the index, else `off`: where(unsqueeze(indices) == arange(depth), on, off)."""
    shape = unsqueezed(indices.shape, (axis,))
    column = builder.add(Reshape(shape), indices)
    row = np.arange(depth, dtype=indices.dtype).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return builder.add(Where(), builder.add(Compare("equal"), column, constant(row)), on, off)


@onnx("OneHot")
def _one_hot(node: OnnxNode) -> Value:
    indices, depth, values = node.input(0), node.integers(1), node.input(2)
    if depth is None or len(depth) != 1 or depth[0] < 0 or values.shape != (2,):
        raise IrError(f"has depth {depth} and values {values.type}, expected one number and two values")
    builder = node.builder
    if indices.dtype != np.int64:
        indices = builder.add(Cast("int64"), indices)
    negative = builder.add(Compare("less"), indices, constant(np.int64(0)))
    from_end = builder.add(Integer("add"), indices, constant(np.int64(depth[0])))
    indices = builder.add(Where(), negative, from_end, indices)
    off, on = (builder.add(Gather(0), values, constant(np.int64(i))) for i in range(2))
    axis = normal_axis(node.attribute("axis", -1), indices.type.rank + 1)
    return one_hot(builder, indices, depth[0], axis, on, off)


@tflite("ONE_HOT")
def _tflite_one_hot(node: TfliteNode) -> Value:
    indices, on, off = node.input(0), node.input(2), node.input(3)
    axis = normal_axis(node.options(schema.OneHotOptions).Axis(), indices.type.rank + 1)
    return one_hot(node.builder, indices, node.integers(1)[0], axis, on, off)


@onnx("Hardmax")
def _hardmax(node: OnnxNode) -> Value:
    x, old = node.input(0), node.opset < 13
    axis = normal_axis(node.attribute("axis", 1 if old else -1), x.type.rank)
    rows = (math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))
    flat = node.builder.add(Reshape(rows), x) if old else x
    axis = 1 if old else axis
    best = node.builder.add(ArgMax(axis), flat)
    row = np.arange(flat.shape[axis]).reshape([-1 if i == axis else 1 for i in range(flat.type.rank)])
    hit = node.builder.add(Compare("equal"), best, constant(row))
    y = node.builder.add(Where(), hit, constant(np.ones((), x.dtype)), constant(np.zeros((), x.dtype)))
    return node.add(Reshape(x.shape), y) if old else y


@onnx("Trilu")
def _trilu(node: OnnxNode) -> Value:
    x, k = node.input(0), node.integers(1) or (0,)
    if x.type.rank < 2:
        raise IrError(f"input {x.type}, expected rank 2 or more")
    ones = np.ones(x.shape[-2:], np.bool_)
    kept = np.triu(ones, k[0]) if node.attribute("upper", 1) else np.tril(ones, k[0])
    return node.add(Where(), constant(kept), x, constant(np.zeros((), x.dtype)))


def reverse_sequence(builder: Builder, x: Value, lengths: Value, time: int, batch: int) -> Value:
    """x with the first lengths[b] steps of `time` reversed for every b: a Gather by indices computed from the lengths."""
    if lengths.shape != (x.shape[batch],) or time == batch:
        raise IrError(f"ReverseSequence of {x.type} with lengths {lengths.type}, time axis {time} and batch axis {batch}")
    front = [batch, time, *(axis for axis in range(x.type.rank) if axis not in (batch, time))]
    column = builder.add(Reshape((x.shape[batch], 1)), lengths)
    steps = np.arange(x.shape[time], dtype=lengths.dtype)
    reversed_step = builder.add(Integer("subtract"), column, constant(steps + 1))
    inside = builder.add(Compare("less"), constant(steps), column)
    indices = builder.add(Where(), inside, reversed_step, constant(steps))
    rows = builder.add(Transpose(tuple(front)), x, quant=x.quant)
    picked = builder.add(Gather(1, 1), rows, indices, quant=x.quant)
    return builder.add(Transpose(tuple(front.index(axis) for axis in range(x.type.rank))), picked, quant=x.quant)


@onnx("ReverseSequence")
def _reverse_sequence(node: OnnxNode) -> Value:
    x = node.input(0)
    time, batch = (normal_axis(node.attribute(key, default), x.type.rank) for key, default in (("time_axis", 0), ("batch_axis", 1)))
    return reverse_sequence(node.builder, x, node.input(1), time, batch)


@tflite("REVERSE_SEQUENCE")
def _tflite_reverse_sequence(node: TfliteNode) -> Value:
    options = node.options(schema.ReverseSequenceOptions)
    return reverse_sequence(node.builder, node.input(0), node.input(1), options.SeqDim(), options.BatchDim())
