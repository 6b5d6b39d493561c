"""Convolution over one to three spatial axes, with groups: depthwise is groups == channels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tflite as schema

from toolchain.importers.spelling import tflite
from toolchain.importers.tflite import TfliteNode, activation, padding
from toolchain.ir import Array, Cost, IrError, Node, Op, Type, Value
from toolchain.kernels import Kernel
from toolchain.lowering import Constants, Lowering
from toolchain.packing import pack_panels, pad_columns
from toolchain.quantize.numerics import activation_range, multiply_by_quantized_multiplier, quantize_multipliers, wrap
from toolchain.spatial import Window


@dataclass(frozen=True)
class Conv(Op):
    """x [n, *spatial, c], weights [o, *kernel, c / groups], bias [o] to [n, *out, o], clamped to [low, high] in real values.

    int8: weights int8 with zero point 0, scaled per tensor or per output; bias int32 at scale x * weights.
    """

    window: Window
    groups: int = 1
    low: float = -math.inf
    high: float = math.inf

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        x, w, b = inputs
        if x.rank != len(self.window.kernel) + 2 or w.rank != x.rank or w.shape[1:-1] != self.window.kernel:
            raise IrError(f"Conv of input {x} with weights {w}: expected window {self.window.kernel}")
        if x.shape[-1] != w.shape[-1] * self.groups or w.shape[0] % self.groups:
            raise IrError(f"Conv of input {x} with weights {w} in {self.groups} groups: the channels do not match")
        if b.shape != w.shape[:1]:
            raise IrError(f"Conv with weights {w} has a bias {b}, expected [{w.shape[0]}]")
        return (Type((x.shape[0], *self.window.out(x.shape[1:-1]), w.shape[0]), x.dtype),)

    def integer(self, node: Node) -> bool:
        x, w, _ = node.inputs
        return x.dtype == np.int8 and w.dtype == np.int8 and w.quant is not None and not any(w.quant.zero)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, w, b = inputs
        quant = node.inputs[0].quant
        groups, out = self.groups, w.shape[0] // self.groups
        x_zero = quant.zero[0] if quant is not None else 0
        acc = np.zeros(node.output.shape[:-1] + (groups, out), np.float64)
        for tap, seen in self.window.taps(x, x_zero):
            values = (seen.astype(np.float64) - x_zero).reshape(*seen.shape[:-1], groups, -1)
            kernel = np.moveaxis(w, 0, -2)[tap].reshape(groups, out, -1).astype(np.float64)
            acc += np.einsum("...gc,goc->...go", values, kernel, optimize=groups == 1)
        acc = acc.reshape(node.output.shape)
        if quant is None:
            return (np.clip(acc + b, self.low, self.high).astype(np.float32),)
        y = node.output.quant
        assert y is not None
        multiplier, shift = self.multipliers(node)
        scaled = multiply_by_quantized_multiplier(wrap(acc.astype(np.int64) + b), multiplier, shift)
        return (np.clip(wrap(scaled + y.zero[0]), *activation_range(self.low, self.high, y)).astype(np.int8),)

    def multipliers(self, node: Node) -> tuple[Array, Array]:
        """Per output channel, computed in double from float32 scales (TFLite's PopulateConvolutionQuantizationParams)."""
        x, w, y = node.inputs[0].quant, node.inputs[1].quant, node.output.quant
        assert x is not None and w is not None and y is not None
        scales = np.broadcast_to(w.scales().astype(np.float64), node.output.shape[-1:])
        return quantize_multipliers(float(x.scale[0]) * scales / float(y.scale[0]))

    def cost(self, node: Node) -> Cost:
        return Cost(node.output.type.size * node.inputs[1].type.size // node.output.shape[-1])

    def lower(self, node: Node, low: Lowering) -> None:
        x, w, b = node.inputs
        y = node.output
        params = {**self.window.params(x.type, y.type), "groups": self.groups}
        weights = w.constant.reshape(self.groups, y.shape[-1] // self.groups, -1)
        if x.dtype == np.float32:
            raise IrError("float convolution has no kernel family yet")
        lower_int8(node, low, params, weights, b.constant, self.multipliers(node), (self.low, self.high))


def lower_int8(
    node: Node,
    low: Lowering,
    params: dict[str, object],
    weights: Array,
    bias: Array,
    multipliers: tuple[Array, Array],
    clamp: tuple[float, float],
) -> None:
    """One conv_s8 step for weights [groups, columns, depth]; the input's zero point is folded into the bias."""
    x, y = node.inputs[0], node.output
    assert x.quant is not None and y.quant is not None
    groups = weights.shape[0]
    sums = weights.astype(np.int64).sum(axis=2).ravel()
    folded = wrap(bias.astype(np.int64) - x.quant.zero[0] * sums).astype(np.int32)
    out_min, out_max = activation_range(*clamp, y.quant)
    params = {**params, "in_zero": x.quant.zero[0], "out_zero": y.quant.zero[0], "out_min": out_min, "out_max": out_max}

    def pack(kernel: Kernel) -> Constants:
        columns = [pad_columns(values, groups, kernel.nr) for values in (folded, *multipliers)]
        return [x, low.constant(pack_panels(weights, kernel.nr, kernel.kr), "weights"), *map(low.constant, columns)]

    low.step("conv_s8", params, pack, [y])


@tflite("CONV_2D", "DEPTHWISE_CONV_2D")
def _from_tflite(node: TfliteNode) -> Value:
    x, w, b = node.input(0), node.input(1), node.optional(2)
    depthwise = node.kind == "DEPTHWISE_CONV_2D"
    options = node.options(schema.DepthwiseConv2DOptions if depthwise else schema.Conv2DOptions)
    stride = (options.StrideH(), options.StrideW())
    dilation = (options.DilationHFactor(), options.DilationWFactor())
    kernel = w.shape[1:3]
    window = Window(kernel, stride, dilation, padding(options.Padding(), x.shape[1:3], kernel, stride, dilation))
    if depthwise:
        w = node.constant_like(w, np.transpose(w.constant, (3, 1, 2, 0)), axis=0)
    groups = x.shape[-1] // w.shape[-1]
    low, high = activation(options.FusedActivationFunction())
    return node.add(Conv(window, groups, low, high), x, w, b if b is not None else node.zero_bias(x, w))
