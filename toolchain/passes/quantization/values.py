"""Stored values between conversions: recoded, converted once, and moved before they are dequantised."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from toolchain.ir import Node, Quant, Value
from toolchain.ops.lookup import flip_sign
from toolchain.ops.pool import MaxPool
from toolchain.ops.quantize import Dequantize, Quantize
from toolchain.rewrite import Rewriter


def recode_uint8(rewriter: Rewriter, node: Node) -> str | None:
    """Quantise to, and dequantise from, int8 instead of uint8; a table of 256 entries stands in between."""
    x, y = (node.inputs or node.outputs)[0], node.output
    if isinstance(node.op, Quantize) and y.dtype == np.uint8 and y.quant is not None:
        stored = rewriter.add(Quantize("int8"), x, quant=_moved(y.quant, -128))
        rewriter.replace(y, rewriter.add(flip_sign(stored.dtype), stored, quant=y.quant))
    elif isinstance(node.op, Dequantize) and x.dtype == np.uint8 and x.quant is not None:
        stored = rewriter.add(flip_sign(x.dtype), x, quant=_moved(x.quant, -128))
        rewriter.replace(y, rewriter.add(Dequantize(), stored))
    else:
        return None
    return "stores int8"


def _moved(quant: Quant, by: int) -> Quant:
    return replace(quant, zero=tuple(zero + by for zero in quant.zero))


def merge_conversions(rewriter: Rewriter, node: Node) -> str | None:
    """Quantize(Dequantize(x)) is x, or one rescaling of int8."""
    if not isinstance(node.op, Quantize):
        return None
    y = node.output
    source = rewriter.producer(node.inputs[0], Dequantize)
    x = source.inputs[0] if source is not None else node.inputs[0]
    if x.type == y.type:
        rewriter.replace(y, x)
        return "stores what is stored already"
    if source is None or not (stored_whole(x) and stored_whole(y)):
        return None
    rewriter.replace(y, rewriter.add(node.op, x, quant=y.quant))
    return "rescales the stored value"


def move_stored_values(rewriter: Rewriter, node: Node) -> str | None:
    """A movement, or a maximum, of dequantised values works on the stored values, which are dequantised afterwards."""
    if not (node.op.movement or isinstance(node.op, MaxPool)) or len(node.outputs) != 1 or not node.inputs:
        return None
    stored = [dequantized(rewriter, value) for value in node.inputs]
    inputs = [value for value in stored if value is not None]
    if len(inputs) < len(stored) or not stored_whole(inputs[0]) or any(value.quant != inputs[0].quant for value in inputs):
        return None
    if any(value.dtype != np.int8 for value in inputs):
        return None
    moved = rewriter.add(node.op, *inputs, quant=inputs[0].quant)
    rewriter.replace(node.output, rewriter.add(Dequantize(), moved))
    return "works on the stored values"


def store_before_moving(rewriter: Rewriter, node: Node) -> str | None:
    """What quantises a moved value, or a maximum, quantises before it."""
    if not isinstance(node.op, Quantize) or node.inputs[0].quantized or not stored_whole(node.output):
        return None
    moved, quant = rewriter.producer(node.inputs[0]), node.output.quant
    if moved is None or rewriter.reader(node.inputs[0]) is not node or len(moved.outputs) != 1:
        return None
    maximum = isinstance(moved.op, MaxPool) and math.isinf(moved.op.low) and math.isinf(moved.op.high)
    if not (moved.op.movement or maximum) or any(value.dtype != np.float32 for value in moved.inputs):
        return None
    stored = [rewriter.add(node.op, value, quant=quant) for value in moved.inputs]
    rewriter.replace(node.output, rewriter.add(moved.op, *stored, name=moved.name, quant=quant))
    return f"comes before {moved}"


def dequantized(rewriter: Rewriter, value: Value) -> Value | None:
    """The stored form of a dequantised value."""
    source = rewriter.producer(value, Dequantize)
    return source.inputs[0] if source is not None else None


def stored_whole(value: Value) -> bool:
    """Whether the value is int8 with one scale for the whole tensor."""
    return value.dtype == np.int8 and value.quant is not None and value.quant.axis is None
