"""Convolution over one to three spatial axes, with groups: depthwise is groups == channels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tflite as schema

from toolchain import winograd
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode, activation, padding
from toolchain.ir import Array, Cost, IrError, Node, Op, Type, Value, constant
from toolchain.kernels import Kernel
from toolchain.lowering import Constants, Lowering
from toolchain.ops.transpose import Transpose
from toolchain.packing import pack_lines, pack_panels, pack_quads, pad_columns
from toolchain.quantize.numerics import activation_range, multiply_by_quantized_multiplier, quantize_multipliers, wrap
from toolchain.spatial import Window, channels_first, channels_last, same_pads

Clamp = tuple[float, float]


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
        if self.groups < 1 or x.shape[-1] != w.shape[-1] * self.groups or w.shape[0] % self.groups:
            raise IrError(f"Conv of input {x} with weights {w} in {self.groups} groups: the channels do not match")
        if b.shape != w.shape[:1]:
            raise IrError(f"Conv with weights {w} has a bias {b}, expected [{w.shape[0]}]")
        return (Type((x.shape[0], *self.window.out(x.shape[1:-1]), w.shape[0]), x.dtype),)

    def integer(self, node: Node) -> bool:
        return integer_weights(node)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, w, b = inputs
        quant = node.inputs[0].quant
        groups, out = self.groups, w.shape[0] // self.groups
        zero = quant.zero[0] if quant is not None else 0
        acc = np.zeros((*node.output.shape[:-1], groups, out), np.float64)
        kernels = np.moveaxis(w, 0, -2).astype(np.float64)
        for tap, seen in self.window.taps(x, zero):
            values = (seen.astype(np.float64) - zero).reshape(*seen.shape[:-1], groups, -1)
            kernel = kernels[tap].reshape(groups, out, -1)
            if groups == 1:
                acc[..., 0, :] += values[..., 0, :] @ kernel[0].T
            else:
                acc += np.einsum("...gc,goc->...go", values, kernel)
        return (finish(node, acc.reshape(node.output.shape), b, self.multipliers, (self.low, self.high)),)

    def multipliers(self, node: Node) -> tuple[Array, Array]:
        """Per output channel, computed in double from float32 scales (TFLite's PopulateConvolutionQuantizationParams)."""
        x, w, y = node.inputs[0].quant, node.inputs[1].quant, node.output.quant
        assert x is not None and w is not None and y is not None
        scales = np.broadcast_to(w.scales().astype(np.float64), node.output.shape[-1:])
        return quantize_multipliers(float(x.scale[0]) * scales / float(y.scale[0]))

    def cost(self, node: Node) -> Cost:
        return Cost(node.output.type.size * node.inputs[1].type.size // max(node.output.shape[-1], 1))

    def lower(self, node: Node, low: Lowering) -> None:
        x, w = node.inputs[:2]
        params = self.window.params(x.type, node.output.type)
        if w.data is not None and w.shape[-1] == 1 and self.groups > 1:
            _lower_depthwise(node, low, params, self.multipliers, (self.low, self.high))
        else:
            lower_product(node, low, params, self.groups, self.multipliers, (self.low, self.high))


def integer_weights(node: Node) -> bool:
    """Whether a node's types are what the int8 kernels take: activations per tensor, constant weights around zero, per output."""
    x, w, b = node.inputs
    if w.data is None or b.data is None or not x.dtype == w.dtype == node.output.dtype == np.int8 or b.dtype != np.int32:
        return False
    activations = all(quant is not None and quant.axis is None for quant in (x.quant, node.output.quant))
    return activations and w.quant is not None and w.quant.axis in (None, 0) and not any(w.quant.zero)


def require_kernel(node: Node) -> None:
    """IrError unless a node with weights is float32 throughout, or int8 as `integer_weights` says."""
    if not all(value.dtype == np.float32 for value in node.inputs) and not integer_weights(node):
        x, w, b = (value.type for value in node.inputs)
        raise IrError(f"{node.op.name} of {x} with weights {w} and bias {b} to {node.output.type} has no kernel")


def finish(node: Node, acc: Array, bias: Array, multipliers: Any, clamp: Clamp) -> Array:
    """Exact accumulators (float64) to the node's output: bias, then clamp (float32) or requantise (int8)."""
    y = node.output.quant
    if y is None:
        with np.errstate(over="ignore"):
            real: Array = np.clip(acc + bias, *clamp).astype(np.float32)
        return real
    multiplier, shift = multipliers(node)
    scaled = multiply_by_quantized_multiplier(wrap(acc.astype(np.int64) + bias), multiplier, shift)
    stored: Array = np.clip(wrap(scaled + y.zero[0]), *activation_range(*clamp, y)).astype(np.int8)
    return stored


def lower_product(node: Node, low: Lowering, params: dict[str, Any], groups: int, multipliers: Any, clamp: Clamp) -> None:
    """One conv step for weights [columns, ..., depth / groups]; weights computed at run time are read as they lie."""
    x, w, b = node.inputs
    params = {**params, "groups": groups}
    require_kernel(node)
    if x.dtype == np.float32:
        params |= {"low": clamp[0], "high": clamp[1]}

        def pack_floats(kernel: Kernel) -> Constants | None:
            if w.data is None or b.data is None:
                return [x, w, b] if kernel.nr == kernel.kr == 1 else None
            if kernel.family == "winograd_f32":
                once = groups == 1 and params["stride"] == params["dilation"] == [1, 1, 1]
                if w.shape[1:-1] != (3, 3) or not once or kernel.isa == "scalar":
                    return None
                panels = winograd.pack_float_weights(w.data, kernel.nr)
            else:
                panels = pack_panels(w.data.reshape(groups, w.shape[0] // groups, -1), kernel.nr, kernel.kr)
            return [x, low.constant(panels, w.name), low.constant(pad_columns(b.data, groups, kernel.nr), b.name)]

        low.step(("winograd_f32", "conv_f32"), params, pack_floats, [node.output])
        return
    weights = w.constant.reshape(groups, w.shape[0] // groups, -1)
    params |= quantized_params(node, clamp)
    line = params["kernel"][-1] * weights.shape[-1] // math.prod(params["kernel"])
    bias, rescale = folded_bias(node), multipliers(node)
    params["uniform"] = int(all((values == values[0]).all() for values in rescale))

    def pack(kernel: Kernel) -> Constants | None:
        if not packable(kernel, weights):
            return None
        if kernel.family == "winograd_s8":
            # The portable kernel runs plans made for others; of its own it would spend eight times the bytes for no gain.
            if kernel.isa == "scalar" or w.shape[1:-1] != (3, 3) or groups != 1 or not winograd.exact(w.constant, bias):
                return None
            packed, folded = winograd.pack_weights(w.constant, kernel.nr, kernel.kr), winograd.scale_bias(bias)
        else:
            packed, folded = pack_int8(weights, bias, line, kernel)
        columns = [low.constant(pad_columns(values, groups, kernel.nr), w.name) for values in (folded, *rescale)]
        return [x, low.constant(packed, w.name), *columns]

    low.step(("winograd_s8", "conv_s8"), params, pack, [node.output])


def pack_int8(weights: Array, bias: Array, line: int, kernel: Kernel) -> tuple[Array, Array]:
    """Weights [groups, columns, depth], in lines of `line` elements, and the bias, as a kernel of conv_s8 reads them."""
    if kernel.packing != "n16k4u":
        return pack_panels(weights, kernel.nr, kernel.kr), bias
    return pack_lines(weights, line, kernel.nr, kernel.kr), offset_bias(bias, weights)


def packable(kernel: Kernel, weights: Array) -> bool:
    """Whether the kernel's packing holds these weights: n16k2s has no -128."""
    return not (kernel.packing == "n16k2s" and bool((weights == -128).any()))


def quantized_params(node: Node, clamp: Clamp) -> dict[str, int]:
    """The zero points and the stored range of the output."""
    x, y = node.inputs[0].quant, node.output.quant
    assert x is not None and y is not None
    out_min, out_max = activation_range(*clamp, y)
    return {"in_zero": x.zero[0], "out_zero": y.zero[0], "out_min": out_min, "out_max": out_max}


def folded_bias(node: Node) -> Array:
    """The bias with the input's zero point folded in: bias - zero * sum(weights), wrapping."""
    x, w, b = node.inputs
    assert x.quant is not None
    sums = w.constant.astype(np.int64).reshape(w.shape[0], -1).sum(axis=1)
    return wrap(b.constant.astype(np.int64) - x.quant.zero[0] * sums).astype(np.int32)


def offset_bias(bias: Array, weights: Array) -> Array:
    """The bias for kernels that read int8 inputs as input + 128; weights [columns, ...]."""
    return wrap(bias.astype(np.int64) - 128 * weights.reshape(bias.size, -1).sum(axis=1, dtype=np.int64)).astype(np.int32)


def _lower_depthwise(node: Node, low: Lowering, params: dict[str, Any], multipliers: Any, clamp: Clamp) -> None:
    x, w, b = node.inputs
    require_kernel(node)
    taps = w.constant.reshape(w.shape[0], -1)

    def blocks(kernel: Kernel) -> Constants | None:
        if not packable(kernel, taps):
            return None
        packed, columns = pack_panels(taps[np.newaxis], kernel.nr, kernel.kr), vectors
        if kernel.packing == "quads":
            packed = pack_quads(w.constant.reshape(w.shape[0], -1, params["kernel"][-1]), kernel.nr)
            columns = (offset_bias(vectors[0], taps), *vectors[1:])
        return [x, low.constant(packed, w.name), *(low.constant(pad_columns(values, 1, kernel.nr), w.name) for values in columns)]

    if x.dtype == np.float32:
        vectors: tuple[Array, ...] = (b.constant,)
        low.step("depthwise_f32", {**params, "low": clamp[0], "high": clamp[1]}, blocks, [node.output])
    else:
        vectors = (folded_bias(node), *multipliers(node))
        low.step("depthwise_s8", {**params, **quantized_params(node, clamp)}, blocks, [node.output])


def onnx_window(node: OnnxNode, x: Value, kernel: tuple[int, ...]) -> Window:
    """The window that a convolution's or pool's attributes state for a channels-first input."""
    spatial = x.shape[2:]
    ones = (1,) * len(kernel)
    stride, dilation = node.attribute("strides", ones), node.attribute("dilations", ones)
    pads = node.attribute("pads", (0,) * (2 * len(kernel)))
    if {len(stride), len(dilation), len(pads) // 2, len(kernel)} != {len(spatial)}:
        raise IrError(f"the input has {len(spatial)} spatial axes; kernel {kernel}, strides {stride}, pads {pads} do not match")
    auto = node.attribute("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        return Window(kernel, stride, dilation, same_pads(spatial, kernel, stride, dilation, lower=auto == "SAME_LOWER"))
    if auto == "VALID":
        pads = (0,) * (2 * len(kernel))
    return Window(kernel, stride, dilation, tuple(zip(pads[: len(kernel)], pads[len(kernel) :], strict=True)))


@onnx("Conv")
def _from_onnx(node: OnnxNode) -> Value:
    x, w, b = node.input(0), node.input(1), node.optional(2)
    if x.type.rank < 3 or w.type.rank != x.type.rank:
        raise IrError(f"input {x.type} and weights {w.type}; expected the same rank, at least 3")
    window = onnx_window(node, x, node.attribute("kernel_shape", w.shape[2:]))
    bias = b if b is not None else constant(np.zeros(w.shape[0], np.float32))
    to, back = channels_last(x.type.rank), channels_first(x.type.rank)
    y = node.builder.add(
        Conv(window, node.attribute("group", 1)), node.builder.add(Transpose(to), x), node.builder.add(Transpose(to), w), bias
    )
    return node.add(Transpose(back), y)


@tflite("CONV_2D", "DEPTHWISE_CONV_2D")
def _from_tflite(node: TfliteNode) -> Value:
    x, w, b = node.input(0), node.input(1), node.optional(2)
    depthwise = node.kind == "DEPTHWISE_CONV_2D"
    options = node.options(schema.DepthwiseConv2DOptions if depthwise else schema.Conv2DOptions)
    if x.type.rank != 4 or w.type.rank != 4:
        raise IrError(f"input {x.type} and weights {w.type}; expected rank 4")
    stride = (options.StrideH(), options.StrideW())
    dilation = (options.DilationHFactor(), options.DilationWFactor())
    kernel = w.shape[1:3]
    window = Window(kernel, stride, dilation, padding(options.Padding(), x.shape[1:3], kernel, stride, dilation))
    if depthwise:
        quant = w.quant
        if quant is not None and quant.axis is not None:
            quant = replace(quant, axis=0)
        w = constant(np.transpose(w.constant, (3, 1, 2, 0)), w.name, quant)
    if w.shape[-1] == 0 or x.shape[-1] % w.shape[-1]:
        raise IrError(f"input {x.type} and weights {w.type}: the channels do not match")
    low, high = activation(options.FusedActivationFunction())
    return node.add(Conv(window, x.shape[-1] // w.shape[-1], low, high), x, w, b if b is not None else node.zero_bias(x, w))
