"""Measures what kernels cost on this machine, and writes it to targets/costs/<core>.json: what the compiler chooses kernels by.

python -m benchmarks.calibrate zen4 [--only conv] [--seconds 90]

Every kernel that this machine can run is timed on layers of many shapes; the cycles of each count of toolchain/cost.py are those
that fit the times best, none below zero. Run it alone on the machine. With --only, rows of other kernels stay as they are.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from benchmarks.layers import FLOAT, LAYERS, Call, Offers, sweep
from toolchain import cost, targets
from toolchain.assets import TARGETS
from toolchain.cost import COUNTS, Core, Work
from toolchain.measure import EVICT
from toolchain.report.grid import table

# Portable kernels are timed on layers of at most this many counted operations: a wide kernel's sizes would take them minutes.
PORTABLE_LIMIT = 3e6
ROUNDS = 3
# A layer of a known network counts as much as this many drawn ones.
VOTES = 2


@dataclass
class Sample:
    """One kernel on one layer: what it did, and the cycles that it took."""

    layer: str
    call: Call
    work: Work
    cycles: float


def fit(works: Sequence[Work], cycles: Sequence[float]) -> dict[str, float]:
    """The cycles of each count, none negative, that describe the measured cycles best: half as bad as twice.

    The error of an estimate e of a time t is (e - t)^2 / (e t), whose weights 1 / (e t) take a few rounds.
    """
    names = [name for name in COUNTS if any(work.get(name, 0.0) for work in works)]
    matrix = np.array([[work.get(name, 0.0) for name in names] for work in works]) / np.array(cycles)[:, np.newaxis]
    scale = matrix.max(axis=0)
    matrix /= scale
    values, estimate = np.zeros(len(names)), np.ones(len(works))
    for _ in range(4):
        weights = 1 / np.sqrt(np.clip(estimate, 0.1, 10.0))
        values = nonnegative(matrix * weights[:, np.newaxis], weights)
        estimate = matrix @ values
    return {name: float(f"{value:.4g}") for name, value in zip(names, values / scale, strict=True) if value > 0}


def nonnegative(matrix: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares without negative results: columns are few, so that every subset of them is tried. Each must earn its keep."""
    gram, projection, length = matrix.T @ matrix, matrix.T @ target, float(target @ target)
    best, result = np.inf, np.zeros(matrix.shape[1])
    for kept in product((False, True), repeat=matrix.shape[1]):
        (chosen,) = np.nonzero(kept)
        if not 1 <= len(chosen) <= max(1, 2 * len(matrix) // 3):
            continue
        values = np.linalg.lstsq(gram[np.ix_(chosen, chosen)], projection[chosen], rcond=1e-12)[0]
        error = (length - float(values @ projection[chosen])) * (1 + 0.02 * len(chosen))
        if error < best and (values >= 0).all():
            best, result = error, np.zeros(matrix.shape[1])
            result[chosen] = values
    return result


def clock() -> float:
    """Cycles a second of this core while it runs: a chain of additions that takes a cycle each."""
    library = Path(__file__).resolve().parents[1] / "build" / "clock.so"
    library.parent.mkdir(exist_ok=True)
    source = Path(__file__).with_name("clock.cc")
    subprocess.run([os.environ.get("CXX", "c++"), "-O2", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    native = ctypes.CDLL(str(library))
    native.clock_hertz.restype = ctypes.c_double
    return float(native.clock_hertz())


def cache_size(level: int) -> int:
    """Bytes of this machine's data cache of a level; 32 KiB and 512 KiB where it is not told."""
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        told = {name: (index / name).read_text().strip() for name in ("level", "type", "size")}
        if told["level"] == str(level) and told["type"] != "Instruction":
            return int(told["size"].removesuffix("K")) << 10
    return 1 << 15 if level == 1 else 1 << 19


def stream(l2: int, hertz: float) -> float:
    """Cycles that a byte of weights takes longer where they were driven out of the second-level cache."""
    layer = next(layer for layer in LAYERS if layer.name == "ad.640-128")
    call = Offers(layer.graph(FLOAT), targets.load("host")).steps[0][0]
    near, far = (min(call.nanoseconds(0.2, evict) for _ in range(ROUNDS)) for evict in (EVICT, 8 * l2))
    return float(f"{max(far - near, 0.0) * hertz / 1e9 / call.bytes[0]:.3g}")


def calls(core: Core, only: str, count: int) -> list[tuple[str, Call, Work]]:
    """Every kernel of this machine on every layer, each pair of kernel and params once."""
    target = targets.load("host")
    found: dict[tuple[str, bytes, int], tuple[str, Call, Work]] = {}
    for layer, graph in sweep(count):
        for call in (call for step in Offers(graph, target).steps for call in step):
            done = cost.work(call.kernel, call.params, *call.bytes, core)
            portable = call.kernel.isa == "scalar" and max(done.get(name, 0.0) for name in ("macs", "inputs")) > PORTABLE_LIMIT
            if only in call.kernel.name and not portable:
                found.setdefault((call.kernel.name, call.params, sum(call.bytes)), (layer, call, done))
    return list(found.values())


def measure(found: Sequence[tuple[str, Call, Work]], hertz: float, seconds: float) -> list[Sample]:
    """Times in rounds, so that whatever disturbs the machine meets a call once; the least time of each call counts."""
    best = [np.inf] * len(found)
    for index in track(
        [i for _ in range(ROUNDS) for i in range(len(found))], "timing", console=Console(stderr=True), transient=True
    ):
        best[index] = min(best[index], found[index][1].nanoseconds(seconds / ROUNDS / len(found)))
    return [Sample(layer, call, work, ns * hertz / 1e9) for (layer, call, work), ns in zip(found, best, strict=True)]


def rows(samples: Sequence[Sample]) -> dict[str, Mapping[str, float]]:
    """A row for each kernel, for each variant of a kernel that has several, and for each instruction set.

    The kernel's own row is that of samples without a variant, or where all have one, of all.
    """
    groups: dict[str, list[Sample]] = defaultdict(list)
    plain = {s.call.kernel.name for s in samples if not cost.variant(s.call.kernel, s.call.params)}
    known = {layer.name for layer in LAYERS}
    for sample in samples:
        kernel, votes = sample.call.kernel, VOTES if sample.layer.partition(" ")[0] in known else 1
        variant = cost.variant(kernel, sample.call.params)
        if not variant or kernel.name not in plain:
            groups[kernel.name] += [sample] * votes
        if variant:
            groups[f"{kernel.name}/{variant}"] += [sample] * votes
    fitted = {name: fit([s.work for s in group], [s.cycles for s in group]) for name, group in groups.items()}
    for isa in {sample.call.kernel.isa for sample in samples}:
        fitted[f"*__{isa}"] = general([sample for sample in samples if sample.call.kernel.isa == isa])
    return fitted


def general(samples: Sequence[Sample]) -> dict[str, float]:
    """A row for kernels that were not measured: the median cycles of a multiply-accumulate and of a byte."""
    row = {"call": 200.0}
    for counts in (("macs",), ("read", "written")):
        rates = [s.cycles / done for s in samples if (done := sum(s.work.get(name, 0.0) for name in counts))]
        row |= {name: float(f"{median(rates):.4g}") for name in counts if rates}
    return row


def app(
    name: Annotated[str, typer.Argument(help="The core's name: which file of targets/costs to write.")],
    only: Annotated[str, typer.Option(help="Measure only kernels whose name contains this.")] = "",
    seconds: Annotated[float, typer.Option(help="How long to measure.", min=1.0)] = 60.0,
    count: Annotated[int, typer.Option(help="How many shapes of each kind of layer.", min=10)] = 60,
    description: Annotated[str, typer.Option(help="What the core is. [dim]\\[default: as it is][/dim]")] = "",
) -> None:
    """Measure this machine's kernels and write the costs of its core."""
    hertz = float(f"{clock():.3g}")
    old = cost.load(name) if name in cost.names() else Core(name, name, targets.architecture(), hertz, 0, 0, 0.0, True)
    core = replace(
        old,
        description=description or old.description,
        hertz=hertz,
        l1=cache_size(1),
        l2=cache_size(2),
        stream=stream(cache_size(2), hertz),
        measured=True,
        processors=tuple(dict.fromkeys((*old.processors, targets.processor()))),
    )
    samples = measure(calls(core, only, count), hertz, seconds)
    fitted = rows(samples)
    if only:
        fitted = {**old.kernels, **{row: values for row, values in fitted.items() if not row.startswith("*")}}
    core = replace(core, kernels=fitted)
    (TARGETS / "costs" / f"{name}.json").write_text(cost.dump(core), encoding="utf-8")
    show(samples, core)


def show(samples: Sequence[Sample], core: Core) -> None:
    """How well the rows describe what was measured."""
    groups: dict[str, list[float]] = defaultdict(list)
    for sample in samples:
        groups[sample.call.kernel.name].append(sample.call.estimate(core) / sample.cycles - 1)
    cells = [
        (name, str(len(errors)), f"{median(map(abs, errors)):.0%}", f"{max(errors, key=abs):+.0%}", within(errors))
        for name, errors in sorted(groups.items())
    ]
    console = Console(highlight=False, width=None if os.isatty(1) else 10_000)
    console.print(
        table(
            f"{core.name} at {core.hertz / 1e9:.2f} GHz", ("kernel", "#layers", "#median error", "#largest", "#within 20 %"), cells
        )
    )


def within(errors: Sequence[float], bound: float = 0.2) -> str:
    return f"{sum(abs(error) <= bound for error in errors) / len(errors):.0%}"


if __name__ == "__main__":
    typer.run(app)
