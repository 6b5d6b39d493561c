"""Maximum and average pooling over one to three spatial axes, channels last."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import tflite as schema

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode, activation, padding
from toolchain.ir import Array, IrError, Node, Op, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.conv import onnx_window
from toolchain.ops.lookup import flip_sign
from toolchain.ops.transpose import Transpose
from toolchain.quantize.numerics import activation_range
from toolchain.spatial import Window, channels_first, channels_last


@dataclass(frozen=True)
class MaxPool(Op):
    """The maximum over each window of x [n, *spatial, c], clamped to [low, high] in real values; padding never wins."""

    window: Window
    low: float = -math.inf
    high: float = math.inf

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        return (_pooled(inputs[0], self.window),)

    def channelwise(self, node: Node) -> bool:
        return True

    def integer(self, node: Node) -> bool:
        return node.inputs[0].dtype == np.int8 and node.inputs[0].quant == node.output.quant

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        best = np.full(node.output.shape, lowest, x.dtype)
        for _, seen in self.window.taps(x, lowest):
            best = np.where(seen > best, seen, best)
        return (np.clip(best, *_clamp(node, self.low, self.high)).astype(x.dtype),)

    def lower(self, node: Node, low: Lowering) -> None:
        params = self.window.params(node.inputs[0].type, node.output.type)
        _lower(node, low, "pool_max", params, (self.low, self.high))


@dataclass(frozen=True)
class AveragePool(Op):
    """The mean over each window of x [n, *spatial, c], clamped to [low, high] in real values.

    Padding does not count, unless `counted_after` gives, for each axis, how much of the padding behind the input counts; then all
    before the input does. int8: rounded half away from zero, input and output quantised alike.
    """

    window: Window
    counted_after: tuple[int, ...] | None = None
    low: float = -math.inf
    high: float = math.inf

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        return (_pooled(inputs[0], self.window),)

    def channelwise(self, node: Node) -> bool:
        return True

    def integer(self, node: Node) -> bool:
        return node.inputs[0].dtype == np.int8 and node.inputs[0].quant == node.output.quant and self.counted_after is None

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        total = np.zeros(node.output.shape, np.float64)
        count = np.zeros((1, *node.output.shape[1:-1], 1), np.int64)
        for _, seen in self.window.taps(x, 0):
            total += seen
        unpadded = replace(self.window, pads=((0, 0),) * len(self.window.kernel))
        for _, inside in unpadded.taps(self._counted(x), 0):
            count += inside
        some = np.maximum(count, 1)
        if x.dtype.kind == "f":
            return (np.clip(total / some, self.low, self.high).astype(x.dtype),)
        sums = total.astype(np.int64)
        half = np.where(sums > 0, some // 2, -(some // 2))
        average = np.where(sums + half >= 0, (sums + half) // some, -(-(sums + half) // some))
        return (np.clip(average, *_clamp(node, self.low, self.high)).astype(x.dtype),)

    def _counted(self, x: Array) -> Array:
        """Ones where a position of the padded input counts: [1, *padded, 1]."""
        spatial = x.shape[1:-1]
        counted = np.zeros([n + sum(pad) for n, pad in zip(spatial, self.window.pads, strict=True)], np.int64)
        if self.counted_after is None:
            region = [slice(before, before + n) for n, (before, _) in zip(spatial, self.window.pads, strict=True)]
        else:
            extents = zip(spatial, self.window.pads, self.counted_after, strict=True)
            region = [slice(0, before + n + after) for n, (before, _), after in extents]
        counted[tuple(region)] = 1
        return counted[np.newaxis, ..., np.newaxis]

    def lower(self, node: Node, low: Lowering) -> None:
        x, y = node.inputs[0].type, node.output.type
        params = self.window.params(x, y)
        if node.output.dtype == np.float32:
            after = self.counted_after or (0,) * len(self.window.kernel)
            params["pad_after"] = self.window.three(x, y, after, 0)
            params["count_include_pad"] = int(self.counted_after is not None)
        _lower(node, low, "pool_avg", params, (self.low, self.high))


def _pooled(x: Type, window: Window) -> Type:
    if x.rank != len(window.kernel) + 2:
        raise IrError(f"a pool over {len(window.kernel)} axes got {x}")
    return Type((x.shape[0], *window.out(x.shape[1:-1]), x.shape[-1]), x.dtype)


def _clamp(node: Node, low: float, high: float) -> tuple[float, float]:
    quant = node.output.quant
    return (low, high) if quant is None else activation_range(low, high, quant)


def _lower(node: Node, low: Lowering, family: str, params: dict[str, object], clamp: tuple[float, float]) -> None:
    x, y = node.inputs[0], node.output
    if x.dtype == np.float32:
        low.step(f"{family}_f32", {**params, "low": clamp[0], "high": clamp[1]}, [x], [y])
    elif x.dtype == np.int8:
        if x.quant != y.quant:
            raise IrError(f"{node.op.name} from {x.type} to {y.type}: expected one quantisation")
        out_min, out_max = activation_range(*clamp, y.quant) if y.quant is not None else (-128, 127)
        low.step(f"{family}_s8", {**params, "out_min": out_min, "out_max": out_max}, [x], [y])
    else:
        raise IrError(f"{node} of {x.dtype}: only float32 and int8 are supported")


def ceil_window(node: OnnxNode, x: Value, window: Window) -> Window:
    """The window whose padding behind the input makes ceil_mode's output extents come out."""
    if not node.attribute("ceil_mode", 0):
        return window
    pads = []
    for n, k, s, d, (before, after) in zip(x.shape[2:], window.kernel, window.stride, window.dilation, window.pads, strict=True):
        rest = n + before + after - (k - 1) * d - 1
        extent = -(-rest // s) + 1
        if (extent - 1) * s >= n + before:
            extent -= 1
        pads.append((before, max((extent - 1) * s + (k - 1) * d + 1 - n - before, 0)))
    return replace(window, pads=tuple(pads))


@onnx("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool")
def _from_onnx(node: OnnxNode) -> Value:
    x = node.input(0)
    if x.type.rank < 3:
        raise IrError(f"input {x.type}, expected rank 3 or more")
    if len(node.outputs) > 1 and node.outputs[1]:
        raise IrError("the indices of the maxima are not supported")
    if node.kind.startswith("Global"):
        ones = (1,) * (x.type.rank - 2)
        window = plain = Window(x.shape[2:], ones, ones, ((0, 0),) * len(ones))
    else:
        plain = onnx_window(node, x, node.attribute("kernel_shape", ()))
        window = ceil_window(node, x, plain)
    counted = tuple(after for _, after in plain.pads) if node.attribute("count_include_pad", 0) else None
    op: Op = MaxPool(window) if "Max" in node.kind else AveragePool(window, counted)
    rank, bytes_alone = x.type.rank, x.dtype == np.uint8 and x.quant is None
    x = node.builder.add(flip_sign(x.dtype), x) if bytes_alone else x
    y = node.builder.add(op, node.builder.add(Transpose(channels_last(rank)), x, quant=x.quant), quant=x.quant)
    y = node.builder.add(flip_sign(y.dtype), y) if bytes_alone else y
    return node.add(Transpose(channels_first(rank)), y, quant=y.quant)


@tflite("MAX_POOL_2D", "AVERAGE_POOL_2D")
def _from_tflite(node: TfliteNode) -> Value:
    x = node.input(0)
    if x.type.rank != 4:
        raise IrError(f"input {x.type}, expected rank 4")
    options = node.options(schema.Pool2DOptions)
    kernel, stride = (options.FilterHeight(), options.FilterWidth()), (options.StrideH(), options.StrideW())
    window = Window(kernel, stride, (1, 1), padding(options.Padding(), x.shape[1:3], kernel, stride, (1, 1)))
    low, high = activation(options.FusedActivationFunction())
    op: Op = MaxPool(window, low, high) if node.kind == "MAX_POOL_2D" else AveragePool(window, None, low, high)
    return node.add(op, x)
