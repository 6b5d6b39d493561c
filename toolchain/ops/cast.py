"""Conversion between element types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.onnx_tensors import working
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import DTYPES, Array, IrError, Node, Op, Type, Value
from toolchain.lowering import Lowering


@dataclass(frozen=True)
class Cast(Op):
    """x as `dtype`. Floats become integers by truncation, clamped to the range, NaN being 0; integers wrap; x != 0 becomes true.

    Floats round to nearest, ties to even; float16 is written and read through float32.
    """

    elementwise = True

    dtype: str

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if x.quant is not None:
            raise IrError(f"Cast of {x}, which is quantised")
        return (Type(x.shape, np.dtype(self.dtype)),)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        return (convert(inputs[0], np.dtype(self.dtype)),)

    def lower(self, node: Node, low: Lowering) -> None:
        x, y = node.inputs[0], node.output
        if x.dtype == y.dtype:
            low.copy(x, y)
        elif y.type.size:
            params = {"count": y.type.size, "source": DTYPES.index(x.dtype), "target": DTYPES.index(y.dtype)}
            low.step("cast", params, [x], [y])


def convert(x: Array, dtype: np.dtype[Any]) -> Array:
    """The arithmetic of Cast."""
    if x.dtype == np.float16:
        x = x.astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        if dtype == np.float16:
            return x.astype(np.float32).astype(np.float16)
        if x.dtype.kind != "f" or dtype.kind not in "iu":
            return x.astype(dtype)
        info = np.iinfo(dtype)
        whole = np.trunc(np.nan_to_num(x.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf))
        inside = np.clip(whole, float(info.min), np.nextafter(float(info.max) + 1.0, 0.0))
        clamped = np.where(whole >= float(info.max) + 1.0, info.max, inside.astype(dtype))
        return clamped.astype(dtype)


@onnx("Cast", "CastLike")
def _from_onnx(node: OnnxNode) -> Value:
    x = node.input(0)
    dtype = node.input(1).dtype if node.kind == "CastLike" else node.dtype("to", x.dtype)
    y = x if x.dtype == dtype else node.add(Cast(str(dtype)), x)
    return y if working(dtype) == dtype else node.add(Cast(str(working(dtype))), y)


@tflite("CAST")
def _from_tflite(node: TfliteNode) -> Value:
    return node.add(Cast(str(node.declared(0).dtype)), node.input(0))
