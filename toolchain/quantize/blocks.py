"""Weights and activations in blocks of 32 that share a scale: the law of q4b32 and q8b32, in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.ir import Array
from toolchain.packing import ceil_div
from toolchain.quantize.numerics import round_half_away

DEPTH = 32
# The stored weight that means 0, by bits.
ZERO = {4: 8, 8: 128}
# Blocks of activations whose largest magnitude is below this are zeros: 127 over it would not be finite.
_LEAST = np.float32(2.0**-120)


def split(x: Array) -> Array:
    """[..., n] to [..., ceil(n / 32), 32], padded with zeros."""
    blocks = ceil_div(x.shape[-1], DEPTH)
    padded = np.zeros((*x.shape[:-1], blocks * DEPTH), x.dtype)
    padded[..., : x.shape[-1]] = x
    return padded.reshape(*x.shape[:-1], blocks, DEPTH)


def joined(values: Array, scale: Array, size: int) -> NDArray[np.float64]:
    """What blocks mean, exactly, as [..., size]."""
    with np.errstate(invalid="ignore"):
        real = values.astype(np.float64) * scale.astype(np.float64)[..., np.newaxis]
    return real.reshape(*real.shape[:-2], -1)[..., :size]


def quantize_weights(w: NDArray[np.float32], bits: int) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Weights [..., n] to values [..., blocks, 32] and a scale for each block [..., blocks].

    4 bits: values -8..7 and scales of ggml's Q4_0, whose element of largest magnitude, the first of equals, becomes -8.
    8 bits: values -127..127 and scales of its Q8_0. A block whose scale has no finite inverse is all zeros.
    """
    x = split(w.astype(np.float32)) + np.float32(0)  # -0 counts as 0
    magnitude = np.abs(x)
    if bits == 4:
        first = magnitude.argmax(axis=-1, keepdims=True)
        scale = np.take_along_axis(x, first, axis=-1)[..., 0] / np.float32(-8)
    else:
        scale = magnitude.max(axis=-1) / np.float32(127)
    with np.errstate(divide="ignore", over="ignore"):
        inverse = np.float32(1) / scale
        stored_scale = scale.astype(np.float16)
    scaled = x * np.where(np.isfinite(inverse), inverse, np.float32(0))[..., np.newaxis]
    values = np.minimum(np.trunc(scaled + np.float32(8.5)), 15) - 8 if bits == 4 else round_half_away(scaled)
    return values.astype(np.int8), stored_scale


def quantize_activations(x: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Activations [..., n] to values [..., blocks, 32] and scales: max|x| / 127, nearest, halves to even, in float32.

    A block that is not finite everywhere has the scale NaN and values 0.
    """
    blocks = split(x)
    largest = np.abs(blocks).max(axis=-1)
    finite = np.isfinite(largest)
    used = finite & (largest >= _LEAST)
    safe = np.where(used, largest, np.float32(1))
    scale = np.where(used, safe / np.float32(127), np.where(finite, np.float32(0), np.float32(np.nan)))
    factor = np.where(used, np.float32(127) / safe, np.float32(0))
    values = np.rint(np.where(finite[..., np.newaxis], blocks, np.float32(0)) * factor[..., np.newaxis])
    return values.astype(np.int8), scale.astype(np.float32)


def pack(values: NDArray[np.int8], scale: NDArray[np.float16], bits: int, nr: int) -> tuple[Array, Array]:
    """Weights and scales as conv_b32.h's packing n<nr>k4 has them: values [groups, columns, blocks, 32] to bytes."""
    groups, columns, blocks, _ = values.shape
    panels = ceil_div(columns, nr)
    stored = np.full((groups, panels * nr, blocks, 8, 4), ZERO[bits], np.uint8)
    stored[:, :columns] = (values.astype(np.int16) + ZERO[bits]).astype(np.uint8).reshape(groups, columns, blocks, 8, 4)
    quarters = stored.reshape(groups, panels, nr, blocks, 8, 4).transpose(0, 1, 3, 4, 2, 5)
    packed: Array = quarters if bits == 8 else quarters[:, :, :, :4] | (quarters[:, :, :, 4:] << 4)
    scales: NDArray[Any] = np.zeros((groups, panels * nr, blocks), np.float16)
    scales[:, :columns] = scale
    return np.ascontiguousarray(packed), np.ascontiguousarray(scales.reshape(groups, panels, nr, blocks).transpose(0, 1, 3, 2))
