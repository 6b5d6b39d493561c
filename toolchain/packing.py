"""Weights in the order that kernels read them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def pack_panels(weights: NDArray[Any], nr: int, kr: int) -> NDArray[Any]:
    """[groups, columns, depth] to [groups, panels, depth / kr, nr, kr], columns and depth padded with zeros."""
    groups, columns, depth = weights.shape
    panels, blocks = ceil_div(columns, nr), ceil_div(depth, kr)
    padded = np.zeros((groups, panels * nr, blocks * kr), weights.dtype)
    padded[:, :columns, :depth] = weights
    return np.ascontiguousarray(padded.reshape(groups, panels, nr, blocks, kr).transpose(0, 1, 3, 2, 4))


def pad_columns(values: NDArray[Any], groups: int, nr: int) -> NDArray[Any]:
    """A per-column vector [groups * columns] padded with zeros to full panels in each group."""
    columns = values.size // groups
    padded = np.zeros((groups, ceil_div(columns, nr) * nr), values.dtype)
    padded[:, :columns] = values.reshape(groups, columns)
    return padded.ravel()


def pack_lines(weights: NDArray[Any], width: int, nr: int, kr: int) -> NDArray[Any]:
    """pack_panels of depth in lines of `width` elements, each padded with zeros to whole groups of kr."""
    groups, columns, depth = weights.shape
    padded = np.zeros((groups, columns, depth // width, ceil_div(width, kr) * kr), weights.dtype)
    padded[..., :width] = weights.reshape(groups, columns, -1, width)
    return pack_panels(padded.reshape(groups, columns, -1), nr, kr)


def tap_quads(rows: int, columns: int) -> tuple[int, int]:
    """How high and how wide the groups of four taps are that packing "quads" of depthwise_s8 covers a window with."""
    return min(((4, 1), (2, 2), (1, 4)), key=lambda shape: ceil_div(rows, shape[0]) * ceil_div(columns, shape[1]))


def pack_quads(weights: NDArray[Any], nr: int) -> NDArray[Any]:
    """[channels, rows, columns] to [rows / high, columns / wide, channels, high, wide], all padded with zeros, channels to nr."""
    channels, rows, columns = weights.shape
    high, wide = tap_quads(rows, columns)
    down, across = ceil_div(rows, high), ceil_div(columns, wide)
    padded = np.zeros((ceil_div(channels, nr) * nr, down * high, across * wide), weights.dtype)
    padded[:channels, :rows, :columns] = weights
    return np.ascontiguousarray(padded.reshape(-1, down, high, across, wide).transpose(1, 3, 0, 2, 4))
