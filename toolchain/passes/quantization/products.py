"""The stored weights and biases of layers, and layers that stand for a factor and a term for each channel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from toolchain.ir import Array, Node, Quant, Value, constant
from toolchain.ops.conv import Conv
from toolchain.ops.quantize import Dequantize, Quantize
from toolchain.ops.reshape import Reshape
from toolchain.passes.fuse_scales import Affine, affine
from toolchain.passes.quantization.values import dequantized, stored_whole
from toolchain.quantize.numerics import dequantize, integer_range
from toolchain.rewrite import Rewriter
from toolchain.spatial import Window

_WEIGHT_MAX = 127
# Biases are kept this far from the ends of int32, so that no accumulator wraps.
_BIAS_MAX = 1 << 30
# Constants of more elements are no parameters of a batch normalisation.
_KNOWN_LIMIT = 1 << 16
F64 = NDArray[np.float64]


def product_inputs(rewriter: Rewriter, node: Node) -> list[Value] | None:
    """Stored input and weights of a convolution or dense layer, and the bias in int32 at the product of their scales."""
    x, w = (dequantized(rewriter, value) for value in node.inputs[:2])
    if x is None or w is None or not stored_whole(x) or w.data is None or w.quant is None or w.quant.axis not in (None, 0):
        return None
    if w.dtype not in (np.int8, np.uint8):
        return None
    w = centred(w)
    assert x.quant is not None and w.quant is not None
    scale = np.float64(x.quant.scale[0]) * w.quant.scales().astype(np.float64)
    bias = node.inputs[2]
    stored = dequantized(rewriter, bias)
    if stored is not None and stored.data is not None and stored.dtype == np.int32 and stored.quant is not None:
        if not any(stored.quant.zero) and np.allclose(stored.quant.scales(), scale, rtol=1e-5, atol=0):
            return [x, w, constant(stored.data, stored.name)]
        bias = constant(dequantize(stored.data, stored.quant), stored.name)
    if bias.data is None:
        return None
    return [x, w, constant(_rounded(bias.data / scale), bias.name)]


def _rounded(bias: Array) -> NDArray[np.int32]:
    low, high = integer_range(np.int32)
    stored: NDArray[np.int32] = np.clip(np.rint(np.asarray(bias, np.float64)), low, high).astype(np.int32)
    return stored


def centred(weights: Value) -> Value:
    """Weights with zero point 0. Outputs whose weights then leave int8 are rounded to a scale of their own, max|w| / 127."""
    quant, data = weights.quant, weights.constant
    assert quant is not None
    column = (-1, *(1,) * (weights.type.rank - 1))
    moved = data.astype(np.int64) - quant.zeros().reshape(column)
    low, high = integer_range(np.int8)
    wide = ((moved < low) | (moved > high)).reshape(len(moved), -1).any(axis=1)
    if not wide.any():
        return constant(moved.astype(np.int8), weights.name, replace(quant, zero=(0,) * len(quant.zero)))
    largest = np.where(wide, np.abs(moved).reshape(len(moved), -1).max(axis=1), _WEIGHT_MAX)
    scales = (quant.scales().astype(np.float64) * largest / _WEIGHT_MAX).astype(np.float32)
    rounded = np.rint(moved * (_WEIGHT_MAX / largest).reshape(column)).astype(np.int8)
    return constant(rounded, weights.name, Quant(tuple(map(float, scales)), (0,) * len(scales), 0))


def store_affine(rewriter: Rewriter, node: Node) -> str | None:
    """Quantize(Dequantize(x) * factor + term) for each channel, a batch normalisation, to a depthwise convolution of one tap."""
    quant = node.output.quant
    if not isinstance(node.op, Quantize) or quant is None or node.inputs[0].quantized or not stored_whole(node.output):
        return None
    found = _chain(rewriter, node.inputs[0])
    x = dequantized(rewriter, found.x) if found is not None else None
    if found is None or x is None or not stored_whole(x) or x.quant is None or not x.shape:
        return None
    count, rank = x.shape[-1], x.type.rank
    factor, term = (np.broadcast_to(part, count) for part in (found.factor, found.term))
    scale = np.maximum(np.abs(factor) / _WEIGHT_MAX, np.abs(term) / (x.quant.scale[0] * _BIAS_MAX)).astype(np.float32)
    if not np.isfinite(scale).all() or x.type.size == 0:
        return None
    scale = np.where(scale > 0, scale, np.float32(1))
    spatial = rank - 2 if 3 <= rank <= 5 else 1
    shape = x.shape if 3 <= rank <= 5 else (1, x.type.size // count, count)
    ones = (1,) * spatial
    op = Conv(Window(ones, ones, ones, ((0, 0),) * spatial), count, found.low, found.high)
    weights = np.rint(factor / scale).astype(np.int8).reshape(count, *ones, 1)
    bias = constant(_rounded(term / (x.quant.scale[0] * scale.astype(np.float64))), f"{node.name}/bias")
    w = constant(weights, f"{node.name}/weights", Quant(tuple(map(float, scale)), (0,) * count, 0))
    image = x if shape == x.shape else rewriter.add(Reshape(shape), x, quant=x.quant)
    y = rewriter.add(op, image, w, bias, quant=quant)
    rewriter.replace(node.output, y if shape == x.shape else rewriter.add(Reshape(x.shape), y, quant=quant))
    return "takes over a factor and a term for each channel"


def _chain(rewriter: Rewriter, value: Value) -> Affine | None:
    """The sums and products with constants that compute `value`, as one; only the last of them may clamp."""
    result: Affine | None = None
    while True:
        node = rewriter.producer(value)
        step = affine(node, lambda v: _known(rewriter, v)) if node is not None and rewriter.reader(value) is not None else None
        if step is None or (result is not None and step.clamps):
            return result
        if result is None:
            result = step
        else:
            term = step.term * result.factor + result.term
            result = Affine(step.x, step.factor * result.factor, term, result.low, result.high)
        value = step.x


def _known(rewriter: Rewriter, value: Value) -> Array | None:
    """The data of a constant, or of what is computed from nothing but constants, dequantised ones among them."""
    if value.data is not None:
        return value.data
    node = rewriter.producer(value)
    if node is None or len(node.outputs) != 1 or value.type.size > _KNOWN_LIMIT:
        return None
    if any(v.quantized for v in (*node.inputs, value)) and not isinstance(node.op, Dequantize):
        return None
    inputs = []
    for source in node.inputs:
        data = _known(rewriter, source)
        if data is None:
            return None
        inputs.append(data)
    (result,) = node.op.evaluate(node, *inputs)
    return result
