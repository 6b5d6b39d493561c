"""Movements of dequantised constants move the stored constants instead."""

from __future__ import annotations

from dataclasses import replace

from toolchain.ir import Node, Quant, Value, constant
from toolchain.ops.quantize import Dequantize
from toolchain.ops.reshape import Reshape
from toolchain.ops.transpose import Transpose
from toolchain.passes.layout.axes import quant_along
from toolchain.passes.layout.reshapes import groups
from toolchain.rewrite import Rewriter


def move_stored(rewriter: Rewriter, node: Node) -> str | None:
    """Transpose or Reshape of Dequantize(constant) to Dequantize of the moved constant."""
    source = rewriter.producer(node.inputs[0], Dequantize) if isinstance(node.op, Transpose | Reshape) else None
    if source is None or source.inputs[0].data is None:
        return None
    stored = source.inputs[0]
    if isinstance(node.op, Transpose):
        quant = quant_along(stored.quant, node.op.perm)
    else:
        quant = _reshaped(stored.quant, stored.shape, node.output.shape)
        if quant is None:
            return None
    (data,) = node.op.evaluate(node, stored.constant)
    rewriter.replace(node.output, rewriter.add(source.op, constant(data, stored.name, quant)))
    return "moves the stored constant"


def is_stored(rewriter: Rewriter, value: Value) -> bool:
    """Whether `value` is a constant, or a dequantised one."""
    source = rewriter.producer(value, Dequantize)
    return value.data is not None or (source is not None and source.inputs[0].data is not None)


def _reshaped(quant: Quant | None, source: tuple[int, ...], target: tuple[int, ...]) -> Quant | None:
    """The quantisation after a reshape, None where its axis does not survive whole."""
    if quant is None or quant.axis is None:
        return quant
    for merged, split in groups(source, target):
        if quant.axis in merged:
            wide = [axis for axis in merged if source[axis] != 1], [axis for axis in split if target[axis] != 1]
            return replace(quant, axis=wide[1][0]) if wide[0] == [quant.axis] and len(wide[1]) == 1 else None
    return None
