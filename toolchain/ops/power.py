"""Powers, and other functions of two tensors that only floats have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Value
from toolchain.ops.add import Sub
from toolchain.ops.arithmetic import Arithmetic
from toolchain.ops.cast import Cast
from toolchain.ops.mul import Mul
from toolchain.ops.unary import Unary

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Pow(Arithmetic):
    """a to the power b with broadcasting; integers wrap."""

    function: ClassVar[str] = "pow"
    kind: ClassVar[str] = "power"

    def real(self, a: F64, b: F64) -> F64:
        return np.asarray(np.power(a, b))


@dataclass(frozen=True)
class Atan2(Arithmetic):
    """The angle of the point (b, a), in radians, with broadcasting."""

    function: ClassVar[str] = "atan2"

    def real(self, a: F64, b: F64) -> F64:
        return np.asarray(np.arctan2(a, b))


@dataclass(frozen=True)
class SquaredDifference(Arithmetic):
    """(a - b) squared, with broadcasting."""

    function: ClassVar[str] = "squared_difference"

    def real(self, a: F64, b: F64) -> F64:
        return (a - b) ** 2


# Exponents for which there is a simpler function.
_SIMPLER = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal"}


@onnx("Pow")
@tflite("POW")
def _pow(node: OnnxNode | TfliteNode) -> Value:
    """A power of the base's element type, whatever the exponent's."""
    base, exponent = node.input(0), node.input(1)
    if base.dtype == np.float32 and exponent.data is not None and exponent.type.size == 1 and exponent.type.rank <= base.type.rank:
        kind = _SIMPLER.get(float(exponent.data.ravel()[0]))
        if kind is not None:
            return node.add(Unary(kind), base)
    if exponent.dtype.kind == "f" and base.dtype.kind in "iu":
        real = node.builder.add(Pow(), node.builder.add(Cast("float32"), base), exponent)
        return node.add(Cast(base.dtype.name), real)
    if exponent.dtype != base.dtype:
        exponent = node.builder.add(Cast(base.dtype.name), exponent)
    return node.add(Pow(), base, exponent)


@tflite("ATAN2")
def _atan2(node: TfliteNode) -> Value:
    return node.add(Atan2(), node.input(0), node.input(1))


@tflite("SQUARED_DIFFERENCE")
def _squared_difference(node: TfliteNode) -> Value:
    a, b = node.input(0), node.input(1)
    if a.dtype.kind == "f" or a.quant is not None:
        return node.add(SquaredDifference(), a, b)
    difference = node.builder.add(Sub(), a, b)
    return node.add(Mul(), difference, difference)
