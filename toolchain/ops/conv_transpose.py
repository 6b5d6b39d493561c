"""Transposed convolution over one to three spatial axes, with groups."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite as schema

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode, activation
from toolchain.ir import Array, Cost, IrError, Node, Op, Type, Value, constant
from toolchain.kernels import Kernel
from toolchain.lowering import Constants, Lowering
from toolchain.ops.conv import finish, integer_weights, quantized_params, require_kernel
from toolchain.ops.reshape import Reshape
from toolchain.ops.transpose import Transpose
from toolchain.packing import pack_panels, pad_columns
from toolchain.quantize.numerics import quantize_multipliers
from toolchain.spatial import Pads, Window, channels_first, channels_last, same_pads


@dataclass(frozen=True)
class ConvTranspose(Op):
    """x [n, *spatial, c], weights [o, *kernel, c / groups], bias [o] to [n, *out, o], clamped to [low, high] in real values.

    Input position i adds to outputs i * stride - before + tap * dilation; those outside `out` are dropped. int8 as in Conv
    (TFLite's TRANSPOSE_CONV).
    """

    window: Window
    out: tuple[int, ...]
    groups: int = 1
    low: float = -math.inf
    high: float = math.inf

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        x, w, b = inputs
        if x.rank != len(self.window.kernel) + 2 or w.rank != x.rank or w.shape[1:-1] != self.window.kernel:
            raise IrError(f"ConvTranspose of input {x} with weights {w}: expected window {self.window.kernel}")
        if self.groups < 1 or x.shape[-1] != w.shape[-1] * self.groups or w.shape[0] % self.groups or b.shape != w.shape[:1]:
            raise IrError(
                f"ConvTranspose of input {x} with weights {w}, bias {b} in {self.groups} groups: the channels do not match"
            )
        if len(self.out) != len(self.window.kernel) or min(self.out) < 1:
            raise IrError(f"ConvTranspose of input {x} to {self.out}: expected positive extents")
        return (Type((x.shape[0], *self.out, w.shape[0]), x.dtype),)

    def integer(self, node: Node) -> bool:
        return integer_weights(node)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, w, b = inputs
        quant = node.inputs[0].quant
        values = x.astype(np.float64) - (quant.zero[0] if quant is not None else 0)
        values = values.reshape(*x.shape[:-1], self.groups, -1)
        window = self.window
        axes = list(zip(x.shape[1:-1], window.stride, window.kernel, window.dilation, window.pads, self.out, strict=True))
        extents = [max((n - 1) * s + (k - 1) * d + 1, before + o) for n, s, k, d, (before, _), o in axes]
        full = np.zeros((x.shape[0], *extents, self.groups, w.shape[0] // self.groups))
        kernels = np.moveaxis(w, 0, -2).astype(np.float64)
        for tap in np.ndindex(*window.kernel):
            index = tuple(slice(t * d, t * d + (n - 1) * s + 1, s) for t, (n, s, _, d, _, _) in zip(tap, axes, strict=True))
            kernel = kernels[tap].reshape(self.groups, -1, w.shape[-1])
            full[(slice(None), *index)] += np.einsum("...gc,goc->...go", values, kernel)
        crop = tuple(slice(before, before + n) for (before, _), n in zip(window.pads, self.out, strict=True))
        acc = full[(slice(None), *crop)].reshape(node.output.shape)
        return (finish(node, acc, b, self.multipliers, (self.low, self.high)),)

    def multipliers(self, node: Node) -> tuple[Array, Array]:
        """As Conv's."""
        x, w, y = node.inputs[0].quant, node.inputs[1].quant, node.output.quant
        assert x is not None and w is not None and y is not None
        scales = np.broadcast_to(w.scales().astype(np.float64), node.output.shape[-1:])
        return quantize_multipliers(float(x.scale[0]) * scales / float(y.scale[0]))

    def cost(self, node: Node) -> Cost:
        x, w = node.inputs[0], node.inputs[1]
        return Cost(x.type.size // max(x.shape[-1], 1) * w.type.size)

    def lower(self, node: Node, low: Lowering) -> None:
        x, w, b = node.inputs
        require_kernel(node)
        params: dict[str, Any] = {**self.window.params(x.type, node.output.type), "groups": self.groups}
        vectors: tuple[Array, ...] | None = None
        if x.dtype == np.float32:
            family = "conv_transpose_f32"
            params |= {"low": self.low, "high": self.high}
        else:
            family = "conv_transpose_s8"
            params |= quantized_params(node, (self.low, self.high))
            vectors = (b.constant, *self.multipliers(node))

        def pack(kernel: Kernel) -> Constants | None:
            if w.data is None or b.data is None:
                return [x, w, b] if kernel.nr == kernel.kr == 1 else None
            panels = pack_panels(w.data.reshape(self.groups, w.shape[0] // self.groups, -1), kernel.nr, kernel.kr)
            columns = vectors if vectors is not None else (b.data,)
            return [
                x,
                low.constant(panels, w.name),
                *(low.constant(pad_columns(v, self.groups, kernel.nr), w.name) for v in columns),
            ]

        low.step(family, params, pack, [node.output])


@onnx("ConvTranspose")
def _from_onnx(node: OnnxNode) -> Value:
    x, w, b = node.input(0), node.input(1), node.optional(2)
    rank = x.type.rank
    if rank < 3 or w.type.rank != rank:
        raise IrError(f"input {x.type} and weights {w.type}; expected the same rank, at least 3")
    spatial, kernel, groups = x.shape[2:], w.shape[2:], node.attribute("group", 1)
    ones: tuple[int, ...] = (1,) * len(kernel)
    zeros: tuple[int, ...] = (0,) * len(kernel)
    stride, dilation = node.attribute("strides", ones), node.attribute("dilations", ones)
    extra = node.attribute("output_padding", zeros)
    pads = node.attribute("pads", zeros * 2)
    if {len(stride), len(dilation), len(extra), len(pads) // 2} != {len(kernel)} or groups < 1 or w.shape[0] % groups:
        raise IrError(f"strides {stride}, dilations {dilation}, pads {pads} and group {groups} do not fit weights {w.type}")
    reach = [s * (n - 1) + p + (k - 1) * d + 1 for s, n, p, k, d in zip(stride, spatial, extra, kernel, dilation, strict=True)]
    auto = node.attribute("auto_pad", "NOTSET")
    wanted: tuple[int, ...] = node.attribute("output_shape", zeros[:0])[-len(kernel) :]
    if auto in ("SAME_UPPER", "SAME_LOWER") and not wanted:
        wanted = tuple(n * s for n, s in zip(spatial, stride, strict=True))
    if wanted:
        totals = [r - n for r, n in zip(reach, wanted, strict=True)]
        small = [t // 2 for t in totals]
        before = [t - s if auto == "SAME_LOWER" else s for t, s in zip(totals, small, strict=True)]
        out = tuple(wanted)
    else:
        before = [0 if auto == "VALID" else n for n in pads[: len(kernel)]]
        after = [0 if auto == "VALID" else n for n in pads[len(kernel) :]]
        out = tuple(r - p - q for r, p, q in zip(reach, before, after, strict=True))
    window = Window(kernel, stride, dilation, tuple((n, 0) for n in before))
    to = channels_last(rank)
    grouped = (groups, w.shape[0] // groups, *w.shape[1:])
    # [c, o / groups, *kernel] to [o, *kernel, c / groups].
    parts = node.builder.add(Reshape(grouped), w)
    parts = node.builder.add(Transpose((0, 2, *range(3, rank + 1), 1)), parts)
    weights = node.builder.add(Reshape((groups * w.shape[1], *kernel, w.shape[0] // groups)), parts)
    bias = b if b is not None else constant(np.zeros(weights.shape[0], np.float32))
    y = node.builder.add(ConvTranspose(window, out, groups), node.builder.add(Transpose(to), x), weights, bias)
    return node.add(Transpose(channels_first(rank)), y)


@tflite("TRANSPOSE_CONV")
def _from_tflite(node: TfliteNode) -> Value:
    w, x, b = node.input(1), node.input(2), node.optional(3)
    options = node.options(schema.TransposeConvOptions)
    shape = node.input(0).constant.ravel()
    if x.type.rank != 4 or w.type.rank != 4 or shape.size != 4:
        raise IrError(f"input {x.type}, weights {w.type} and output shape {shape.tolist()}; expected rank 4")
    stride = (options.StrideH(), options.StrideW())
    out = (int(shape[1]), int(shape[2]))
    pads: Pads = ((0, 0), (0, 0))
    if options.Padding() == schema.Padding.SAME and min(stride) > 0:
        pads = same_pads(out, w.shape[1:3], stride, (1, 1))
    low, high = activation(options.FusedActivationFunction())
    window = Window(w.shape[1:3], stride, (1, 1), tuple((before, 0) for before, _ in pads))
    return node.add(ConvTranspose(window, out, 1, low, high), x, w, b if b is not None else node.zero_bias(x, w))
