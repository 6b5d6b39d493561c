"""Between reals and stored integers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from toolchain.importers.spelling import tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import DTYPES, Array, IrError, Node, Op, Quant, Type, Value, constant
from toolchain.lowering import Lowering
from toolchain.ops.lookup import lower_table
from toolchain.quantize import elementwise, numerics

STORED = ("int8", "uint8", "int16", "uint16", "int32")


@dataclass(frozen=True)
class Quantize(Op):
    """float32, or int8 quantised in another way, to `dtype` with the output's scale and zero point; halves away from zero."""

    dtype: str
    elementwise: ClassVar[bool] = True

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if self.dtype not in STORED or (x.dtype != np.float32 and x.quant is None):
            raise IrError(f"Quantize of {x} to {self.dtype}, expected float32 or quantised, to one of {', '.join(STORED)}")
        return (Type(x.shape, np.dtype(self.dtype)),)

    def integer(self, node: Node) -> bool:
        return node.inputs[0].dtype == node.output.dtype == np.int8

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        source, target = node.inputs[0].quant, node.output.quant
        if target is None:
            raise IrError(f"{node} has an output without scale")
        if source is not None:
            return (elementwise.requantize(x, source, target, self.dtype),)
        return (numerics.quantize(x, target, self.dtype),)

    def lower(self, node: Node, low: Lowering) -> None:
        x, y = node.inputs[0], node.output
        if y.quant is None:
            raise IrError(f"{node} has an output without scale")
        if x.quant is None:
            low.step("quantize", _params(x.type, y.quant, y.dtype), [x, *_operands(low, y.quant)], [y])
        elif x.dtype == y.dtype == np.int8:
            lower_table(node, low, elementwise.requantize(elementwise.all_int8(), x.quant, y.quant, np.int8))
        else:
            raise IrError(f"Quantize of {x.type} to {y.type}: only float32 and int8 can be quantised anew")


@dataclass(frozen=True)
class Dequantize(Op):
    """Stored integers to float32: scale * (stored - zero). Constants keep their stored form, for quantised operators to read."""

    elementwise: ClassVar[bool] = True
    folds: ClassVar[bool] = False

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if x.quant is None or x.dtype.name not in STORED:
            raise IrError(f"Dequantize of {x}, expected a scale and one of {', '.join(STORED)}")
        return (Type(x.shape, np.dtype(np.float32)),)

    def integer(self, node: Node) -> bool:
        return True

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        quant = node.inputs[0].quant
        assert quant is not None
        return (numerics.dequantize(inputs[0], quant),)

    def lower(self, node: Node, low: Lowering) -> None:
        x = node.inputs[0]
        assert x.quant is not None
        low.step("dequantize", _params(x.type, x.quant, x.dtype), [x, *_operands(low, x.quant)], [node.output])


def _params(type: Type, quant: Quant, dtype: np.dtype[Any]) -> dict[str, int]:
    if quant.axis is None:
        outer, inner = 1, type.size
    else:
        outer, inner = math.prod(type.shape[: quant.axis]), math.prod(type.shape[quant.axis + 1 :])
    return {"outer": outer, "channels": len(quant.scale), "inner": inner, "dtype": DTYPES.index(dtype)}


def _operands(low: Lowering, quant: Quant) -> list[Any]:
    return [low.constant(quant.scales(), "scale"), low.constant(quant.zeros(), "zero")]


@tflite("QUANTIZE")
def _quantize_from_tflite(node: TfliteNode) -> Value:
    declared = node.declared(0)
    return node.add(Quantize(declared.dtype.name), node.input(0))


@tflite("DEQUANTIZE")
def _dequantize_from_tflite(node: TfliteNode) -> Value:
    x = node.input(0)
    if x.dtype == np.float16 and x.data is not None:
        return constant(x.data.astype(np.float32), x.name)
    return node.add(Dequantize(), x)
