"""Batch normalisation at inference: a factor and a summand for each channel."""

from __future__ import annotations

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx
from toolchain.ir import Array, IrError, Value, constant
from toolchain.ops.add import Add, Sub
from toolchain.ops.division import Div
from toolchain.ops.mul import Mul
from toolchain.ops.reshape import Reshape
from toolchain.ops.unary import Unary


@onnx("BatchNormalization")
def _from_onnx(node: OnnxNode) -> Value:
    """scale * (x - mean) / sqrt(variance + epsilon) + bias, along axis 1; the constants are joined in double."""
    x = node.input(0)
    if node.attribute("training_mode", 0):
        raise IrError("training_mode 1 is not supported; export the model for inference")
    if x.type.rank < 2:
        raise IrError(f"input {x.type}, expected rank 2 or more")
    shape = (x.shape[1], *[1] * (x.type.rank - 2))
    epsilon = node.attribute("epsilon", 1e-5)
    vectors = [node.input(index) for index in range(1, 5)]
    if any(vector.shape != (x.shape[1],) for vector in vectors):
        raise IrError(f"input {x.type} with parameters {[str(v.type) for v in vectors]}; expected [{x.shape[1]}] each")
    if all(vector.data is not None for vector in vectors):
        with np.errstate(all="ignore"):
            scale, bias, mean, variance = (vector.constant.astype(np.float64) for vector in vectors)
            factor = scale / np.sqrt(variance + epsilon)
        scaled = node.builder.add(Mul(), x, _column(factor, shape, f"{node.name}/scale"))
        return node.add(Add(), scaled, _column(bias - mean * factor, shape, f"{node.name}/bias"))
    add = node.builder.add
    gain, shift, centre, spread = (add(Reshape(shape), vector) for vector in vectors)
    deviation = add(Unary("sqrt"), add(Add(), spread, constant(np.float32(epsilon))))
    return node.add(Add(), add(Mul(), add(Div(), add(Sub(), x, centre), deviation), gain), shift)


def _column(values: Array, shape: tuple[int, ...], name: str) -> Value:
    with np.errstate(all="ignore"):
        return constant(values.astype(np.float32).reshape(shape), name)
