"""Strided views for kernels: which element of an operand each index of a space of rank 8 meets."""

from __future__ import annotations

from collections.abc import Sequence

from toolchain.ir import MAX_RANK, IrError

Strides = tuple[int, ...]


def row_major(shape: Sequence[int]) -> Strides:
    """The strides, in elements, of a contiguous array."""
    strides, step = [], 1
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))


def repeated(shape: Sequence[int], out: Sequence[int]) -> Strides:
    """The strides of an array of `shape` along the axes of `out`, which it is broadcast to: 0 where it is repeated."""
    padded = (1,) * (len(out) - len(shape)) + tuple(shape)
    return tuple(0 if extent == 1 else stride for extent, stride in zip(padded, row_major(padded), strict=True))


def collapse(shape: Sequence[int], *views: Sequence[int]) -> tuple[tuple[int, ...], list[Strides]]:
    """The same index space with as few axes as the strides of all views allow, then rank 8, leading axes filled with 1."""
    axes: list[tuple[int, Strides]] = []
    for extent, *steps in zip(shape, *views, strict=True):
        if extent == 1:
            continue
        if axes and all(outer == step * extent for outer, step in zip(axes[-1][1], steps, strict=True)):
            axes[-1] = (axes[-1][0] * extent, tuple(steps))
        else:
            axes.append((extent, tuple(steps)))
    if len(axes) > MAX_RANK:
        raise IrError(f"an index space of {len(axes)} axes, at most {MAX_RANK} are supported")
    missing = MAX_RANK - len(axes)
    extents = (1,) * missing + tuple(extent for extent, _ in axes)
    return extents, [(0,) * missing + tuple(steps[i] for _, steps in axes) for i in range(len(views))]
