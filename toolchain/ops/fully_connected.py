"""A matrix product with weights [n, k], bias and clamp: the dense layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tflite as schema

from toolchain.importers.spelling import tflite
from toolchain.importers.tflite import TfliteNode, activation
from toolchain.ir import Array, Cost, IrError, Node, Op, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.conv import finish, integer_weights, lower_product
from toolchain.ops.reshape import Reshape
from toolchain.quantize.numerics import quantize_multipliers
from toolchain.spatial import pointwise


@dataclass(frozen=True)
class FullyConnected(Op):
    """x [..., k], weights [n, k], bias [n] to [..., n], clamped to [low, high] in real values.

    int8 as in Conv, but with the multiplier of TFLite's FULLY_CONNECTED: the scales' product in float32, divided in double.
    """

    low: float = -math.inf
    high: float = math.inf

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        x, w, b = inputs
        if w.rank != 2 or x.rank < 1 or x.shape[-1] != w.shape[1] or b.shape != w.shape[:1]:
            raise IrError(f"FullyConnected of input {x} with weights {w} and bias {b}: the extents do not match")
        return (Type((*x.shape[:-1], w.shape[0]), x.dtype),)

    def integer(self, node: Node) -> bool:
        return integer_weights(node)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, w, b = inputs
        quant = node.inputs[0].quant
        acc = (x.astype(np.float64) - (quant.zero[0] if quant is not None else 0)) @ w.astype(np.float64).T
        return (finish(node, acc, b, self.multipliers, (self.low, self.high)),)

    def multipliers(self, node: Node) -> tuple[Array, Array]:
        """Per output: the scales' product in float32, or per-channel in double, over the output's scale in double."""
        x, w, y = node.inputs[0].quant, node.inputs[1].quant, node.output.quant
        assert x is not None and w is not None and y is not None
        if w.axis is None:
            product = (x.scales()[0] * w.scales()).astype(np.float64)
        else:
            product = x.scales()[0].astype(np.float64) * w.scales().astype(np.float64)
        return quantize_multipliers(np.broadcast_to(product / float(y.scale[0]), node.output.shape[-1:]))

    def cost(self, node: Node) -> Cost:
        return Cost(node.output.type.size * node.inputs[1].shape[1])

    def lower(self, node: Node, low: Lowering) -> None:
        n, k = node.inputs[1].shape
        params = pointwise(node.inputs[0].type.size // k, k, n)
        lower_product(node, low, params, 1, self.multipliers, (self.low, self.high))


@tflite("FULLY_CONNECTED")
def _from_tflite(node: TfliteNode) -> Value:
    x, w, b = node.input(0), node.input(1), node.optional(2)
    options = node.options(schema.FullyConnectedOptions)
    if w.type.rank != 2 or w.type.size == 0 or x.type.size % w.shape[1]:
        raise IrError(f"input {x.type} with weights {w.type}: the extents do not match")
    low, high = activation(options.FusedActivationFunction())
    k = w.shape[1]
    if x.shape[-1] != k or (x.type.rank != 2 and not options.KeepNumDims()):
        x = node.builder.add(Reshape((x.type.size // k, k)), x, quant=x.quant)
    return node.add(FullyConnected(low, high), x, w, b if b is not None else node.zero_bias(x, w))
