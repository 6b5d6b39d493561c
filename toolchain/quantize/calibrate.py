"""What a float graph's values look like on real data: ranges, histograms and channel means."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from toolchain import data
from toolchain.errors import InputError
from toolchain.ir import Array, Graph, Value, run
from toolchain.progress import Progress, silent

Sample = list[Array]
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".webp", ".gif"}
BINS = 8192


@dataclass
class Histogram:
    """Counts over [-radius, radius) in BINS bins; the radius doubles, merging bins in pairs, when a value lies outside."""

    radius: float = 0.0
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    low: float = np.inf
    high: float = -np.inf

    def add(self, x: Array) -> None:
        flat = x.ravel()
        flat = flat[np.isfinite(flat)]
        if flat.size == 0:
            return
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        largest = max(abs(self.low), abs(self.high))
        if self.radius == 0.0:
            self.radius = max(largest * 1.0001, 1e-30)
        while largest >= self.radius:
            merged = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.zeros(BINS, np.int64)
            self.counts[BINS // 4 : BINS // 4 + BINS // 2] = merged
            self.radius *= 2
        index = ((flat.astype(np.float64) + self.radius) * (BINS / 2 / self.radius)).astype(np.int64)
        self.counts += np.bincount(np.clip(index, 0, BINS - 1), minlength=BINS)

    def centres(self) -> NDArray[np.float64]:
        centres: NDArray[np.float64] = (np.arange(BINS, dtype=np.float64) + 0.5) * (2 * self.radius / BINS) - self.radius
        return centres


@dataclass
class Statistics:
    """One value's histogram, and its mean for each index of the last axis."""

    histogram: Histogram = field(default_factory=Histogram)
    total: NDArray[np.float64] | None = None
    count: int = 0

    def add(self, x: Array) -> None:
        self.histogram.add(x)
        if x.ndim and x.size:
            rows = x.reshape(-1, x.shape[-1]).astype(np.float64)
            self.total = rows.sum(axis=0) if self.total is None else self.total + rows.sum(axis=0)
            self.count += rows.shape[0]

    def mean(self) -> NDArray[np.float64]:
        """The mean of each channel (last axis)."""
        assert self.total is not None
        return self.total / max(self.count, 1)


def observe(graph: Graph, samples: Sequence[Sample], progress: Progress = silent) -> dict[Value, Statistics]:
    """Run the graph's reference meaning on every sample; statistics of all its float32 values."""
    seen: dict[Value, Statistics] = {}
    for index, sample in enumerate(samples):
        progress("calibrating", index, len(samples))
        values: dict[Value, Array] = {}
        run(graph, sample, keep=values)
        for value, array in values.items():
            if array.dtype == np.float32:
                seen.setdefault(value, Statistics()).add(array)
    return seen


def load(spec: str, inputs: Sequence[Value]) -> list[Sample]:
    """Calibration samples, each one array for every input.

    `spec` is an .npz file (arrays named as the inputs, samples along the first axis; a single array needs no particular name), a
    folder of images (resized to the only input's extents, scaled to 0..1), or `module:callable` whose call yields samples (an
    array, or a dict by input name). InputError where something does not fit.
    """
    path = Path(spec)
    if path.is_dir():
        samples = [[image] for image in _images(path, inputs)]
    elif path.suffix == ".npz":
        samples = _arrays(path, inputs)
    elif ":" in spec and not path.exists():
        samples = [_named(item, inputs) for item in _call(spec)]
    else:
        raise InputError(f"calibration data '{spec}' is no .npz file, no folder and no module:callable")
    if not samples:
        raise InputError(f"calibration data '{spec}' holds no samples")
    for index, sample in enumerate(samples):
        for array, value in zip(sample, inputs, strict=True):
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise InputError(f"calibration data '{spec}': sample {index} of input '{value.name}' is not finite everywhere")
    return samples


def _arrays(path: Path, inputs: Sequence[Value]) -> list[Sample]:
    found = data.samples(path, {value.name: value.type for value in inputs})
    return [[np.ascontiguousarray(found.inputs[value.name][index]) for value in inputs] for index in range(len(found))]


def _sample(array: Any, value: Value) -> Array:
    array = np.asarray(array)
    if array.size != value.type.size or array.dtype.kind not in "fiub":
        raise InputError(f"a calibration sample of input '{value.name}' is {array.dtype}{list(array.shape)}, expected {value.type}")
    squeezed = tuple(n for n in array.shape if n != 1)
    if squeezed != tuple(n for n in value.shape if n != 1):
        raise InputError(
            f"a calibration sample of input '{value.name}' has shape {list(array.shape)}, expected {list(value.shape)}"
        )
    return np.ascontiguousarray(array.reshape(value.shape).astype(value.dtype))


def _images(folder: Path, inputs: Sequence[Value]) -> Iterable[Array]:
    if len(inputs) != 1 or inputs[0].type.rank != 4:
        raise InputError(f"a folder of images needs a model with one input of rank 4, this one has {[str(v.type) for v in inputs]}")
    shape = inputs[0].shape
    first = shape[1] in (1, 3) and shape[3] not in (1, 3)
    height, width, channels = (shape[2], shape[3], shape[1]) if first else (shape[1], shape[2], shape[3])
    if channels not in (1, 3):
        raise InputError(f"a folder of images needs an input with 1 or 3 channels, this one is {inputs[0].type}")
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        try:
            with Image.open(path) as image:
                pixels = np.asarray(
                    image.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.BILINEAR)
                )
        except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"cannot read image '{path}': {error}") from error
        x = pixels.reshape(1, height, width, channels).astype(np.float32) / 255
        yield np.ascontiguousarray(x.transpose(0, 3, 1, 2) if first else x).astype(inputs[0].dtype)


def _call(spec: str) -> Iterable[Any]:
    module, _, name = spec.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        return list(getattr(importlib.import_module(module), name)())
    except Exception as error:
        raise InputError(f"calibration callable '{spec}' failed: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)


def _named(item: Any, inputs: Sequence[Value]) -> Sample:
    if isinstance(item, dict):
        missing = [value.name for value in inputs if value.name not in item]
        if missing:
            raise InputError(f"a calibration sample lacks the inputs {', '.join(missing)}")
        return [_sample(item[value.name], value) for value in inputs]
    if len(inputs) != 1:
        raise InputError(f"a calibration sample of a model with {len(inputs)} inputs must be a dict by input name")
    return [_sample(item, inputs[0])]
