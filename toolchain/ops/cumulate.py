"""Running sums and products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tflite as schema

from toolchain.axes import normal_axis
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, IrError, Node, Op, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.argmax import along


@dataclass(frozen=True)
class Cumulate(Op):
    """y[i] = x[0] + ... + x[i] along `axis`, in this order; without x[i] if `exclusive`, from the end if `reverse`; or the product.

    float32 rounds every sum; integers wrap.
    """

    axis: int
    exclusive: bool = False
    reverse: bool = False
    product: bool = False

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if not 0 <= self.axis < x.rank:
            raise IrError(f"Cumulate of {x} along axis {self.axis}")
        return (Type(x.shape, x.dtype),)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x = np.moveaxis(inputs[0], self.axis, 0)
        x = x[::-1] if self.reverse else x
        with np.errstate(over="ignore", invalid="ignore"):
            y = (np.multiply if self.product else np.add).accumulate(x, axis=0, dtype=x.dtype)
        if self.exclusive and len(x):
            y = np.concatenate([np.full_like(x[:1], int(self.product)), y[:-1]])
        return (np.ascontiguousarray(np.moveaxis(y[::-1] if self.reverse else y, 0, self.axis)),)

    def permuted(self, node: Node, axes: tuple[int, ...]) -> Cumulate:
        return Cumulate(axes.index(self.axis), self.exclusive, self.reverse, self.product)

    def channelwise(self, node: Node) -> bool:
        return self.axis != node.output.type.rank - 1

    def lower(self, node: Node, low: Lowering) -> None:
        x = node.inputs[0]
        if x.type.size:
            flags = {name: int(getattr(self, name)) for name in ("exclusive", "reverse", "product")}
            low.step("cumulate", along(x.type, self.axis) | flags, [x], [node.output])


@onnx("CumSum", "CumProd")
def _from_onnx(node: OnnxNode) -> Value:
    x, axis = node.input(0), node.integers(1)
    if axis is None or len(axis) != 1:
        raise IrError("input 1 (axis) is not one number")
    exclusive, reverse = bool(node.attribute("exclusive", 0)), bool(node.attribute("reverse", 0))
    return node.add(Cumulate(normal_axis(axis[0], x.type.rank), exclusive, reverse, node.kind == "CumProd"), x)


@tflite("CUMSUM")
def _from_tflite(node: TfliteNode) -> Value:
    x, options = node.input(0), node.options(schema.CumsumOptions)
    return node.add(Cumulate(normal_axis(node.integers(1)[0], x.type.rank), options.Exclusive(), options.Reverse()), x)
