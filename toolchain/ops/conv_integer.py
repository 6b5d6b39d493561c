"""Exact integer convolutions and matrix products, and the dynamic quantisation that comes before them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx
from toolchain.ir import Array, Builder, Cost, IrError, Node, Op, Type, Value, constant
from toolchain.lowering import Lowering
from toolchain.ops.add import Sub
from toolchain.ops.cast import Cast
from toolchain.ops.clip import Clip
from toolchain.ops.conv import onnx_window
from toolchain.ops.division import Div
from toolchain.ops.expand import Expand
from toolchain.ops.extremum import Maximum, Minimum
from toolchain.ops.reduce import Reduce
from toolchain.ops.reshape import Reshape
from toolchain.ops.stored import Scale, store
from toolchain.ops.transpose import Transpose
from toolchain.ops.unary import Unary
from toolchain.quantize.numerics import wrap
from toolchain.spatial import Window, channels_first, channels_last

_BYTES = (np.int8, np.uint8)


@dataclass(frozen=True)
class ConvInteger(Op):
    """(x - x_zero) [n, *spatial, c] with (w - w_zero) [o, *kernel, c / groups] to int32 [n, *out, o], wrapping; nothing outside x.

    x and w int8 or uint8, x_zero [1] and w_zero [o] of their types; all may be computed.
    """

    window: Window
    groups: int = 1

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        x, w, x_zero, w_zero = inputs
        if x.rank != len(self.window.kernel) + 2 or w.rank != x.rank or w.shape[1:-1] != self.window.kernel:
            raise IrError(f"ConvInteger of input {x} with weights {w}: expected window {self.window.kernel}")
        if self.groups < 1 or x.shape[-1] != w.shape[-1] * self.groups or w.shape[0] % self.groups:
            raise IrError(f"ConvInteger of input {x} with weights {w} in {self.groups} groups: the channels do not match")
        if x.dtype not in _BYTES or w.dtype not in _BYTES or x_zero != Type((1,), x.dtype) or w_zero != Type(w.shape[:1], w.dtype):
            raise IrError(
                f"ConvInteger of {x} from {x_zero} with {w} from {w_zero}, expected int8 or uint8 and fitting zero points"
            )
        return (Type((x.shape[0], *self.window.out(x.shape[1:-1]), w.shape[0]), np.dtype(np.int32)),)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, w, x_zero, w_zero = (array.astype(np.int64) for array in inputs)
        groups, out = self.groups, w.shape[0] // self.groups
        kernels = np.moveaxis((w - w_zero.reshape(-1, *(1,) * (w.ndim - 1))).astype(np.float64), 0, -2)
        acc = np.zeros((*node.output.shape[:-1], groups, out), np.float64)
        for tap, seen in self.window.taps((x - x_zero).astype(np.float64), 0):
            acc += np.einsum("...gc,goc->...go", seen.reshape(*seen.shape[:-1], groups, -1), kernels[tap].reshape(groups, out, -1))
        return (wrap(acc.astype(np.int64)).astype(np.int32).reshape(node.output.shape),)

    def cost(self, node: Node) -> Cost:
        return Cost(node.output.type.size * node.inputs[1].type.size // max(node.output.shape[-1], 1))

    def lower(self, node: Node, low: Lowering) -> None:
        x, w = node.inputs[:2]
        params = self.window.params(x.type, node.output.type)
        unsigned = {"input_unsigned": int(x.dtype == np.uint8), "weight_unsigned": int(w.dtype == np.uint8)}
        low.step("conv_s32", {**params, "groups": self.groups, **unsigned}, node.inputs, [node.output])


def _zeros(builder: Builder, zero: Value | None, count: int, like: Value, what: str) -> Value:
    """`count` zero points of the type of what they belong to, 0 where they are left out."""
    if zero is None:
        return constant(np.zeros(count, like.dtype))
    if zero.dtype != like.dtype or zero.type.size not in (1, count):
        raise IrError(f"{what} zero point {zero.type} for {like.type}, expected 1 or {count} of its element type")
    flat = builder.add(Reshape((zero.type.size,)), zero)
    return flat if zero.type.size == count else builder.add(Expand((count,)), flat)


@onnx("ConvInteger")
def _conv(node: OnnxNode) -> Value:
    x, w, add = node.input(0), node.input(1), node.builder.add
    rank = x.type.rank
    if rank < 3 or w.type.rank != rank:
        raise IrError(f"input {x.type} and weights {w.type}; expected the same rank, at least 3")
    window = onnx_window(node, x, node.attribute("kernel_shape", w.shape[2:]))
    x_zero = _zeros(node.builder, node.optional(2), 1, x, "input")
    w_zero = _zeros(node.builder, node.optional(3), w.shape[0], w, "weight")
    to = Transpose(channels_last(rank))
    y = add(ConvInteger(window, node.attribute("group", 1)), add(to, x), add(to, w), x_zero, w_zero)
    return node.add(Transpose(channels_first(rank)), y)


@onnx("MatMulInteger")
def _matmul(node: OnnxNode) -> Value:
    a, b, add = node.input(0), node.input(1), node.builder.add
    if a.type.rank < 1 or b.type.rank != 2 or a.shape[-1] != b.shape[0] or a.type.size == 0:
        raise IrError(f"inputs {a.type} and {b.type}, expected [..., k] and a matrix [k, n]")
    k, n = b.shape
    a_zero = _zeros(node.builder, node.optional(2), 1, a, "input")
    b_zero = _zeros(node.builder, node.optional(3), n, b, "weight")
    rows = add(Reshape((1, a.type.size // k, k)), a)
    weights = add(Reshape((n, 1, k)), add(Transpose((1, 0)), b))
    y = add(ConvInteger(Window((1,), (1,), (1,), ((0, 0),))), rows, weights, a_zero, b_zero)
    return node.add(Reshape((*a.shape[:-1], n)), y)


@onnx("DynamicQuantizeLinear")
def _dynamic(node: OnnxNode) -> list[Value]:
    """x to uint8 by its own range, which is made to include 0; the scale of what is all 0 is the smallest normal number."""
    x, add = node.input(0), node.builder.add
    if x.dtype != np.float32 or x.type.size == 0:
        raise IrError(f"input {x.type}, expected float32 with elements")
    axes, none = tuple(range(x.type.rank)), constant(np.float32(0))
    top, bottom = (
        add(extremum, add(Reshape(()), add(Reduce(kind, axes), x)), none)
        for kind, extremum in (("max", Maximum()), ("min", Minimum()))
    )
    scale = add(Maximum(), add(Div(), add(Sub(), top, bottom), constant(np.float32(255))), constant(np.finfo(np.float32).tiny))
    low = add(Div(), add(Sub(), none, bottom), scale)
    zero = add(Cast("uint8"), add(Unary("round"), add(Clip(0.0, 255.0), low)))
    return [store(node, x, Scale(scale, zero)), scale, zero]
