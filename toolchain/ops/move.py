"""What the operators that move elements share: the strided copy that they are lowered to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from toolchain.ir import Node, Op, Value
from toolchain.lowering import Lowering
from toolchain.strides import collapse, row_major


@dataclass(frozen=True)
class View:
    """A strided part of a value's memory: its first element and the elements between neighbours along each axis."""

    offset: int
    strides: tuple[int, ...]


def whole(shape: Sequence[int]) -> View:
    """All of a contiguous value."""
    return View(0, row_major(shape))


class Movement(Op):
    """An operator whose output elements are copies of input elements; it keeps the quantisation."""

    movement = True

    def integer(self, node: Node) -> bool:
        return all(value.quant == node.output.quant for value in node.inputs)


def move(low: Lowering, source: Value, target: Value, shape: Sequence[int], inner: View, outer: View) -> None:
    """Append the copy of the elements of `source` that `inner` reaches to those of `target` that `outer` reaches."""
    if math.prod(shape) == 0:
        return
    extents, (in_stride, out_stride) = collapse(shape, inner.strides, outer.strides)
    order = list(range(len(extents)))
    along = [axis for axis in order if in_stride[axis] == 1 and extents[axis] > 1]
    if along and along[0] != order[-1]:
        # The last two axes are the output's and the input's contiguous ones, so that kernels see squares to transpose.
        order.insert(len(order) - 2, order.pop(along[0]))
    extents, in_stride, out_stride = (tuple(row[axis] for axis in order) for row in (extents, in_stride, out_stride))
    params = {
        "shape": extents,
        "in_stride": in_stride,
        "out_stride": out_stride,
        "in_offset": inner.offset,
        "out_offset": outer.offset,
        "size": source.dtype.itemsize,
    }
    low.step("move", params, [source], [target])
