"""Local response normalisation, composed of a pool over the channels and a power."""

from __future__ import annotations

import math

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx
from toolchain.ir import IrError, Value, constant
from toolchain.ops.add import Add
from toolchain.ops.mul import Mul
from toolchain.ops.pool import AveragePool
from toolchain.ops.power import Pow
from toolchain.ops.reshape import Reshape
from toolchain.ops.unary import Unary
from toolchain.spatial import Window


@onnx("LRN")
def _from_onnx(node: OnnxNode) -> Value:
    """x * (bias + alpha * mean of the squares of `size` neighbouring channels) ^ -beta; channels outside count as 0."""
    x, size = node.input(0), node.attribute("size", 0)
    if x.type.rank < 3 or size < 1:
        raise IrError(f"input {x.type} with size {size}; expected rank 3 or more, size at least 1")
    add = node.builder.add
    alpha, beta, bias = node.attribute("alpha", 1e-4), node.attribute("beta", 0.75), node.attribute("bias", 1.0)
    after = size // 2
    window = Window((size,), (1,), (1,), ((size - 1 - after, after),))
    rows = add(Reshape((x.shape[0], x.shape[1], math.prod(x.shape[2:]))), add(Unary("square"), x))
    mean = add(Reshape(x.shape), add(AveragePool(window, counted_after=(after,)), rows))
    base = add(Add(), add(Mul(), mean, constant(np.float32(alpha))), constant(np.float32(bias)))
    return node.add(Mul(), x, add(Pow(), base, constant(np.float32(-beta))))
