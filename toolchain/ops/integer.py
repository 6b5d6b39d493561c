"""Arithmetic, bitwise operations and shifts on integers that are not quantised, and logic on bools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import DTYPES, Array, Builder, IrError, Node, Type, Value, constant
from toolchain.lowering import Lowering
from toolchain.ops.binary import Binary, broadcast_params

# In the order of BinaryIntKind in kernels/binary_int/binary_int.h.
KINDS = (
    *("add", "subtract", "multiply", "divide", "floor_divide", "remainder", "modulo", "minimum", "maximum", "power"),
    *("and", "or", "xor", "shift_left", "shift_right"),
)


def evaluate(kind: str, a: Array, b: Array) -> Array:
    """What the binary_int kernels compute, as their header states it."""
    functions: dict[str, Any] = {
        "add": np.add,
        "subtract": np.subtract,
        "multiply": np.multiply,
        "minimum": np.minimum,
        "maximum": np.maximum,
        "and": np.bitwise_and,
        "or": np.bitwise_or,
        "xor": np.bitwise_xor,
        "floor_divide": np.floor_divide,
        "modulo": np.remainder,
        "remainder": np.fmod,
    }
    a, b = np.broadcast_arrays(a, b)
    if kind.startswith("shift"):
        inside = (b >= 0) & (b < 8 * a.dtype.itemsize)
        left = kind == "shift_left"
        shifted = (np.left_shift if left else np.right_shift)(a, np.where(inside, b, 0).astype(b.dtype))
        fill = np.where((a < 0) & (not left), -1, 0).astype(a.dtype)
        return np.where(inside, shifted, fill)
    with np.errstate(over="ignore", divide="ignore"):
        if kind == "power":
            return _power(a, b)
        if kind == "divide":
            quotient = np.floor_divide(a, np.where(b == 0, 1, b).astype(b.dtype))
            inexact = evaluate("remainder", a, b) != 0
            return np.where(b == 0, 0, quotient + (inexact & ((a < 0) != (b < 0)))).astype(a.dtype)
        result = np.asarray(functions[kind](a, np.where(b == 0, 1, b).astype(b.dtype) if kind in _DIVIDING else b))
    return np.where(b == 0, 0, result).astype(a.dtype) if kind in _DIVIDING else result.astype(a.dtype)


_DIVIDING = ("floor_divide", "modulo", "remainder")


def _power(base: Array, exponent: Array) -> Array:
    result, square = np.ones_like(base), base.copy()
    rest: Array = np.maximum(exponent, 0).astype(np.uint64)
    while rest.any():
        result = np.where(rest & 1, result * square, result)
        square, rest = square * square, rest >> 1
    if exponent.dtype.kind == "u":
        return result
    sign = np.where(exponent % 2 == 0, 1, -1) if base.dtype.kind == "i" else np.zeros_like(base)
    reciprocal = np.where(base == 1, 1, np.where(base == -1, sign, 0) if base.dtype.kind == "i" else 0)
    return np.where(exponent < 0, reciprocal, result).astype(base.dtype)


def lower(kind: str, node: Node, low: Lowering) -> None:
    """Append the binary_int step of a node of two integer tensors."""
    a, b = node.inputs
    if node.output.type.size:
        codes = {"kind": KINDS.index(kind), "dtype": DTYPES.index(a.dtype)}
        low.step("binary_int", broadcast_params(a.type, b.type, node.output.type) | codes, [a, b], [node.output])


@dataclass(frozen=True)
class Integer(Binary):
    """a <kind> b on integers, with broadcasting; bools take and, or and xor. Defined for all operands, as the kernels say."""

    elementwise = True

    kind: str

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (y,) = super().infer(*inputs)
        allowed = "iub" if self.kind in ("and", "or", "xor") else "iu"
        if self.kind not in KINDS or y.dtype.kind not in allowed or any(x.quant is not None for x in inputs):
            raise IrError(f"'{self.kind}' of {inputs[0]} and {inputs[1]}")
        return (y,)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        return (evaluate(self.kind, *inputs),)

    def lower(self, node: Node, low: Lowering) -> None:
        lower(self.kind, node, low)


def invert(builder: Builder, x: Value) -> Value:
    """Every bit of an integer, or a bool, the other way round."""
    ones = constant(np.asarray(True) if x.dtype == np.bool_ else np.invert(np.zeros((), x.dtype)))
    return builder.add(Integer("xor"), x, ones)


_KINDS = {
    "And": "and",
    "Or": "or",
    "Xor": "xor",
    "BitwiseAnd": "and",
    "BitwiseOr": "or",
    "BitwiseXor": "xor",
    "LOGICAL_AND": "and",
    "LOGICAL_OR": "or",
    "BITWISE_XOR": "xor",
    "RIGHT_SHIFT": "shift_right",
}


@onnx("And", "Or", "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor")
@tflite("LOGICAL_AND", "LOGICAL_OR", "BITWISE_XOR", "RIGHT_SHIFT")
def _bitwise(node: OnnxNode | TfliteNode) -> Value:
    return node.add(Integer(_KINDS[node.kind]), node.input(0), node.input(1))


@onnx("BitShift")
def _shift(node: OnnxNode) -> Value:
    direction = node.attribute("direction", "")
    if direction not in ("LEFT", "RIGHT"):
        raise IrError(f"direction '{direction}', expected LEFT or RIGHT")
    return node.add(Integer(f"shift_{direction.lower()}"), node.input(0), node.input(1))


@onnx("Not", "BitwiseNot")
def _not(node: OnnxNode) -> Value:
    return invert(node.builder, node.input(0))


@tflite("LOGICAL_NOT")
def _logical_not(node: TfliteNode) -> Value:
    return invert(node.builder, node.input(0))
