"""One float operator whose inputs are dequantised and whose output is quantised, on the stored values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from toolchain.ir import IrError, Node, Op, Quant, Value, constant
from toolchain.ops.conv import Conv
from toolchain.ops.conv_transpose import ConvTranspose
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.pool import AveragePool
from toolchain.ops.quantize import Quantize
from toolchain.ops.reduce import Reduce
from toolchain.ops.resample import Resample
from toolchain.passes.quantization.products import product_inputs
from toolchain.passes.quantization.values import dequantized, stored_whole
from toolchain.quantize.elementwise import SOFTMAX_QUANT
from toolchain.quantize.numerics import dequantize, quantize
from toolchain.rewrite import Rewriter


def store_operator(rewriter: Rewriter, node: Node) -> str | None:
    """Quantize(op(Dequantize(x), ...)) to op(x, ...), where the op has an integer law for these types.

    An operator that keeps its input's quantisation is followed by a rescaling; one that wants all alike has its inputs rescaled.
    What averages is not rescaled to steps of less than half its input's, which its own rounding has lost.
    """
    quant = node.output.quant
    if not isinstance(node.op, Quantize) or quant is None or node.inputs[0].quantized or not stored_whole(node.output):
        return None
    real = rewriter.producer(node.inputs[0])
    if real is None or rewriter.reader(node.inputs[0]) is not node or len(real.outputs) != 1:
        return None
    product = isinstance(real.op, Conv | ConvTranspose | FullyConnected)
    inputs = product_inputs(rewriter, real) if product else _inputs(rewriter, real)
    if inputs is None:
        return None
    op = _rescaling(real.op, inputs[0], quant)
    for quants, result in _choices(inputs, quant):
        # Rescaled inputs may saturate where their average does not.
        lossy = quants[0] != inputs[0].quant or 2 * quant.scale[0] < result.scale[0]
        if lossy and isinstance(op, AveragePool | Resample):
            continue
        if _has_law(op, inputs, quants, result):
            stored = [rescaled(rewriter, value, wanted) for value, wanted in zip(inputs, quants, strict=True)]
            y = rewriter.add(op, *stored, name=real.name, quant=result)
            rewriter.replace(node.output, rescaled(rewriter, y, quant))
            return f"takes over {real}"
    return None


def _rescaling(op: Op, x: Value, quant: Quant) -> Op:
    """An average over the whole image as a mean, which rescales, where the result has another quantisation."""
    if not isinstance(op, AveragePool) or x.quant == quant or (op.low, op.high) != (-math.inf, math.inf):
        return op
    whole = op.window.kernel == x.shape[1:-1] and not any(map(any, op.window.pads))
    return Reduce("mean", tuple(range(1, x.type.rank - 1))) if whole else op


def _choices(inputs: list[Value], quant: Quant) -> Iterator[tuple[list[Quant | None], Quant]]:
    """Quantisations of the inputs and of the result to try.

    As they are; the result as the inputs; the inputs as the result; the result as softmax has it.
    """
    given = [value.quant for value in inputs]
    whole = [value.quant for value in inputs if value.quant is not None and stored_whole(value)]
    yield given, quant
    if whole and all(other == whole[0] for other in whole):
        yield given, whole[0]
    yield [quant if stored_whole(value) else value.quant for value in inputs], quant
    yield given, SOFTMAX_QUANT


def _has_law(op: Op, inputs: list[Value], quants: list[Quant | None], result: Quant) -> bool:
    values = [Value("", replace(value.type, quant=quant), value.data) for value, quant in zip(inputs, quants, strict=True)]
    try:
        (type,) = op.infer(*(value.type for value in values))
    except IrError:
        return False
    return type.dtype == np.int8 and op.integer(Node(op, values, [Value("", replace(type, quant=result))]))


def _inputs(rewriter: Rewriter, node: Node) -> list[Value] | None:
    """The stored inputs, those that are no reals as they are; None where one has no stored form."""
    inputs = []
    for value in node.inputs:
        stored: Value | None = value
        if value.dtype == np.float32:
            stored = dequantized(rewriter, value) if value.data is None else _scalar(value)
            if stored is None or not stored_whole(stored):
                return None
        assert stored is not None
        inputs.append(stored)
    return inputs if any(stored_whole(value) and value.data is None for value in inputs) else None


def _scalar(value: Value) -> Value | None:
    """A constant of one element with a scale of its own, which loses nothing."""
    if value.type.size != 1 or not np.isfinite(value.constant).all():
        return None
    real = float(value.constant.reshape(()))
    stored = np.full(value.shape, 0 if real == 0 else 127 if real > 0 else -127, np.int8)
    return constant(stored, value.name, Quant.of(abs(real) / 127 or 1.0, 0))


def rescaled(rewriter: Rewriter, value: Value, quant: Quant | None) -> Value:
    """An int8 value in another quantisation; a constant becomes one that is."""
    if quant is None or value.quant is None or value.quant == quant:
        return value
    if value.data is not None:
        return constant(quantize(dequantize(value.data, value.quant), quant, np.int8), value.name, quant)
    return rewriter.add(Quantize("int8"), value, quant=quant)
