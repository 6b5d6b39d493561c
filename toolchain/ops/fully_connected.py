"""A matrix product with constant weights, bias and clamp: the dense layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tflite as schema

from toolchain.importers.spelling import tflite
from toolchain.importers.tflite import TfliteNode, activation
from toolchain.ir import Array, Cost, IrError, Node, Op, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.conv import lower_int8
from toolchain.ops.reshape import Reshape
from toolchain.quantize.numerics import activation_range, multiply_by_quantized_multiplier, quantize_multipliers, wrap
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
        x, w, _ = node.inputs
        return x.dtype == np.int8 and w.dtype == np.int8 and w.quant is not None and not any(w.quant.zero)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, w, b = inputs
        quant, y = node.inputs[0].quant, node.output.quant
        if quant is None or y is None:
            return (np.clip(x.astype(np.float64) @ w.astype(np.float64).T + b, self.low, self.high).astype(np.float32),)
        acc = (x.astype(np.float64) - quant.zero[0]) @ w.astype(np.float64).T
        multiplier, shift = self.multipliers(node)
        scaled = multiply_by_quantized_multiplier(wrap(acc.astype(np.int64) + b), multiplier, shift)
        return (np.clip(wrap(scaled + y.zero[0]), *activation_range(self.low, self.high, y)).astype(np.int8),)

    def multipliers(self, node: Node) -> tuple[Array, Array]:
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
        x, w, b = node.inputs
        n, k = w.shape
        params = {**pointwise(x.type.size // k, k, n), "groups": 1}
        if x.dtype == np.float32:
            raise IrError("float convolution has no kernel family yet")
        lower_int8(node, low, params, w.constant[np.newaxis], b.constant, self.multipliers(node), (self.low, self.high))


@tflite("FULLY_CONNECTED")
def _from_tflite(node: TfliteNode) -> Value:
    x, w, b = node.input(0), node.input(1), node.optional(2)
    options = node.options(schema.FullyConnectedOptions)
    low, high = activation(options.FusedActivationFunction())
    k = w.shape[1]
    if x.shape[-1] != k or (x.type.rank != 2 and not options.KeepNumDims()):
        x = node.builder.add(Reshape((x.type.size // k, k)), x, quant=x.quant)
    return node.add(FullyConnected(low, high), x, w, b if b is not None else node.zero_bias(x, w))
