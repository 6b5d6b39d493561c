"""The run and bench verbs: an artifact in the runtime."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import runtime
from toolchain import data
from toolchain.errors import CheckError, InputError
from toolchain.ir import Array
from toolchain.report import save
from toolchain.report.content import TensorInfo


def open_model(artifact: Path, threads: int = 1) -> runtime.Model:
    """The artifact's plan, loaded and verified; InputError says what is wrong with it."""
    path = save.plan_path(artifact)
    try:
        return runtime.Model(path, threads=threads)
    except (ValueError, MemoryError) as error:
        raise InputError(f"cannot load '{path}': {error}") from error
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror or error}") from error


def run(artifact: Path, source: Path, output: Path | None = None) -> dict[str, Array]:
    """Run once on the arrays of a file, by input name; the outputs by name, also written to `output` as .npz."""
    model = open_model(artifact)
    inputs = data.by_name(data.load(source), [tensor.name for tensor in model.inputs], source)
    try:
        results = model.run(inputs)
    except ValueError as error:
        raise InputError(f"'{source}': {error}") from error
    named = {tensor.name: result for tensor, result in zip(model.outputs, results, strict=True)}
    if output is not None:
        data.save(output, named)
    return named


def verify(artifact: Path, threads: int = 1) -> int:
    """Run the golden examples that the artifact carries; their number. CheckError where an output differs, or there are none."""
    model = open_model(artifact, threads)
    try:
        count = model.self_test()
    except RuntimeError as error:
        raise CheckError(str(error)) from error
    if count == 0:
        raise CheckError(f"'{artifact}' carries no golden examples; build it with --golden 1")
    return count


@dataclass(frozen=True)
class LayerTime:
    """One layer's median time; `gmacs` is 10^9 multiply-accumulates a second."""

    name: str
    operator: str
    kernel: str
    ns: float
    macs: int

    @property
    def gmacs(self) -> float:
        return self.macs / self.ns if self.ns else 0.0


@dataclass(frozen=True)
class Timing:
    """Times of whole runs in nanoseconds, without and of each layer with the layers' own timers."""

    threads: int
    runs: int
    min_ns: float
    median_ns: float
    layers: list[LayerTime]


def bench(artifact: Path, *, threads: int = 1, seconds: float = 2.0) -> Timing:
    """Time runs on seeded random inputs for about `seconds`, half of them layer by layer."""
    model = open_model(artifact, threads)
    x = random_arrays(infos(model.inputs))
    for _ in range(3):
        model.run(x)
    times = _repeat(lambda: model.run(x), seconds / 2)
    profiles: list[list[int]] = []
    _repeat(lambda: profiles.append([step["ns"] for step in model.profile(x)]), seconds / 2)
    layers = [
        LayerTime(step["name"], step["op"], step["kernel"], float(ns), step["macs"])
        for step, ns in zip(model.steps, np.median(np.array(profiles), axis=0), strict=True)
    ]
    return Timing(threads, len(times), min(times), median(times), layers)


def _repeat(call: Any, seconds: float) -> list[int]:
    """Nanoseconds of each call, at least three of them."""
    times: list[int] = []
    end = time.perf_counter_ns() + int(seconds * 1e9)
    while len(times) < 3 or time.perf_counter_ns() < end:
        start = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - start)
    return times


def infos(tensors: Sequence[runtime.Tensor]) -> list[TensorInfo]:
    """The runtime's tensors as plain data."""
    return [TensorInfo(t.name, str(t.dtype), list(t.shape), t.scale, t.zero_point) for t in tensors]


def random_arrays(tensors: Sequence[TensorInfo], seed: int = 0) -> list[Array]:
    """An array for each tensor: quantised integers over their whole range, other integers 0 or 1, floats from -1 to 1."""
    generator = np.random.default_rng(seed)
    arrays: list[Array] = []
    for tensor in tensors:
        dtype = np.dtype(tensor.dtype)
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            low, high = (limits.min, limits.max) if tensor.scale else (0, 1)
            arrays.append(generator.integers(low, high, tensor.shape, dtype, endpoint=True))
        elif dtype.kind == "b":
            arrays.append(generator.integers(0, 1, tensor.shape, endpoint=True).astype(bool))
        else:
            arrays.append(generator.uniform(-1, 1, tensor.shape).astype(dtype))
    return arrays
