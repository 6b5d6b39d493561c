"""Operators on stored integers that no law covers become tables, or compute in float32 between conversions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolchain.ir import Array, Graph, Node, Quant, Type, Value, constant
from toolchain.ops.conv import Conv
from toolchain.ops.conv_transpose import ConvTranspose
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.lookup import Lookup
from toolchain.ops.quantize import Dequantize, Quantize
from toolchain.quantize.numerics import dequantize, quantize
from toolchain.rewrite import Rewriter, rewrite


def legalize(graph: Graph) -> list[str]:
    """Replace every operator on quantised values for which `integer` is false.

    A function of one byte becomes a table of 256 entries, a movement is followed by a rescaling, the rest computes in float32.
    """
    return rewrite(graph, _legalize)


def _legalize(rewriter: Rewriter, node: Node) -> str | None:
    values = [*node.inputs, *node.outputs]
    if isinstance(node.op, Quantize | Dequantize) or not any(value.quantized for value in values) or node.op.integer(node):
        return None
    return _rescale(rewriter, node) or _tabulate(rewriter, node) or _compute_in_float(rewriter, node)


def _rescale(rewriter: Rewriter, node: Node) -> str | None:
    """A movement between two quantisations."""
    x, y = (node.inputs or node.outputs)[0], node.output
    kept = Node(node.op, node.inputs, [Value("", replace(y.type, quant=x.quant))])
    if not node.op.movement or len(node.outputs) != 1 or not x.dtype == y.dtype == np.int8:
        return None
    if x.quant is None or y.quant is None or x.quant.axis is not None or y.quant.axis is not None or not node.op.integer(kept):
        return None
    moved = rewriter.add(node.op, *node.inputs, quant=x.quant)
    rewriter.replace(y, rewriter.add(Quantize("int8"), moved, quant=y.quant))
    return "moves bytes, then rescales them"


def _tabulate(rewriter: Rewriter, node: Node) -> str | None:
    """A function of one stored byte to another, constants of one element beside it."""
    computed = [value for value in node.inputs if value.data is None]
    if not node.op.elementwise or len(node.outputs) != 1 or len(computed) != 1:
        return None
    x, y = computed[0], node.output
    scalars = all(value.type.size == 1 for value in node.inputs if value is not x)
    if not scalars or any(v.dtype.itemsize != 1 or v.quant is None or v.quant.axis is not None for v in (x, y)):
        return None
    assert x.quant is not None and y.quant is not None
    every = dequantize(np.arange(256, dtype=np.uint8).view(x.dtype), x.quant)
    inputs = [Value("", Type((256,), np.dtype(np.float32))) if value is x else _as_float(node, value) for value in node.inputs]
    result = Value("", Type((256,), np.dtype(np.float32)))
    arrays = [every if value.data is None else value.constant.reshape(()) for value in inputs]
    with np.errstate(all="ignore"):
        (real,) = node.op.evaluate(Node(node.op, inputs, [result]), *arrays)
    table = quantize(np.broadcast_to(real, (256,)), y.quant, y.dtype)
    rewriter.replace(y, rewriter.add(Lookup(table.tobytes(), y.dtype.name), x, quant=y.quant))
    return "is a table of 256 entries"


def _compute_in_float(rewriter: Rewriter, node: Node) -> str | None:
    # Small integers that mean nothing real cannot be mixed with those that do; lowering refuses the node with its types.
    if any(
        value.dtype.kind in "iu" and value.dtype.itemsize < 4 and not value.quantized for value in (*node.inputs, *node.outputs)
    ):
        return None
    inputs = [_as_float(node, value) if value.data is not None else _dequantized(rewriter, value) for value in node.inputs]
    for old, new in zip(node.outputs, rewriter.add_all(node.op, *inputs, name=f"{node.name}/float32"), strict=True):
        stored = new if old.quant is None else rewriter.add(Quantize(old.dtype.name), new, name=old.name, quant=old.quant)
        rewriter.replace(old, stored)
    return "computes in float32: it has no integer law for these types"


def _dequantized(rewriter: Rewriter, value: Value) -> Value:
    return rewriter.add(Dequantize(), value) if value.quantized else value


def _as_float(node: Node, value: Value) -> Value:
    """A stored constant as float32; the bias of a layer may leave its scale to the input and the weights."""
    quant = value.quant
    if isinstance(node.op, Conv | ConvTranspose | FullyConnected) and value is node.inputs[2] and quant is None:
        quant = _product_quant(node)
    if quant is None:
        return value
    data: Array = dequantize(value.constant, quant)
    return constant(data, value.name)


def _product_quant(node: Node) -> Quant | None:
    x, w, b = (value.quant for value in node.inputs)
    if x is None or w is None or b is not None:
        return None
    scales = tuple(float(scale) for scale in np.float32(x.scale[0]) * w.scales())
    return Quant(scales, (0,) * len(scales), None if len(scales) == 1 else 0)
