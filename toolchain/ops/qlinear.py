"""ONNX's operators on stored integers (QLinear forms, and those that onnxruntime's quantiser adds) in terms of the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolchain.axes import normal_axis
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx
from toolchain.ir import IrError, Op, Value, constant
from toolchain.ops.add import Add
from toolchain.ops.concat import Concat
from toolchain.ops.conv import Conv, onnx_window
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.matmul import product
from toolchain.ops.mul import Mul
from toolchain.ops.pool import AveragePool, ceil_window
from toolchain.ops.reduce import Reduce
from toolchain.ops.reshape import Reshape
from toolchain.ops.softmax import Softmax
from toolchain.ops.stored import Scale, Stored, computed, scale_at, store, stored_at
from toolchain.ops.transpose import Transpose
from toolchain.ops.unary import Unary
from toolchain.ops.where import Where
from toolchain.spatial import channels_first, channels_last

MICROSOFT = "com.microsoft"


def _bias(node: OnnxNode, bias: Value | None, x: Stored, w: Stored, outputs: int) -> Value:
    """The bias of a layer: int32 at the product of its input's and its weights' scales, zeros where it is left out."""
    if bias is None:
        return constant(np.zeros(outputs, np.float32))
    both = node.builder.add(Mul(), x.by.scale, w.by.scale)
    return Stored(bias, Scale(both, constant(np.zeros((), np.int32)), 0)).real(node.builder)


@onnx("QLinearConv")
def _conv(node: OnnxNode) -> Value:
    x, w, by = stored_at(node, 0), stored_at(node, 3, axis=0), scale_at(node, 6)
    rank = x.value.type.rank
    if rank < 3 or w.value.type.rank != rank:
        raise IrError(f"input {x.value.type} and weights {w.value.type}; expected the same rank, at least 3")
    window = onnx_window(node, x.value, node.attribute("kernel_shape", w.value.shape[2:]))
    bias, to, add = _bias(node, node.optional(8), x, w, w.value.shape[0]), Transpose(channels_last(rank)), node.builder.add
    y = add(Conv(window, node.attribute("group", 1)), add(to, x.real(node.builder)), add(to, w.real(node.builder)), bias)
    return store(node, add(Transpose(channels_first(rank)), y), by)


@onnx("QLinearMatMul")
def _matmul(node: OnnxNode) -> Value:
    a, by = stored_at(node, 0), scale_at(node, 6)
    b = stored_at(node, 3, axis=node.input(3).type.rank - 1)
    return store(node, product(node, a.real(node.builder), b.real(node.builder)), by)


@onnx("QGemm", domain=MICROSOFT)
def _gemm(node: OnnxNode) -> Value:
    swapped = bool(node.attribute("transB", 0))
    a, b = stored_at(node, 0), stored_at(node, 3, axis=0 if swapped else 1)
    if a.value.type.rank != 2 or b.value.type.rank != 2:
        raise IrError(f"inputs {a.value.type} and {b.value.type}, expected rank 2")
    if node.attribute("transA", 0):
        a = Stored(node.builder.add(Transpose((1, 0)), a.value), a.by)
    alpha = np.float32(node.attribute("alpha", 1.0))
    if alpha != 1:
        b = Stored(b.value, Scale(node.builder.add(Mul(), b.by.scale, constant(alpha)), b.by.zero, b.by.axis))
    real, w = a.real(node.builder), b.real(node.builder)
    w = w if swapped else node.builder.add(Transpose((1, 0)), w)
    c = node.optional(6)
    flat = c if c is None or c.type.rank == 1 else node.builder.add(Reshape((c.type.size,)), c)
    y = node.builder.add(FullyConnected(), real, w, _bias(node, flat, a, b, w.shape[0]))
    return y if node.optional(7) is None else store(node, y, scale_at(node, 7, a.value.dtype))


@onnx("QLinearAdd", "QLinearMul", domain=MICROSOFT)
def _arithmetic(node: OnnxNode) -> Value:
    op: Op = Add() if node.kind == "QLinearAdd" else Mul()
    return computed(node, op, [stored_at(node, 0), stored_at(node, 3)], scale_at(node, 6, node.input(0).dtype))


@onnx("QLinearSigmoid", "QLinearLeakyRelu", domain=MICROSOFT)
def _unary(node: OnnxNode) -> Value:
    op = Unary("sigmoid") if node.kind == "QLinearSigmoid" else Unary("leaky_relu", node.attribute("alpha", 0.01))
    return computed(node, op, [stored_at(node, 0)], scale_at(node, 3, node.input(0).dtype))


@onnx("QLinearSoftmax", domain=MICROSOFT)
def _softmax(node: OnnxNode) -> Value:
    x, by = stored_at(node, 0), scale_at(node, 3, node.input(0).dtype)
    rank = x.value.type.rank
    axis = normal_axis(node.attribute("axis", -1), rank)
    if node.attribute("opset", 13) < 13 and axis != rank - 1:
        shape = x.value.shape
        flat = node.builder.add(Reshape((int(np.prod(shape[:axis])), int(np.prod(shape[axis:])))), x.value)
        return node.add(Reshape(shape), computed(node, Softmax(1), [Stored(flat, x.by)], by))
    return computed(node, Softmax(axis), [x], by)


@onnx("QLinearGlobalAveragePool", "QLinearAveragePool", domain=MICROSOFT)
def _average(node: OnnxNode) -> Value:
    x, by = stored_at(node, 0), scale_at(node, 3, node.input(0).dtype)
    rank, last = x.value.type.rank, bool(node.attribute("channels_last", 0))
    if rank < 3:
        raise IrError(f"input {x.value.type}, expected rank 3 or more")
    if node.kind == "QLinearGlobalAveragePool":
        axes = tuple(range(1, rank - 1)) if last else tuple(range(2, rank))
        return computed(node, Reduce("mean", axes), [x], by)
    first = node.builder.add(Transpose(channels_first(rank)), x.value) if last else x.value
    plain = onnx_window(node, first, node.attribute("kernel_shape", ()))
    window = ceil_window(node, first, plain)
    # Unlike AveragePool, this divides by the whole kernel where ceil_mode lets windows reach beyond the padding.
    counted = tuple(after for _, after in window.pads) if node.attribute("count_include_pad", 0) else None
    moved = x.value if last else node.builder.add(Transpose(channels_last(rank)), x.value)
    y = computed(node, AveragePool(window, counted), [Stored(moved, x.by)], by)
    return y if last else node.add(Transpose(channels_first(rank)), y)


@onnx("QLinearConcat", domain=MICROSOFT)
def _concat(node: OnnxNode) -> Value:
    by = scale_at(node, 0)
    parts = [stored_at(node, index) for index in range(2, node.count, 3)]
    if not parts:
        raise IrError("has no inputs")
    op = Concat(normal_axis(node.attribute("axis", 0), parts[0].value.type.rank))
    return computed(node, op, parts, by)


@onnx("QLinearWhere", domain=MICROSOFT)
def _where(node: OnnxNode) -> Value:
    a, b, by = stored_at(node, 1), stored_at(node, 4), scale_at(node, 7, node.input(1).dtype)
    return store(node, node.builder.add(Where(), node.input(0), a.real(node.builder), b.real(node.builder)), by)


@onnx("QuantizeLinear", "DequantizeLinear")
@onnx("QuantizeLinear", "DequantizeLinear", domain=MICROSOFT)
def _linear(node: OnnxNode) -> Value:
    x, block = node.input(0), node.attribute("block_size", 0)
    axis = normal_axis(node.attribute("axis", 1), x.type.rank) if block or node.input(1).type.size > 1 else None
    dtype = x.dtype if node.kind == "DequantizeLinear" else node.dtype("output_dtype", np.dtype(np.uint8))
    by = replace(scale_at(node, 1, dtype, axis), block=block)
    return Stored(x, by).real(node.builder) if node.kind == "DequantizeLinear" else store(node, x, by)
