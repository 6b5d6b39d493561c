"""Matrix products of two computed tensors, and how ONNX and TFLite spell all matrix products."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite as schema

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, Builder, Cost, IrError, Node, Op, Type, Value, constant
from toolchain.lowering import Lowering
from toolchain.ops.add import Add
from toolchain.ops.arithmetic import all_int8
from toolchain.ops.binary import broadcast_shape
from toolchain.ops.expand import Expand
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.mul import Mul
from toolchain.ops.quantize import Dequantize
from toolchain.ops.reshape import Reshape
from toolchain.ops.transpose import Transpose
from toolchain.quantize import elementwise
from toolchain.quantize.numerics import quantize_multiplier, wrap
from toolchain.strides import repeated, row_major

_BATCH_AXES = 6


@dataclass(frozen=True)
class MatMul(Op):
    """a [..., m, k] times b [..., k, n] to [..., m, n], leading axes broadcast; either may be stored transposed.

    int8: int32 accumulators, rescaled by the scales' product in float32 over the output's in double.
    """

    transpose_a: bool = False
    transpose_b: bool = False

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        a, b = inputs
        if min(a.rank, b.rank) < 2 or a.dtype != b.dtype:
            raise IrError(f"MatMul of {a} and {b}, expected one element type and at least rank 2")
        (m, k), (depth, n) = _oriented(a.shape[-2:], self.transpose_a), _oriented(b.shape[-2:], self.transpose_b)
        if k != depth:
            raise IrError(f"MatMul of {a} and {b}: the inner extents are {k} and {depth}")
        return (Type((*broadcast_shape(a.shape[:-2], b.shape[:-2]), m, n), a.dtype),)

    def integer(self, node: Node) -> bool:
        return all_int8(node)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        a, b = inputs
        left, right, y = (value.quant for value in (*node.inputs, node.output))
        a = np.swapaxes(a, -1, -2) if self.transpose_a else a
        b = np.swapaxes(b, -1, -2) if self.transpose_b else b
        if a.dtype.kind == "f":
            with np.errstate(all="ignore"):
                return (np.asarray(a.astype(np.float64) @ b.astype(np.float64)).astype(a.dtype),)
        if left is None or right is None or y is None:
            return (np.asarray(a @ b),)
        acc = np.asarray((a.astype(np.float64) - left.zero[0]) @ (b.astype(np.float64) - right.zero[0])).astype(np.int64)
        return (elementwise.rescale(wrap(acc), self.multiplier(node), y.zero[0]),)

    def multiplier(self, node: Node) -> tuple[int, int]:
        a, b, y = node.inputs[0].quant, node.inputs[1].quant, node.output.quant
        assert a is not None and b is not None and y is not None
        return quantize_multiplier(float(a.scales()[0] * b.scales()[0]) / y.scale[0])

    def cost(self, node: Node) -> Cost:
        return Cost(node.output.type.size * node.inputs[0].shape[-2 if self.transpose_a else -1])

    def lower(self, node: Node, low: Lowering) -> None:
        a, b = node.inputs
        y = node.output
        if y.type.size == 0:
            return
        if a.type.size == 0:
            low.copy(low.constant(np.zeros(y.shape, y.dtype)), y)
            return
        params = self.params(a.type, b.type, y.type)
        if a.dtype == np.float32:
            low.step("matmul_f32", params, [a, b], [y])
        elif all_int8(node):
            assert a.quant is not None and b.quant is not None and y.quant is not None
            multiplier, shift = self.multiplier(node)
            zeros = {"a_zero": a.quant.zero[0], "b_zero": b.quant.zero[0], "out_zero": y.quant.zero[0]}
            low.step("matmul_s8", params | zeros | {"multiplier": multiplier, "shift": shift}, [a, b], [y])
        else:
            raise IrError(f"MatMul of {a.type}: only float32 and quantised int8 are supported")

    def params(self, a: Type, b: Type, y: Type) -> dict[str, Any]:
        """The SINTER_MATMUL params."""
        batch = y.shape[:-2]
        if len(batch) > _BATCH_AXES:
            raise IrError(f"MatMul over {len(batch)} batch axes, at most {_BATCH_AXES} are supported")
        fill = _BATCH_AXES - len(batch)

        def steps(x: Type) -> list[int]:
            matrix = x.shape[-2] * x.shape[-1]
            return [0] * fill + [stride * matrix for stride in repeated(x.shape[:-2], batch)]

        (a_row, a_depth), (b_depth, b_column) = (
            _oriented(row_major(x.shape[-2:]), swapped) for x, swapped in ((a, self.transpose_a), (b, self.transpose_b))
        )
        return {
            "batch": [1] * fill + list(batch),
            "a_stride": steps(a),
            "b_stride": steps(b),
            "m": y.shape[-2],
            "k": a.shape[-2 if self.transpose_a else -1],
            "n": y.shape[-1],
            "a_row": a_row,
            "a_depth": a_depth,
            "b_depth": b_depth,
            "b_column": b_column,
        }


def _oriented(pair: tuple[int, ...], swapped: bool) -> tuple[int, int]:
    return (pair[1], pair[0]) if swapped else (pair[0], pair[1])


def weights(builder: Builder, value: Value) -> bool:
    """Whether a value is constant, or a constant dequantised."""
    if value.data is not None:
        return True
    producer = next((node for node in reversed(builder.graph.nodes) if value in node.outputs), None)
    return producer is not None and isinstance(producer.op, Dequantize | Reshape) and weights(builder, producer.inputs[0])


def zero_bias(n: int) -> Value:
    return constant(np.zeros(n, np.float32))


@onnx("MatMul")
def _from_onnx(node: OnnxNode) -> Value:
    return product(node, node.input(0), node.input(1))


def product(node: OnnxNode, a: Value, b: Value) -> Value:
    """numpy's matmul: vectors count as one row or one column."""
    builder = node.builder
    if min(a.type.rank, b.type.rank) < 1:
        raise IrError(f"inputs {a.type} and {b.type}, expected at least rank 1")
    row, column = a.type.rank == 1, b.type.rank == 1
    a = builder.add(Reshape((1, *a.shape)), a, quant=a.quant) if row else a
    b = builder.add(Reshape((*b.shape, 1)), b, quant=b.quant) if column else b
    if b.type.rank == 2 and a.dtype == np.float32 and weights(builder, b):
        y = builder.add(FullyConnected(), a, builder.add(Transpose((1, 0)), b), zero_bias(b.shape[1]), name=node.outputs[0])
    else:
        y = builder.add(MatMul(), a, b, name=node.outputs[0])
    if not row and not column:
        return y
    shape = y.shape[:-2] + (() if row else y.shape[-2:-1]) + (() if column else y.shape[-1:])
    return builder.add(Reshape(shape), y, name=node.outputs[0])


@onnx("Gemm")
def _gemm(node: OnnxNode) -> Value:
    a, b, c = node.input(0), node.input(1), node.optional(2)
    add = node.builder.add
    if a.type.rank != 2 or b.type.rank != 2:
        raise IrError(f"inputs {a.type} and {b.type}, expected rank 2")
    if a.dtype != np.float32:
        raise IrError(f"inputs {a.type} and {b.type}, expected float32")
    swap_a, swap_b = bool(node.attribute("transA", 0)), bool(node.attribute("transB", 0))
    alpha, beta = (np.float32(node.attribute(name, 1.0)) for name in ("alpha", "beta"))
    n = b.shape[0 if swap_b else 1]
    if c is not None and beta != 1:
        c = add(Mul(), c, constant(np.asarray(beta)))
    if weights(node.builder, b):
        a = add(Transpose((1, 0)), a) if swap_a else a
        w = b if swap_b else add(Transpose((1, 0)), b)
        w = w if alpha == 1 else add(Mul(), w, constant(np.asarray(alpha)))
        if c is not None and c.type.size in (1, n) and math.prod(c.shape[:-1]) == 1 and weights(node.builder, c):
            bias = add(Reshape((c.type.size,)), c)
            return node.add(FullyConnected(), a, w, bias if bias.type.size == n else add(Expand((n,)), bias))
        y = add(FullyConnected(), a, w, zero_bias(n), name=node.outputs[0])
    else:
        y = add(MatMul(swap_a, swap_b), a, b, name=node.outputs[0])
        y = y if alpha == 1 else add(Mul(), y, constant(np.asarray(alpha)), name=node.outputs[0])
    return y if c is None else node.add(Add(), y, c)


@tflite("BATCH_MATMUL")
def _from_tflite(node: TfliteNode) -> Value:
    options = node.options(schema.BatchMatMulOptions)
    return node.add(MatMul(bool(options.AdjX()), bool(options.AdjY())), node.input(0), node.input(1))
