"""Axes as files give them: counted from either end."""

from __future__ import annotations

from collections.abc import Sequence

from toolchain.ir import IrError


def normal_axis(axis: int, rank: int) -> int:
    """An axis counted from the front; IrError where there is none."""
    if not -rank <= axis < rank:
        raise IrError(f"axis {axis} of rank {rank}, expected {-rank} to {rank - 1}")
    return axis % rank


def normal_axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front; IrError where one does not exist or comes twice."""
    result = tuple(normal_axis(axis, rank) for axis in axes)
    if len(set(result)) != len(result):
        raise IrError(f"axes {list(axes)} name one twice")
    return result
