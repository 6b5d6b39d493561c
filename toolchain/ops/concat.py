"""Tensors one behind another along an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import tflite as schema

from toolchain.axes import normal_axis
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode, activation
from toolchain.ir import Array, IrError, Node, Quant, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.lookup import Lookup
from toolchain.ops.move import Movement, View, move, whole
from toolchain.ops.reshape import Reshape, unsqueezed
from toolchain.quantize.numerics import round_half_away
from toolchain.strides import row_major


@dataclass(frozen=True)
class Concat(Movement):
    """The inputs behind one another along `axis`."""

    axis: int

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        first = inputs[0]
        if not 0 <= self.axis < first.rank:
            raise IrError(f"Concat of {first} along axis {self.axis}")
        rest = [x.shape[: self.axis] + x.shape[self.axis + 1 :] for x in inputs]
        if any(x.dtype != first.dtype or x.rank != first.rank or other != rest[0] for x, other in zip(inputs, rest, strict=True)):
            raise IrError(f"Concat of {', '.join(map(str, inputs))} along axis {self.axis}: the other axes differ")
        shape = list(first.shape)
        shape[self.axis] = sum(x.shape[self.axis] for x in inputs)
        return (Type(tuple(shape), first.dtype),)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        return (np.concatenate(inputs, axis=self.axis),)

    def permuted(self, node: Node, axes: tuple[int, ...]) -> Concat:
        return Concat(axes.index(self.axis))

    def channelwise(self, node: Node) -> bool:
        return self.axis != node.output.type.rank - 1

    def offsets(self, node: Node) -> list[int]:
        """For each input the elements of the output before its first one."""
        stride = row_major(node.output.shape)[self.axis]
        extents = [value.shape[self.axis] for value in node.inputs]
        return [sum(extents[:index]) * stride for index in range(len(extents))]

    def contiguous(self, node: Node) -> bool:
        """Whether each input lies in one piece of the output."""
        return all(extent == 1 for extent in node.output.shape[: self.axis])

    def aliases(self, node: Node) -> Iterable[tuple[Value, Value, int]]:
        if self.contiguous(node):
            for value, offset in zip(node.inputs, self.offsets(node), strict=True):
                if value.type.size:
                    yield value, node.output, offset * value.dtype.itemsize

    def lower(self, node: Node, low: Lowering) -> None:
        y = node.output
        for value, offset in zip(node.inputs, self.offsets(node), strict=True):
            if self.contiguous(node):
                if value.type.size:
                    low.copy(value, low.part(y, offset * value.dtype.itemsize, value.type.bytes))
            else:
                move(low, value, y, value.shape, whole(value.shape), View(offset, row_major(y.shape)))


@onnx("Concat")
def _from_onnx(node: OnnxNode) -> Value:
    inputs = node.inputs()
    if not inputs:
        raise IrError("has no inputs")
    inputs = [value for value in inputs if value.type.size] or inputs[:1]
    return node.add(Concat(normal_axis(node.attribute("axis", 1), inputs[0].type.rank)), *inputs, quant=inputs[0].quant)


@tflite("CONCATENATION")
def _concatenation(node: TfliteNode) -> Value:
    inputs, options = node.inputs(), node.options(schema.ConcatenationOptions)
    if any(math.isfinite(bound) for bound in activation(options.FusedActivationFunction())):
        raise IrError("a fused activation is not supported")
    quant = node.declared(0).quant
    inputs = [rescaled(node, value, quant) for value in inputs]
    return node.add(Concat(normal_axis(options.Axis(), inputs[0].type.rank)), *inputs)


def rescaled(node: TfliteNode, value: Value, quant: Quant | None) -> Value:
    """An int8 value at another scale: round(x * ratio - zero * ratio) + zero in float32 (TFLite's ConcatenationWithScaling)."""
    source = value.quant
    if source is None or quant is None or source == quant or value.dtype != np.int8:
        return value
    ratio = source.scales()[0] * (np.float32(1) / quant.scales()[0])
    stored = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float32)
    table = round_half_away(stored * ratio + np.float32(-source.zero[0]) * ratio) + quant.zero[0]
    data = np.clip(table, -128, 127).astype(np.int8)
    return node.builder.add(Lookup(data.tobytes(), "int8"), value, quant=quant)


@tflite("PACK")
def _pack(node: TfliteNode) -> Value:
    inputs = node.inputs()
    axis = normal_axis(node.options(schema.PackOptions).Axis(), inputs[0].type.rank + 1)
    parts = [node.builder.add(Reshape(unsqueezed(value.shape, (axis,))), value, quant=value.quant) for value in inputs]
    return node.add(Concat(axis), *parts)
