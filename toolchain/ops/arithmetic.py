"""What the arithmetic operators of two tensors share, on float32, on integers and on quantised int8."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from toolchain.assets import KERNELS
from toolchain.importers.tflite import TfliteNode, activation
from toolchain.ir import Array, IrError, Node, Value, constant
from toolchain.lowering import Lowering
from toolchain.ops import integer
from toolchain.ops.binary import Binary, broadcast_params
from toolchain.records import rows


@dataclass(frozen=True)
class Arithmetic(Binary):
    """f(a, b) with broadcasting; float32 is clamped to [low, high], integers that are not quantised wrap."""

    low: float = -math.inf
    high: float = math.inf
    elementwise: ClassVar[bool] = True
    # The row of BINARY_F32_FUNCTIONS, and the row of integer.KINDS.
    function: ClassVar[str]
    kind: ClassVar[str]

    def real(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        """f in double."""
        raise NotImplementedError

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        a, b = inputs
        if a.dtype.kind != "f":
            return (integer.evaluate(self.kind, a, b),)
        with np.errstate(all="ignore"):
            result = self.real(a.astype(np.float64), b.astype(np.float64)).astype(a.dtype)
        return (np.asarray(np.clip(result, self.low, self.high)),)

    def lower(self, node: Node, low: Lowering) -> None:
        a, b = node.inputs
        y = node.output
        if y.type.size == 0:
            return
        if a.dtype.kind in "iu" and a.quant is None:
            integer.lower(self.kind, node, low)
        elif a.dtype == np.float32:
            function = rows(KERNELS / "binary_f32" / "binary_f32.h", "BINARY_F32_FUNCTIONS").index(self.function)
            clamp: dict[str, Any] = {"function": function, "low": self.low, "high": self.high}
            low.step("binary_f32", broadcast_params(a.type, b.type, y.type) | clamp, [a, b], [y])
        else:
            raise IrError(f"{self.name} of {a.type}: only float32, integers and quantised int8 are supported")


def all_int8(node: Node) -> bool:
    """Whether every input and output is quantised int8."""
    return all(value.dtype == np.int8 and value.quant is not None for value in (*node.inputs, *node.outputs))


def activated(node: TfliteNode, op: type[Arithmetic], code: int) -> Value:
    """The operator of a TFLite node's two inputs with its fused activation, which clamps plain integers too."""
    a, b, clamp = node.input(0), node.input(1), activation(code)
    if a.dtype.kind == "f" or a.quant is not None:
        return node.add(op(*clamp), a, b)
    y = node.add(op(), a, b)
    for kind, bound in (("maximum", clamp[0]), ("minimum", clamp[1])):
        if math.isfinite(bound):
            y = node.add(integer.Integer(kind), y, constant(np.asarray(bound, a.dtype)))
    return y
