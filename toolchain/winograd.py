"""Weights for kernels/winograd_s8 and winograd_f32, and the proof that the modular arithmetic of int8 is exact for them."""

from __future__ import annotations

import numpy as np

from toolchain.ir import Array
from toolchain.packing import ceil_div, pack_panels
from toolchain.quantize.numerics import wrap

_WEIGHTS = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 12]])
_SCALE = 24 * 24


def exact(weights: Array, bias: Array) -> bool:
    """Whether the kernel recovers every accumulator that int8 inputs can give: weights [o, 3, 3, c], the bias folded."""
    wide = weights.astype(np.int64).reshape(weights.shape[0], -1)
    positive, negative = wide.clip(min=0).sum(axis=1), wide.clip(max=0).sum(axis=1)
    low, high = bias - 128 * positive + 127 * negative, bias + 127 * positive - 128 * negative
    return bool((low >= -(1 << 25)).all() and (high < 1 << 25).all())


def pack_weights(weights: Array, nr: int, kr: int) -> Array:
    """[o, 3, 3, c] to the transformed weights, column by column, as [panels, 36, c / kr, nr, kr]."""
    outputs, *_, channels = weights.shape
    transformed = np.zeros((outputs, 6, 6, ceil_div(channels, kr) * kr), np.int16)
    transformed[..., :channels] = np.einsum("ia,jb,oabc->ojic", _WEIGHTS, _WEIGHTS, weights.astype(np.int64))
    return pack_panels(transformed.reshape(1, outputs, -1), nr, kr)


def scale_bias(bias: Array) -> Array:
    """The folded bias as the kernel adds it to one position."""
    return wrap(bias.astype(np.int64) * _SCALE).astype(np.int32)


def transform_float_weights(weights: Array) -> Array:
    """[o, 3, 3, c] to Winograd's G g G^T for F(4x4, 3x3) at 0, ±5/8, ±3/2 and infinity, [o, 6, 6, c], computed in float64."""
    points = np.array([0.0, 0.625, -0.625, 1.5, -1.5])
    scales = [np.prod([p - q for q in points if q != p]) for p in points]
    g = np.vstack([points[:, np.newaxis] ** np.arange(3) / np.reshape(scales, (-1, 1)), [0.0, 0.0, 1.0]])
    transformed: Array = np.einsum("ip,jq,npqc->nijc", g, g, weights.astype(np.float64), optimize=True)
    return transformed.astype(np.float32)


def pack_float_weights(weights: Array, nr: int) -> Array:
    """[o, 3, 3, c], transformed, to [panels, 36, c, nr], outputs padded with zeros."""
    outputs, *_, channels = weights.shape
    return pack_panels(transform_float_weights(weights).reshape(1, outputs, 36 * channels), nr, 1)
