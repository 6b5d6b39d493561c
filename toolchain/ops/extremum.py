"""The smaller and the larger of two tensors."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Node, Value
from toolchain.lowering import Lowering
from toolchain.ops import integer
from toolchain.ops.arithmetic import Arithmetic


@dataclass(frozen=True)
class Minimum(Arithmetic):
    """min(a, b) with broadcasting, NaN if either is; int8 quantised alike compares as stored."""

    function: ClassVar[str] = "minimum"
    kind: ClassVar[str] = "minimum"

    def integer(self, node: Node) -> bool:
        a, b = node.inputs
        return a.dtype == np.int8 and a.quant == b.quant == node.output.quant

    def real(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.minimum(a, b) if self.kind == "minimum" else np.maximum(a, b)

    def lower(self, node: Node, low: Lowering) -> None:
        if node.inputs[0].quant is not None and self.integer(node):
            integer.lower(self.kind, node, low)
        else:
            super().lower(node, low)


@dataclass(frozen=True)
class Maximum(Minimum):
    """max(a, b), otherwise as Minimum."""

    function: ClassVar[str] = "maximum"
    kind: ClassVar[str] = "maximum"


@onnx("Min", "Max")
def _from_onnx(node: OnnxNode) -> Value:
    op = Minimum() if node.kind == "Min" else Maximum()
    return functools.reduce(lambda left, right: node.builder.add(op, left, right, name=node.name), node.inputs())


@tflite("MINIMUM", "MAXIMUM")
def _from_tflite(node: TfliteNode) -> Value:
    return node.add(Minimum() if node.kind == "MINIMUM" else Maximum(), node.input(0), node.input(1))
