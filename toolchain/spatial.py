"""Geometry of convolution and pooling: windows over one to three spatial axes, channels last."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolchain.ir import Array, IrError, Type

Pads = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Window:
    """A sliding window; `pads` holds (before, after) for each spatial axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: Pads

    def __post_init__(self) -> None:
        ranks = {len(self.kernel), len(self.stride), len(self.dilation), len(self.pads)}
        if len(ranks) != 1 or not 1 <= len(self.kernel) <= 3:
            raise IrError(f"a window needs one to three spatial axes, the same number in each attribute: {self}")
        if min(*self.kernel, *self.stride, *self.dilation) < 1 or any(n < 0 for pad in self.pads for n in pad):
            raise IrError(f"a window's kernel, stride and dilation are at least 1 and its pads at least 0: {self}")

    def out(self, spatial: Sequence[int]) -> tuple[int, ...]:
        """Output extents for these input extents; IrError where the window does not fit."""
        extents = []
        for n, k, s, d, (before, after) in zip(spatial, self.kernel, self.stride, self.dilation, self.pads, strict=True):
            extent = (n + before + after - (k - 1) * d - 1) // s + 1
            if extent < 1:
                raise IrError(f"a window of {self.kernel} does not fit into {tuple(spatial)} with pads {self.pads}")
            extents.append(extent)
        return tuple(extents)

    def taps(self, x: Array, fill: Any) -> Iterator[tuple[tuple[int, ...], Array]]:
        """For every tap its index and what it sees: [batch, *out, channels]; `fill` outside the input."""
        out = self.out(x.shape[1:-1])
        padded = np.pad(x, ((0, 0), *self.pads, (0, 0)), constant_values=fill)
        for tap in np.ndindex(*self.kernel):
            index = tuple(
                slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in zip(tap, self.dilation, out, self.stride, strict=True)
            )
            yield tap, padded[(slice(None), *index)]

    def three(self, x: Type, y: Type, values: Sequence[int], fill: int) -> list[int]:
        """A value for each of three axes, leading ones filled. Axes of one element come first: kernels work along the last one."""
        extents = zip(x.shape[1:-1], y.shape[1:-1], self.kernel, self.pads, strict=True)
        single = [extent == (1, 1, 1, (0, 0)) for extent in extents]
        order = sorted(range(len(single)), key=lambda axis: not single[axis])
        return [fill] * (3 - len(order)) + [int(values[axis]) for axis in order]

    def params(self, x: Type, y: Type) -> dict[str, Any]:
        """The SINTER_SPATIAL params for these channels-last types."""

        def three(values: Sequence[int], fill: int) -> list[int]:
            return self.three(x, y, values, fill)

        return {
            "batch": x.shape[0],
            "in": three(x.shape[1:-1], 1),
            "out": three(y.shape[1:-1], 1),
            "kernel": three(self.kernel, 1),
            "stride": three(self.stride, 1),
            "dilation": three(self.dilation, 1),
            "pad": three([before for before, _ in self.pads], 0),
            "in_channels": x.shape[-1],
            "out_channels": y.shape[-1],
        }


def pointwise(rows: int, in_channels: int, out_channels: int) -> dict[str, Any]:
    """The SINTER_SPATIAL params of a matrix product: `rows` pixels, a window of one."""
    ones = [1, 1, 1]
    return {
        "batch": 1,
        "in": [1, 1, rows],
        "out": [1, 1, rows],
        "kernel": ones,
        "stride": ones,
        "dilation": ones,
        "pad": [0, 0, 0],
        "in_channels": in_channels,
        "out_channels": out_channels,
    }


def same_pads(
    spatial: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], *, lower: bool = False
) -> Pads:
    """TFLite's and ONNX's SAME padding: output extent ceil(n / stride), the odd element after (before, if `lower`)."""
    if min(*kernel, *stride, *dilation) < 1:
        raise IrError(f"window {kernel} with stride {stride} and dilation {dilation}: expected at least 1 each")
    pads = []
    for n, k, s, d in zip(spatial, kernel, stride, dilation, strict=True):
        total = max((math.ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0)
        small = total // 2
        pads.append((total - small, small) if lower else (small, total - small))
    return tuple(pads)


def channels_last(rank: int) -> tuple[int, ...]:
    """The permutation from [n, c, *spatial] to [n, *spatial, c]."""
    return (0, *range(2, rank), 1)


def channels_first(rank: int) -> tuple[int, ...]:
    """The permutation from [n, *spatial, c] to [n, c, *spatial]."""
    return (0, rank - 1, *range(1, rank - 1))
