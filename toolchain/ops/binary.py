"""What operators of two broadcast operands share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from toolchain.ir import MAX_RANK, IrError, Op, Type


def broadcast_shape(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    """The shape of two tensors broadcast against each other, trailing axes aligned; IrError where they do not fit."""
    rank = max(len(a), len(b))
    pairs = zip((1,) * (rank - len(a)) + tuple(a), (1,) * (rank - len(b)) + tuple(b), strict=True)
    shape = []
    for n, m in pairs:
        if n != m and 1 not in (n, m):
            raise IrError(f"shapes {list(a)} and {list(b)} cannot be broadcast against each other")
        shape.append(m if n == 1 else n)
    return tuple(shape)


def strides(shape: Sequence[int], out: Sequence[int]) -> list[int]:
    """Element strides of a tensor along the axes of the shape it is broadcast to, 0 where it is repeated."""
    padded = (1,) * (len(out) - len(shape)) + tuple(shape)
    result, step = [], 1
    for extent in reversed(padded):
        result.append(0 if extent == 1 else step)
        step *= extent
    return result[::-1]


def broadcast_params(a: Type, b: Type, y: Type) -> dict[str, Any]:
    """The SINTER_BROADCAST params, neighbouring axes merged where both operands walk through them evenly."""
    merged: list[tuple[int, int, int]] = []
    for extent, left, right in zip(y.shape, strides(a.shape, y.shape), strides(b.shape, y.shape), strict=True):
        if extent == 1:
            continue
        if merged:
            outer, outer_left, outer_right = merged[-1]
            if outer_left == left * extent and outer_right == right * extent:
                merged[-1] = (outer * extent, left, right)
                continue
        merged.append((extent, left, right))
    rows = [(1, 0, 0)] * (MAX_RANK - len(merged)) + merged
    shape, a_stride, b_stride = zip(*rows, strict=True)
    return {"shape": shape, "a_stride": a_stride, "b_stride": b_stride}


class Binary(Op):
    """An operator of two tensors of one element type, broadcast against each other."""

    elementwise: ClassVar[bool] = True

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        a, b = inputs
        if a.dtype != b.dtype:
            raise IrError(f"{self.name} of {a} and {b}: the element types differ")
        return (Type(broadcast_shape(a.shape, b.shape), a.dtype),)
