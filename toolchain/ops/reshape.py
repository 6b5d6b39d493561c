"""Another shape for the same elements."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import tflite as schema

from toolchain.axes import normal_axes, normal_axis
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, IrError, Node, Type, Value, constant
from toolchain.lowering import Lowering
from toolchain.ops.move import Movement


@dataclass(frozen=True)
class Reshape(Movement):
    """x to `shape`, in row-major order; keeps the quantisation of a whole tensor."""

    shape: tuple[int, ...]

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if math.prod(self.shape) != x.size:
            raise IrError(f"Reshape of {x} to {list(self.shape)}: the number of elements differs")
        return (replace(x.with_shape(self.shape), quant=None),)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0].reshape(self.shape),)

    def aliases(self, node: Node) -> Iterable[tuple[Value, Value, int]]:
        return ((node.output, node.inputs[0], 0),)

    def lower(self, node: Node, low: Lowering) -> None:
        low.copy(node.inputs[0], node.output)


def resolve(shape: Sequence[int], size: int) -> tuple[int, ...]:
    """A shape whose single -1 stands for what is left of `size`; IrError where nothing fits."""
    rest = math.prod(n for n in shape if n != -1)
    if list(shape).count(-1) > 1 or min(shape, default=0) < -1 or (-1 in shape and (rest == 0 or size % rest)):
        raise IrError(f"shape {list(shape)} does not fit {size} elements")
    return tuple(size // rest if n == -1 else n for n in shape)


def squeezed(shape: Sequence[int], axes: Sequence[int] | None) -> tuple[int, ...]:
    """The shape without these axes of extent 1; without all of extent 1 if None."""
    gone = normal_axes(axes, len(shape)) if axes is not None else [i for i, n in enumerate(shape) if n == 1]
    if any(shape[axis] != 1 for axis in gone):
        raise IrError(f"axes {list(gone)} of shape {list(shape)} do not have extent 1")
    return tuple(n for axis, n in enumerate(shape) if axis not in gone)


def unsqueezed(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """The shape with new axes of extent 1 at these places of the result."""
    new = normal_axes(axes, len(shape) + len(axes))
    rest = iter(shape)
    return tuple(1 if axis in new else next(rest) for axis in range(len(shape) + len(new)))


@onnx("Reshape")
def _reshape(node: OnnxNode) -> Value:
    x, wanted = node.input(0), node.integers(1)
    if wanted is None:
        raise IrError("input 1 (shape) is missing")
    if not node.attribute("allowzero", 0):
        if any(n == 0 and axis >= x.type.rank for axis, n in enumerate(wanted)):
            raise IrError(f"shape {list(wanted)} copies an axis that {x.type} does not have")
        wanted = tuple(x.shape[axis] if n == 0 else n for axis, n in enumerate(wanted))
    return node.add(Reshape(resolve(wanted, x.type.size)), x, quant=x.quant)


@onnx("Flatten")
def _flatten(node: OnnxNode) -> Value:
    x, axis = node.input(0), node.attribute("axis", 1)
    axis = axis if axis == x.type.rank else normal_axis(axis, x.type.rank)
    shape = (math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))
    return node.add(Reshape(shape), x, quant=x.quant)


@onnx("Squeeze", "Unsqueeze")
def _squeeze(node: OnnxNode) -> Value:
    x = node.input(0)
    axes = node.attribute("axes", None) if node.opset < 13 else node.integers(1)
    if node.kind == "Squeeze":
        return node.add(Reshape(squeezed(x.shape, axes)), x, quant=x.quant)
    if axes is None:
        raise IrError("the axes are missing")
    return node.add(Reshape(unsqueezed(x.shape, axes)), x, quant=x.quant)


@onnx("Identity")
def _identity(node: OnnxNode) -> Value:
    return node.input(0)


@onnx("Dropout")
def _dropout(node: OnnxNode) -> list[Value]:
    x = node.input(0)
    training = node.constant(2) if node.opset >= 12 else None
    if training is not None and training.any():
        ratio = node.constant(1)
        if ratio is None or float(ratio) != 0.0:
            raise IrError("drops at random in training mode; export the model for inference")
    return [x, constant(np.ones(x.shape, np.bool_), f"{node.name}/mask")]


@tflite("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
def _from_tflite(node: TfliteNode) -> Value:
    x = node.input(0)
    if node.kind == "SQUEEZE":
        options = node.options(schema.SqueezeOptions)
        axes = options.SqueezeDimsAsNumpy() if options.SqueezeDimsLength() else None
        return node.add(Reshape(squeezed(x.shape, axes)), x)
    if node.kind == "EXPAND_DIMS":
        return node.add(Reshape(unsqueezed(x.shape, node.integers(1))), x)
    shape = node.integers(1) if node.optional(1) is not None else node.declared(0).shape
    return node.add(Reshape(resolve(shape, x.type.size)), x)
