"""Weighted sums of neighbouring elements along axes: what interpolation between pixels comes down to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.ir import Array, Builder, Cost, IrError, Node, Op, Type, Value
from toolchain.lowering import Lowering
from toolchain.ops.take import take
from toolchain.program import Operand

# The int8 law counts weights in multiples of 2^-10, as TFLite's RESIZE_BILINEAR does, and sums at most this many along an axis.
UNIT = 1 << 10
_MOST_TAPS = 4
# Two float axes are resampled in one step where a pixel sums at most this many elements.
_MOST_AT_ONCE = 4


@dataclass(frozen=True)
class Taps:
    """Output i along `axis` is the sum of weight[i, t] * x[index[i, t]]: `count` int32 indices and float64 weights for each i."""

    axis: int
    count: int
    index: bytes
    weight: bytes

    @staticmethod
    def of(axis: int, index: NDArray[np.int64], weight: NDArray[np.float64]) -> Taps:
        """From arrays [output extent, count]."""
        return Taps(axis, index.shape[1], index.astype(np.int32).tobytes(), weight.astype(np.float64).tobytes())

    @property
    def indices(self) -> NDArray[np.int32]:
        return np.frombuffer(self.index, np.int32).reshape(-1, self.count)

    @property
    def weights(self) -> NDArray[np.float64]:
        return np.frombuffer(self.weight, np.float64).reshape(-1, self.count)

    @property
    def extent(self) -> int:
        return len(self.index) // (4 * self.count)

    def fixed(self) -> NDArray[np.int32]:
        """The weights in multiples of 1 / UNIT; what rounding changes of their sum goes to the largest."""
        exact = self.weights * UNIT
        rounded = np.rint(exact)
        largest = np.abs(exact).argmax(axis=1)
        rounded[np.arange(len(exact)), largest] += np.rint(exact.sum(axis=1)) - rounded.sum(axis=1)
        stored: NDArray[np.int32] = rounded.astype(np.int32)
        return stored


@dataclass(frozen=True)
class Resample(Op):
    """x resampled along the axis of each of `taps`, one after the other.

    int8: along one axis or two adjacent ones; the exact sum, weights in multiples of 1 / UNIT, is rounded half away from zero once.
    """

    taps: tuple[Taps, ...]

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        shape = list(x.shape)
        if len({taps.axis for taps in self.taps}) != len(self.taps):
            raise IrError(f"Resample of {x} along axes {[taps.axis for taps in self.taps]}: expected each once")
        for taps in self.taps:
            if not 0 <= taps.axis < x.rank or (taps.indices < 0).any() or (taps.indices >= x.shape[taps.axis]).any():
                raise IrError(f"Resample of {x} along axis {taps.axis}: reaches outside")
            shape[taps.axis] = taps.extent
        return (x.with_shape(shape).with_dtype(x.dtype),)

    def integer(self, node: Node) -> bool:
        x, y = node.inputs[0], node.output
        fits = all(taps.count <= _MOST_TAPS for taps in self.taps) and len(self._planes(x.shape, math.inf)) == 1
        return x.dtype == np.int8 and x.quant is not None and x.quant.axis is None and x.quant == y.quant and fits

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        quantized = node.inputs[0].quant is not None
        y = inputs[0].astype(np.float64)
        for taps in self.taps:
            along = [1] * y.ndim
            along[taps.axis] = taps.extent
            weights = taps.fixed() if quantized else taps.weights
            terms = (
                np.take(y, taps.indices[:, t], axis=taps.axis) * weights[:, t].reshape(along).astype(np.float64)
                for t in range(taps.count)
            )
            y = sum(terms, start=np.zeros(()))
        if not quantized:
            return (y.astype(np.float32),)
        total = y.astype(np.int64) * UNIT ** (2 - len(self.taps))
        rounded = np.sign(total) * ((np.abs(total) + UNIT**2 // 2) // UNIT**2)
        return (np.clip(rounded, -128, 127).astype(np.int8),)

    def permuted(self, node: Node, axes: tuple[int, ...]) -> Resample:
        return Resample(tuple(Taps(axes.index(taps.axis), taps.count, taps.index, taps.weight) for taps in self.taps))

    def channelwise(self, node: Node) -> bool:
        return all(taps.axis != node.output.type.rank - 1 for taps in self.taps)

    def cost(self, node: Node) -> Cost:
        return Cost(node.output.type.size * sum(taps.count for taps in self.taps))

    def lower(self, node: Node, low: Lowering) -> None:
        x, y = node.inputs[0], node.output
        if y.type.size == 0:
            return
        if x.dtype != np.float32 and not self.integer(node):
            raise IrError(f"Resample of {x.type} to {y.type}: expected float32, or int8 along one axis or two adjacent ones")
        family = "resample_f32" if x.dtype == np.float32 else "resample_s8"
        planes = self._planes(x.shape, _MOST_AT_ONCE if x.dtype == np.float32 else math.inf)
        shape, source = list(x.shape), low.operand(x)
        for number, plane in enumerate(planes):
            params, tables = _plane(low, shape, plane, stored=x.dtype == np.int8)
            for taps in plane:
                shape[taps.axis] = taps.extent
            last = number == len(planes) - 1
            target = low.operand(y) if last else low.temporary(math.prod(shape) * x.dtype.itemsize, f"{y.name}/part")
            low.step(family, params, [source, *tables], [y if last else target])
            source = target

    def _planes(self, shape: tuple[int, ...], most: float) -> list[tuple[Taps, ...]]:
        """The taps in the order in which they apply, two adjacent axes together where a pixel then sums at most `most` elements."""
        planes: list[tuple[Taps, ...]] = []
        for taps in self.taps:
            if planes and len(planes[-1]) == 1:
                before = planes[-1][0]
                first, second = sorted((before, taps), key=lambda one: one.axis)
                if math.prod(shape[first.axis + 1 : second.axis]) == 1 and before.count * taps.count <= most:
                    planes[-1] = (first, second)
                    continue
            planes.append((taps,))
        return planes


def _plane(low: Lowering, shape: list[int], plane: tuple[Taps, ...], *, stored: bool) -> tuple[dict[str, int], list[Operand]]:
    """The params and tables of one step: a lone axis makes the rows, or the columns where few elements lie behind it."""
    rows, columns = plane[0], plane[-1]
    inner = math.prod(shape[columns.axis + 1 :])
    none = Taps.of(-1, np.zeros((1, 1), np.int64), np.ones((1, 1)))
    params = {
        "outer": math.prod(shape[: rows.axis]),
        "in_height": shape[rows.axis],
        "in_width": shape[columns.axis],
        "inner": inner,
    }
    if len(plane) == 1 and inner >= 16:
        columns, params["in_width"] = none, 1
    elif len(plane) == 1:
        rows, params["in_height"] = none, 1
    params |= {"height": rows.extent, "width": columns.extent, "row_taps": rows.count, "column_taps": columns.count}
    tables = []
    for taps in (rows, columns):
        weights = taps.fixed() if stored else taps.weights.astype(np.float32)
        tables += [low.constant(taps.indices, "indices"), low.constant(weights, "weights")]
    return params, tables


Table = tuple[NDArray[np.int64], NDArray[np.float64]]


def resample(builder: Builder, x: Value, tables: Mapping[int, Table]) -> Value:
    """x resampled along axes by (index, weight) tables [output extent, taps]; a Take where an axis is only picked from.

    Axes that shrink most go first, and among those that grow, the last.
    """
    weighted: list[Taps] = []
    order = sorted(tables, key=lambda axis: (len(tables[axis][0]) / max(x.shape[axis], 1), -axis))
    for axis in order:
        index, weight = tables[axis]
        used = np.asarray(weight.any(axis=0))
        used[:1] |= not used.any()
        index, weight = index[:, used], weight[:, used]
        if index.shape[1] > 1 or (weight != 1).any():
            weighted.append(Taps.of(axis, index, weight))
        elif not np.array_equal(index[:, 0], np.arange(x.shape[axis])):
            x = take(builder, x, axis, index[:, 0])
    return builder.add(Resample(tuple(weighted)), x, quant=x.quant) if weighted else x
