"""Normalisation over axes: layer, instance, group and root-mean-square normalisation, and division by a norm."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from toolchain.axes import normal_axis
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, IrError, Node, Op, Type, Value, constant
from toolchain.lowering import Lowering
from toolchain.ops.add import Add
from toolchain.ops.division import Div
from toolchain.ops.extremum import Maximum
from toolchain.ops.mul import Mul
from toolchain.ops.reduce import Reduce, reduction_params
from toolchain.ops.reshape import Reshape
from toolchain.ops.unary import Unary


@dataclass(frozen=True)
class Normalize(Op):
    """(x - mean) / sqrt(variance + epsilon) over `axes`; x / sqrt(mean square + epsilon) where it is not centred."""

    axes: tuple[int, ...]
    epsilon: float
    centred: bool = True

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if any(not 0 <= axis < x.rank for axis in self.axes) or len(set(self.axes)) != len(self.axes):
            raise IrError(f"Normalize of {x} over axes {self.axes}")
        return (Type(x.shape, x.dtype),)

    def permuted(self, node: Node, axes: tuple[int, ...]) -> Op | None:
        return replace(self, axes=tuple(i for i, axis in enumerate(axes) if axis in self.axes))

    def channelwise(self, node: Node) -> bool:
        return node.inputs[0].type.rank - 1 not in self.axes

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0].astype(np.float64)
        if not x.size:
            return (inputs[0],)
        with np.errstate(all="ignore"):
            centred = x - x.mean(axis=self.axes, keepdims=True) if self.centred else x
            variance = np.square(centred).mean(axis=self.axes, keepdims=True)
            return ((centred / np.sqrt(variance + self.epsilon)).astype(inputs[0].dtype),)

    def lower(self, node: Node, low: Lowering) -> None:
        x, y = node.inputs[0], node.output
        if x.dtype != np.float32:
            raise IrError(f"Normalize of {x.type}: only float32 is supported")
        if y.type.size:
            params = reduction_params(x.type, self.axes) | {"centre": int(self.centred), "epsilon": self.epsilon}
            low.step("normalize_f32", params, [x], [y])


def _affine(node: OnnxNode, y: Value, scale: Value | None, bias: Value | None, shape: tuple[int, ...]) -> Value:
    """y * scale + bias, both brought to a shape that broadcasts with y."""
    add = node.builder.add
    if scale is not None:
        y = add(Mul(), y, add(Reshape(shape), scale), name=node.outputs[0])
    return y if bias is None else add(Add(), y, add(Reshape(shape), bias), name=node.outputs[0])


def _only_result(node: OnnxNode) -> bool:
    return not any(node.outputs[1:])


@onnx("LayerNormalization", "RMSNormalization")
def _last_axes(node: OnnxNode) -> Value | list[Value | None]:
    x, scale, bias = node.input(0), node.input(1), node.optional(2)
    definition = None if _only_result(node) else node.definition()
    if definition is not None:
        return node.call(definition)
    first = normal_axis(node.attribute("axis", -1), x.type.rank)
    op = Normalize(tuple(range(first, x.type.rank)), node.attribute("epsilon", 1e-5), node.kind == "LayerNormalization")
    y = node.builder.add(op, x, name=node.outputs[0])
    y = node.builder.add(Mul(), y, scale, name=node.outputs[0])
    return y if bias is None else node.add(Add(), y, bias)


@onnx("InstanceNormalization")
def _instance(node: OnnxNode) -> Value:
    x = node.input(0)
    if x.type.rank < 3:
        raise IrError(f"input {x.type}, expected rank 3 or more")
    y = node.builder.add(Normalize(tuple(range(2, x.type.rank)), node.attribute("epsilon", 1e-5)), x)
    return _affine(node, y, node.input(1), node.input(2), (x.shape[1], *(1,) * (x.type.rank - 2)))


@onnx("GroupNormalization")
def _group(node: OnnxNode) -> Value:
    x, groups, add = node.input(0), node.attribute("num_groups", 0), node.builder.add
    if x.type.rank < 3 or groups < 1 or x.shape[1] % groups:
        raise IrError(f"input {x.type} in {groups} groups: the channels do not divide")
    parts = (x.shape[0], groups, x.shape[1] // groups * math.prod(x.shape[2:]))
    y = add(Normalize((2,), node.attribute("epsilon", 1e-5)), add(Reshape(parts), x))
    scale, bias = node.input(1), node.input(2)
    if node.opset < 21:
        return node.add(Reshape(x.shape), _affine(node, y, scale, bias, (groups, 1)))
    return _affine(node, add(Reshape(x.shape), y), scale, bias, (x.shape[1], *(1,) * (x.type.rank - 2)))


@onnx("LpNormalization")
def _norm(node: OnnxNode) -> Value:
    """x over its 1- or 2-norm along an axis; 0 where the norm is 0."""
    x, p = node.input(0), node.attribute("p", 2)
    axes = (normal_axis(node.attribute("axis", -1), x.type.rank),)
    if p not in (1, 2):
        raise IrError(f"norm {p}, expected 1 or 2")
    add = node.builder.add
    norm = add(Reduce("sum_abs", axes), x) if p == 1 else add(Unary("sqrt"), add(Reduce("sum_square", axes), x))
    return node.add(Div(), x, add(Maximum(), norm, constant(np.finfo(np.float32).tiny)))


@tflite("L2_NORMALIZATION")
def _from_tflite(node: TfliteNode) -> Value:
    x, add = node.input(0), node.builder.add
    if x.dtype != np.float32:
        raise IrError(f"input {x.type}, expected float32")
    norm = add(Unary("sqrt"), add(Reduce("sum_square", (x.type.rank - 1,)), x))
    return node.add(Div(), x, add(Maximum(), norm, constant(np.float32(1e-6))))
