"""Comparison of two tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import DTYPES, Array, IrError, Node, Type, Value, constant
from toolchain.lowering import Lowering
from toolchain.ops.binary import Binary, broadcast_params, broadcast_shape
from toolchain.ops.integer import Integer

_FUNCTIONS: dict[str, Any] = {
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
}


@dataclass(frozen=True)
class Compare(Binary):
    """a <kind> b as bool, with broadcasting; kind is equal, not_equal, less or less_equal. Quantised alike, integers compare."""

    elementwise = True

    kind: str

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        a, b = inputs
        if a.dtype != b.dtype:
            raise IrError(f"Compare of {a} and {b}: the element types differ")
        return (Type(broadcast_shape(a.shape, b.shape), np.dtype(np.bool_)),)

    def integer(self, node: Node) -> bool:
        a, b = node.inputs
        return a.quant == b.quant

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        return (np.asarray(_FUNCTIONS[self.kind](*inputs)),)

    def lower(self, node: Node, low: Lowering) -> None:
        a, b = node.inputs
        if node.output.type.size:
            # In the order of CompareKind in kernels/compare/compare.h.
            codes = {"kind": list(_FUNCTIONS).index(self.kind), "dtype": DTYPES.index(a.dtype)}
            low.step("compare", broadcast_params(a.type, b.type, node.output.type) | codes, [a, b], [node.output])


_KINDS = {
    "Equal": ("equal", False),
    "Less": ("less", False),
    "LessOrEqual": ("less_equal", False),
    "Greater": ("less", True),
    "GreaterOrEqual": ("less_equal", True),
    "EQUAL": ("equal", False),
    "NOT_EQUAL": ("not_equal", False),
    "LESS": ("less", False),
    "LESS_EQUAL": ("less_equal", False),
    "GREATER": ("less", True),
    "GREATER_EQUAL": ("less_equal", True),
}


@onnx("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
@tflite("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
def _compare(node: OnnxNode | TfliteNode) -> Value:
    kind, swapped = _KINDS[node.kind]
    a, b = node.input(0), node.input(1)
    return node.add(Compare(kind), b, a) if swapped else node.add(Compare(kind), a, b)


@onnx("IsNaN")
def _is_nan(node: OnnxNode) -> Value:
    return node.add(Compare("not_equal"), node.input(0), node.input(0))


@onnx("IsInf")
def _is_infinite(node: OnnxNode) -> Value:
    x = node.input(0)
    ends = [np.float32(sign * np.inf) for sign, name in ((1, "positive"), (-1, "negative")) if node.attribute(f"detect_{name}", 1)]
    hits = [node.builder.add(Compare("equal"), x, constant(end)) for end in ends]
    return node.add(Integer("or"), *hits) if len(hits) == 2 else (hits or [constant(np.zeros(x.shape, np.bool_))])[0]
