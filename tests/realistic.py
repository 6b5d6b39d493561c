"""Inputs that look like what the reference models were made for, from the optional assets.

Image models get CIFAR-10 test images, enlarged by repeating pixels (grey: the mean of the channels). Audio models get log power
spectra of spoken digits: frames of 256 samples, hop 128, Hann window, bins averaged into as many bands as the model has features.
Both are scaled so that their range fills the model's input type.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.conftest import asset

Bytes = NDArray[np.int8]


def images(count: int, height: int, width: int, channels: int) -> NDArray[np.float64]:
    """[count, height, width, channels] in 0..1."""
    with np.load(asset("data/cifar10_test_5k.npz")) as data:
        x = data["x"][:count].astype(np.float64) / 255
    x = x[:, np.arange(height) * 32 // height][:, :, np.arange(width) * 32 // width]
    return x if channels == 3 else x.mean(axis=3, keepdims=True).repeat(channels, axis=3)


def spectra(count: int, frames: int, bands: int) -> NDArray[np.float64]:
    """[count, frames, bands] in 0..1: stretches of spoken digits one after another."""
    with np.load(asset("data/fsdd_5speakers_i16.npz")) as data:
        pcm = data["pcm"].astype(np.float64)
    hop, size = 128, 256
    start = (np.arange(count) * (pcm.size - (frames + 2) * hop) // max(count, 1))[:, None] + np.arange(frames) * hop
    windows = pcm[start[..., None] + np.arange(size)] * np.hanning(size)
    power = np.abs(np.fft.rfft(windows, 2 * size, axis=-1)[..., 1:]) ** 2
    bins = np.array_split(np.arange(power.shape[-1]), bands)
    level = np.log(1 + np.stack([power[..., bin].mean(axis=-1) for bin in bins], axis=-1))
    low, high = level.min(axis=(1, 2), keepdims=True), level.max(axis=(1, 2), keepdims=True)
    return (level - low) / np.maximum(high - low, 1e-9)


def realistic(model: str, shape: tuple[int, ...], count: int) -> Bytes:
    """[count, *shape] int8 inputs for a reference model by name."""
    if model.startswith("mobilenetv2"):
        x: NDArray[Any] = images(count, *shape[2:], channels=shape[1]).transpose(0, 3, 1, 2)
    elif model.startswith(("ic_", "vww", "person")):
        x = images(count, *shape[1:])
    else:
        bands = {"kws_int8": 10, "ad_int8": 128}.get(model, 40)
        size = int(np.prod(shape))
        x = spectra(count, size // bands, bands)
    return (np.round(x * 255) - 128).astype(np.int8).reshape(count, *shape)


def uniform(shape: tuple[int, ...], count: int, seed: int) -> Bytes:
    """[count, *shape] int8 inputs, uniformly random."""
    return np.random.default_rng(seed).integers(-128, 128, (count, *shape), np.int8)
