"""ONNX's matrix products with two-dimensional right operands: dense layers, their weights constant or computed."""

from __future__ import annotations

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx
from toolchain.ir import IrError, Value, constant
from toolchain.ops.add import Add
from toolchain.ops.expand import Expand
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.mul import Mul
from toolchain.ops.reshape import Reshape
from toolchain.ops.transpose import Transpose


@onnx("Gemm")
def _gemm(node: OnnxNode) -> Value:
    """alpha * A' * B' + beta * C."""
    add = node.builder.add
    a, b, c = node.input(0), node.input(1), node.optional(2)
    if a.type.rank != 2 or b.type.rank != 2:
        raise IrError(f"operands {a.type} and {b.type}, expected rank 2")
    if a.dtype != np.float32 or b.dtype != np.float32:
        raise IrError(f"operands {a.type} and {b.type}: only float32 is supported")
    if node.attribute("transA", 0):
        a = add(Transpose((1, 0)), a)
    if not node.attribute("transB", 0):
        b = add(Transpose((1, 0)), b)
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    if alpha != 1.0:
        b = add(Mul(), b, constant(np.float32(alpha)))
    columns = b.shape[0]
    if c is not None and beta != 1.0:
        c = add(Mul(), c, constant(np.float32(beta)))
    zero = constant(np.zeros(columns, np.float32), f"{node.name}/bias")
    if c is None or beta == 0.0:
        return node.add(FullyConnected(), a, b, zero)
    if c.type.rank < 2 or c.shape[0] == 1:
        return node.add(FullyConnected(), a, b, add(Expand((columns,)), _row(node, c)))
    return node.add(Add(), add(FullyConnected(), a, b, zero), c)


def _row(node: OnnxNode, c: Value) -> Value:
    return node.builder.add(Reshape(c.shape[-1:] or (1,)), c) if c.type.rank != 1 else c
