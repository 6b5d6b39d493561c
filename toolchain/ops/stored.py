"""Stored integers as ONNX spells them: a tensor, its scale and its zero point as inputs of the operator that reads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.ir import Builder, IrError, Op, Quant, Value, constant
from toolchain.ops.add import Add, Sub
from toolchain.ops.cast import Cast
from toolchain.ops.clip import Clip
from toolchain.ops.division import Div
from toolchain.ops.expand import Expand
from toolchain.ops.lookup import SAME, Lookup, flip_sign
from toolchain.ops.mul import Mul
from toolchain.ops.quantize import STORED, Dequantize, Quantize
from toolchain.ops.reshape import Reshape
from toolchain.ops.slice import span
from toolchain.ops.unary import Unary

_BYTES = (np.dtype(np.int8), np.dtype(np.uint8))


@dataclass(frozen=True)
class Scale:
    """What makes stored integers real: a scale and a zero point, whose element type is theirs.

    One for all, one for each index of `axis`, or one for each `block` elements along it.
    """

    scale: Value
    zero: Value
    axis: int | None = None
    block: int = 0

    @property
    def constant(self) -> bool:
        return self.scale.data is not None and self.zero.data is not None and not self.block

    @property
    def fixed(self) -> bool:
        """Whether both are constant and belong to bytes: then int8 operators can compute with them."""
        return self.constant and self.zero.dtype in _BYTES

    def quant(self, *, recoded: bool = True) -> Quant:
        """The same as the quantisation of a value: of the int8 value where `recoded`, zero points of uint8 moving by 128."""
        scale, zero = self.scale.constant.astype(np.float64).ravel(), self.zero.constant.astype(np.int64).ravel()
        if not (np.isfinite(scale) & (scale > 0)).all() or zero.size not in (1, scale.size) or not scale.size:
            raise IrError(f"scales {scale[:4]} with {zero.size} zero points, expected positive scales and a zero point for each")
        zeros = np.broadcast_to(zero - (128 if recoded and self.zero.dtype == np.uint8 else 0), scale.shape)
        return Quant(tuple(map(float, scale)), tuple(map(int, zeros)), None if scale.size == 1 else self.axis)

    def along(self, builder: Builder, value: Value, shape: tuple[int, ...]) -> Value:
        """The scale or the zero point in a shape that broadcasts to that of the tensor."""
        add, axis, block = builder.add, self.axis, self.block
        if value.type.size == 1:
            return add(Reshape(()), value)
        if axis is None or (not block and value.shape != shape[axis : axis + 1]):
            raise IrError(
                f"{value.type.size} scales or zero points for a tensor of shape {list(shape)}, expected one for each index"
            )
        if not block:
            return add(Reshape((value.type.size, *(1,) * (len(shape) - 1 - axis))), value)
        blocks = (*shape[:axis], -(-shape[axis] // block), *shape[axis + 1 :])
        if value.shape != blocks:
            raise IrError(f"scales or zero points {value.type} in blocks of {block} along axis {axis}, expected {list(blocks)}")
        split = add(Reshape((*blocks[: axis + 1], 1, *blocks[axis + 1 :])), value)
        spread = add(Expand((*blocks[: axis + 1], block, *blocks[axis + 1 :])), split)
        whole = add(Reshape((*blocks[:axis], blocks[axis] * block, *blocks[axis + 1 :])), spread)
        return add(span(axis, 0, shape[axis], whole.shape), whole)


@dataclass(frozen=True)
class Stored:
    """A stored tensor and its scale."""

    value: Value
    by: Scale

    def int8(self, builder: Builder) -> Value:
        """As a quantised int8 value; constants are recoded."""
        x, quant = self.value, self.by.quant()
        if x.dtype not in _BYTES or x.dtype != self.by.zero.dtype:
            raise IrError(f"stored tensor {x.type} with zero point {self.by.zero.type}, expected int8 or uint8, both the same")
        if x.data is not None:
            data = x.data if x.dtype == np.int8 else (x.data.astype(np.int16) - 128).astype(np.int8)
            return constant(data, x.name, quant)
        return builder.add(flip_sign(x.dtype) if x.dtype == np.uint8 else Lookup(SAME, "int8"), x, quant=quant)

    def real(self, builder: Builder) -> Value:
        """As float32: scale * (stored - zero)."""
        if self.by.fixed and self.value.dtype in _BYTES:
            return builder.add(Dequantize(), self.int8(builder))
        if self.value.data is not None and self.by.constant and self.value.dtype.name in STORED:
            return builder.add(Dequantize(), constant(self.value.data, self.value.name, self.by.quant(recoded=False)))
        shape = self.value.shape
        zero = self.by.along(builder, builder.add(Cast("float32"), self.by.zero), shape)
        offset = builder.add(Sub(), builder.add(Cast("float32"), self.value), zero)
        return builder.add(Mul(), offset, self.by.along(builder, self.by.scale, shape))


def scale_at(node: OnnxNode, index: int, dtype: np.dtype[np.generic] | None = None, axis: int | None = None) -> Scale:
    """The scale at input `index` and the zero point behind it, 0 of `dtype` where it is left out."""
    zero = node.optional(index + 1)
    return Scale(node.input(index), constant(np.zeros((), dtype or np.uint8)) if zero is None else zero, axis)


def stored_at(node: OnnxNode, index: int, axis: int | None = None) -> Stored:
    """The tensor at input `index` and the scale behind it."""
    return Stored(node.input(index), scale_at(node, index + 1, node.input(index).dtype, axis))


def store(node: OnnxNode, y: Value, by: Scale) -> Value:
    """A float as plain stored integers.

    Computed scales round halves to even, as ONNX does; constant ones follow the integer law.
    """
    if by.fixed:
        y = node.builder.add(Quantize("int8"), y, quant=by.quant())
        return node.add(flip_sign(y.dtype) if by.zero.dtype == np.uint8 else Lookup(SAME, "int8"), y)
    info, shape, add = np.iinfo(by.zero.dtype), y.shape, node.builder.add
    rounded = add(Unary("round"), add(Div(), y, by.along(node.builder, by.scale, shape)))
    moved = add(Add(), rounded, by.along(node.builder, add(Cast("float32"), by.zero), shape))
    return node.add(Cast(by.zero.dtype.name), add(Clip(float(info.min), float(info.max)), moved))


def computed(node: OnnxNode, op: Op, inputs: list[Stored], by: Scale) -> Value:
    """An operator on what stored tensors mean, its result stored by this scale; int8 where a pass finds its integer law."""
    return store(node, node.builder.add(op, *(x.real(node.builder) for x in inputs)), by)
