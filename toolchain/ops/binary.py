"""What operators of two broadcast operands share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from toolchain.ir import IrError, Op, Type
from toolchain.strides import collapse, repeated


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


def broadcast_params(a: Type, b: Type, y: Type) -> dict[str, Any]:
    """The SINTER_BROADCAST params, neighbouring axes merged where both operands walk through them evenly."""
    shape, (a_stride, b_stride) = collapse(y.shape, repeated(a.shape, y.shape), repeated(b.shape, y.shape))
    return {"shape": shape, "a_stride": a_stride, "b_stride": b_stride}


class Binary(Op):
    """An operator of two tensors of one element type, broadcast against each other."""

    elementwise: ClassVar[bool] = True

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        a, b = inputs
        if a.dtype != b.dtype:
            raise IrError(f"{self.name} of {a} and {b}: the element types differ")
        return (Type(broadcast_shape(a.shape, b.shape), a.dtype),)
