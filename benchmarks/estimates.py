"""Compares estimated with measured times of whole models on this machine, and of their layers.

python -m benchmarks.estimates [--only ic] [--layers] [--check]

The models are those of benchmarks.models. --check fails where a model's estimate is off by more than 20 %.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

import runtime
from benchmarks.models import models
from toolchain import targets
from toolchain.compiler import compile_graph, read
from toolchain.execute import infos, random_arrays
from toolchain.report.content import describe
from toolchain.report.grid import table

BOUND = 0.2


@dataclass
class Found:
    """A model's estimated and measured nanoseconds, and for each layer its kernel with these."""

    name: str
    estimate: float
    measured: float
    layers: list[tuple[str, float, float]]

    @property
    def error(self) -> float:
        return self.estimate / self.measured - 1

    @property
    def close(self) -> int:
        """How many layers are estimated within the bound, or to a tenth of a microsecond."""
        return sum(abs(estimate - measured) <= max(BOUND * measured, 100.0) for _, estimate, measured in self.layers)


def sources() -> list[tuple[str, Path]]:
    """Name and file of each model, in float and in int8 where there is such a file."""
    found = []
    for model in models():
        path = model.tflite if model.precision == "int8" else model.onnx or model.tflite
        if path is not None and path.exists():
            found.append((f"{model.name} {model.precision}", path))
    return found


def compare(name: str, path: Path, seconds: float) -> Found:
    """Build and time one model: whole runs, and as long again layer by layer."""
    target = targets.load("host")
    graph = read(path)
    compiled = compile_graph(graph, target)
    report = describe(compiled, target, model=path.name, macs_original=0)
    model = runtime.Model(compiled.plan)
    x = random_arrays(infos(model.inputs))
    bound = model.bind(x, [np.empty(output.shape, output.dtype) for output in model.outputs])
    runs, profiles = [], []
    end = time.perf_counter() + seconds
    while len(runs) < 10 or time.perf_counter() < end:
        start = time.perf_counter_ns()
        bound.run()
        runs.append(time.perf_counter_ns() - start)
        profiles.append([step["ns"] for step in model.profile(x)])
    times = np.median(np.array(profiles), axis=0)
    layers = [(layer.kernel, float(layer.nanoseconds), float(ns)) for layer, ns in zip(report.layers, times, strict=True)]
    return Found(name, float(report.nanoseconds), median(runs), layers)


def main(
    only: Annotated[str, typer.Option(help="Only models whose name and precision contain this.")] = "",
    seconds: Annotated[float, typer.Option(help="How long to measure each model.", min=0.1)] = 1.0,
    layers: Annotated[bool, typer.Option("--layers", help="Every layer too.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail where a model is off by more than 20 %.")] = False,
) -> None:
    """Print estimated and measured times."""
    chosen = [(name, path) for name, path in sources() if only in name]
    errors = Console(stderr=True)
    results = [compare(name, path, seconds) for name, path in track(chosen, "measuring", console=errors, transient=True)]
    cells: list[Sequence[str]] = []
    for result in results:
        close = f"{result.close} of {len(result.layers)}"
        cells.append((result.name, f"{result.estimate / 1e3:.1f}", f"{result.measured / 1e3:.1f}", f"{result.error:+.0%}", close))
        if layers:
            cells += [("  " + k, f"{e / 1e3:.2f}", f"{m / 1e3:.2f}", f"{e / max(m, 1) - 1:+.0%}", "") for k, e, m in result.layers]
    host = targets.load("host")
    basis = f"{host.costs.description if host.costs else 'unknown core'}, {'calibrated' if host.calibrated else 'an estimate'}"
    columns = ("model", "#estimated µs", "#measured µs", "#error", "#layers within 20 %")
    Console(highlight=False, width=None if os.isatty(1) else 10_000).print(table(f"Estimates for {basis}", columns, cells))
    if check and (wrong := [result.name for result in results if abs(result.error) > BOUND]):
        errors.print(f"off by more than {BOUND:.0%}: {', '.join(wrong)}")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
