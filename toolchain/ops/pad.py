"""Elements around a tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite as schema

from toolchain.axes import normal_axes
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, Builder, IrError, Node, Op, Type, Value, constant
from toolchain.lowering import Lowering
from toolchain.ops.move import View, move, whole
from toolchain.ops.slice import Slice
from toolchain.ops.take import take
from toolchain.spatial import Pads
from toolchain.strides import row_major

_MODES = {"reflect": "reflect", "edge": "edge", "wrap": "wrap", "symmetric": "symmetric"}


@dataclass(frozen=True)
class Pad(Op):
    """x with copies of the scalar `value` around it: pads hold (before, after) for every axis, none negative."""

    pads: Pads

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        x, value = inputs
        if len(self.pads) != x.rank or any(n < 0 for pad in self.pads for n in pad) or value.size != 1 or value.dtype != x.dtype:
            raise IrError(f"Pad of {x} by {self.pads} with {value}")
        return (Type(tuple(n + sum(pad) for n, pad in zip(x.shape, self.pads, strict=True)), x.dtype),)

    def integer(self, node: Node) -> bool:
        return all(value.quant == node.output.quant for value in node.inputs)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, value = inputs
        return (np.pad(x, self.pads, constant_values=value.reshape(())) if self.pads else x.copy(),)

    def permuted(self, node: Node, axes: tuple[int, ...]) -> Pad:
        return Pad(tuple(self.pads[axis] for axis in axes))

    def channelwise(self, node: Node) -> bool:
        return self.pads[-1] == (0, 0)

    def lower(self, node: Node, low: Lowering) -> None:
        x, value = node.inputs
        y = node.output
        move(low, value, y, y.shape, View(0, (0,) * y.type.rank), whole(y.shape))
        strides = row_major(y.shape)
        offset = sum(before * stride for (before, _), stride in zip(self.pads, strides, strict=True))
        move(low, x, y, x.shape, whole(x.shape), View(offset, strides))


def cropped(builder: Builder, x: Value, pads: Pads) -> tuple[Value, Pads]:
    """x without what negative pads cut off, and the pads that remain."""
    if all(n >= 0 for pad in pads for n in pad):
        return x, pads
    start = tuple(max(-before, 0) for before, _ in pads)
    stop = tuple(extent - max(-after, 0) for extent, (_, after) in zip(x.shape, pads, strict=True))
    size = tuple(max(last - first, 0) for first, last in zip(start, stop, strict=True))
    cut = builder.add(Slice(start, size, (1,) * len(pads)), x, quant=x.quant)
    return cut, tuple((max(before, 0), max(after, 0)) for before, after in pads)


def pad_around(builder: Builder, x: Value, pads: Pads, mode: str) -> Value:
    """x continued at its edges by its own elements, as numpy's `pad` in this mode does."""
    arguments: dict[str, Any] = {"mode": mode}
    for axis, pad in enumerate(pads):
        if pad != (0, 0):
            if x.shape[axis] == 0:
                raise IrError(f"{x.type} cannot be continued along axis {axis}")
            x = take(builder, x, axis, np.pad(np.arange(x.shape[axis]), pad, **arguments))
    return x


@onnx("Pad")
def _from_onnx(node: OnnxNode) -> Value:
    x, mode = node.input(0), node.attribute("mode", "constant")
    rank = x.type.rank
    flat = node.attribute("pads", None) if node.opset < 11 else node.integers(1)
    chosen = node.integers(3) if node.opset >= 18 else None
    axes = normal_axes(chosen if chosen is not None else range(rank), rank)
    if flat is None or len(flat) != 2 * len(axes):
        raise IrError(f"has pads {flat}, expected {2 * len(axes)} of them")
    rows = [(0, 0)] * rank
    for index, axis in enumerate(axes):
        rows[axis] = (flat[index], flat[index + len(axes)])
    x, pads = cropped(node.builder, x, tuple(rows))
    if mode in _MODES:
        return pad_around(node.builder, x, pads, _MODES[mode])
    if mode != "constant":
        raise IrError(f"mode '{mode}' is not known; expected constant, reflect, edge or wrap")
    value = node.optional(2) if node.opset >= 11 else constant(np.asarray(node.attribute("value", 0.0), x.dtype))
    if value is None:
        value = constant(np.zeros((), x.dtype))
    return node.add(Pad(pads), x, value, quant=x.quant)


@tflite("PAD", "PADV2")
def _pad(node: TfliteNode) -> Value:
    x = node.input(0)
    pads = tuple((int(before), int(after)) for before, after in node.input(1).constant.reshape(-1, 2))
    value = node.input(2) if node.kind == "PADV2" else constant(np.asarray(x.quant.zero[0] if x.quant else 0, x.dtype), "", x.quant)
    return node.add(Pad(pads), x, value)


@tflite("MIRROR_PAD")
def _mirror_pad(node: TfliteNode) -> Value:
    x = node.input(0)
    pads = tuple((int(before), int(after)) for before, after in node.input(1).constant.reshape(-1, 2))
    mode = "symmetric" if node.options(schema.MirrorPadOptions).Mode() == schema.MirrorPadMode.SYMMETRIC else "reflect"
    return pad_around(node.builder, x, pads, mode)
