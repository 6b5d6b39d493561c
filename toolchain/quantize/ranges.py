"""From a histogram to the range that int8 shall cover."""

from __future__ import annotations

import numpy as np

from toolchain.ir import Quant
from toolchain.quantize.calibrate import Histogram

Range = tuple[float, float]
METHODS = ("minmax", "percentile", "mse")
PERCENTILE = 99.99


def choose(histogram: Histogram, method: str) -> Range:
    """The range by one of METHODS; it always includes 0."""
    low, high = min(histogram.low, 0.0), max(histogram.high, 0.0)
    if not np.isfinite(low) or not np.isfinite(high) or low == high:
        return 0.0, 0.0
    if method == "percentile":
        return _percentile(histogram, low, high)
    if method == "mse":
        return _mse(histogram, low, high)
    return low, high


def quant(range: Range) -> Quant:
    """The asymmetric int8 quantisation that covers a range."""
    low, high = range
    if low == high:
        return Quant.of(1.0, 0)
    scale = float(np.float32(max((high - low) / 255, 1e-30)))
    return Quant.of(scale, int(np.clip(round(-128 - low / scale), -128, 127)))


def _percentile(histogram: Histogram, low: float, high: float) -> Range:
    """Cut what lies beyond PERCENTILE at either end."""
    cumulative = np.cumsum(histogram.counts) / max(int(histogram.counts.sum()), 1)
    centres = histogram.centres()
    tail = (100 - PERCENTILE) / 100
    lower = centres[int(np.searchsorted(cumulative, tail))]
    upper = centres[min(int(np.searchsorted(cumulative, 1 - tail)), centres.size - 1)]
    return max(low, min(float(lower), 0.0)), min(high, max(float(upper), 0.0))


def _mse(histogram: Histogram, low: float, high: float) -> Range:
    """The shrunken range with the least mean squared error, clipping and rounding together."""
    used = histogram.counts > 0
    x, weight = histogram.centres()[used], histogram.counts[used].astype(np.float64)
    best, least = (low, high), np.inf
    for fraction in np.linspace(1.0, 0.2, 81):
        a, b = low * fraction, high * fraction
        scale = (b - a) / 255
        restored = np.clip(np.round((x - a) / scale), 0, 255) * scale + a
        error = float((weight * (x - restored) ** 2).sum())
        if error < least:
            best, least = (a, b), error
    return best
