"""Repetition of a tensor along axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import MAX_RANK, Array, Builder, IrError, Node, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.binary import broadcast_shape
from toolchain.ops.move import Movement, View, move, whole
from toolchain.ops.reshape import Reshape
from toolchain.strides import repeated


@dataclass(frozen=True)
class Expand(Movement):
    """x repeated to `shape` along its axes of extent 1, trailing axes aligned."""

    shape: tuple[int, ...]

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if broadcast_shape(x.shape, self.shape) != self.shape:
            raise IrError(f"Expand of {x} to {list(self.shape)}: the shapes do not match")
        return (Type(self.shape, x.dtype),)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        return (np.array(np.broadcast_to(inputs[0], self.shape)),)

    def permuted(self, node: Node, axes: tuple[int, ...]) -> Expand:
        return Expand(tuple(self.shape[axis] for axis in axes))

    def lower(self, node: Node, low: Lowering) -> None:
        x, y = node.inputs[0], node.output
        move(low, x, y, y.shape, View(0, repeated(x.shape, y.shape)), whole(y.shape))


def tile(builder: Builder, x: Value, repeats: Sequence[int]) -> Value:
    """x repeated whole along each axis, as numpy's `tile` does: axes split, expanded and merged, as many at once as fit."""
    if len(repeats) != x.type.rank or min(repeats, default=1) < 0:
        raise IrError(f"{list(repeats)} repetitions of {x.type}")
    pending = [axis for axis, count in enumerate(repeats) if count != 1]
    while pending:
        room = MAX_RANK - x.type.rank
        if room < 1:
            raise IrError(f"repetitions of {x.type}: at most rank {MAX_RANK - 1} is supported")
        batch, pending = pending[:room], pending[room:]
        split = [(1, extent) if axis in batch else (extent,) for axis, extent in enumerate(x.shape)]
        wide = [(repeats[axis], extent) if axis in batch else (extent,) for axis, extent in enumerate(x.shape)]
        inner = builder.add(Reshape(tuple(n for part in split for n in part)), x, quant=x.quant)
        outer = builder.add(Expand(tuple(n for part in wide for n in part)), inner, quant=x.quant)
        x = builder.add(Reshape(tuple(math.prod(part) for part in wide)), outer, quant=x.quant)
    return x


@onnx("Expand")
def _expand(node: OnnxNode) -> Value:
    x, shape = node.input(0), node.integers(1)
    if shape is None:
        raise IrError("input 1 (shape) is missing")
    return node.add(Expand(broadcast_shape(x.shape, shape)), x, quant=x.quant)


@onnx("Tile")
def _tile(node: OnnxNode) -> Value:
    return tile(node.builder, node.input(0), node.integers(1) or ())


@tflite("TILE")
def _tflite_tile(node: TfliteNode) -> Value:
    return tile(node.builder, node.input(0), node.integers(1))


@tflite("BROADCAST_TO")
def _broadcast_to(node: TfliteNode) -> Value:
    return node.add(Expand(node.integers(1)), node.input(0))
