"""Times every kernel of this machine on layers of known networks, beside the measured multiply-add peak of one core.

python -m benchmarks.kernels [--filter vww] [--kind s8] [--json kernels.json] [--check]

A star marks the kernel that the compiler chooses; --check fails where another one is faster by more than 5 %.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from benchmarks.layers import FLOAT, INT8, LAYERS, Call, Layer, Offers
from runtime import _native
from toolchain import targets
from toolchain.kernels import Kernel
from toolchain.report.grid import table

SOURCE = Path(__file__).with_name("peak.cc")
KINDS: dict[str, np.dtype[Any]] = {"s8": INT8, "f32": FLOAT}

# The chosen kernel may take this many times as long as the best, and this many nanoseconds more, which a timer cannot tell apart.
TOLERANCE, TOLERANCE_NS = 1.05, 40.0
TURNS = 5


@dataclass
class Row:
    """One kernel on one layer: microseconds, their estimate, 10^9 multiply-accumulates a second, and their share of the peak."""

    layer: str
    kernel: str
    chosen: bool
    macs: int
    us: float
    estimate: float
    gmacs: float
    peak: float | None


def peaks() -> dict[str, float]:
    """Multiply-accumulates a second of one core: int8 as exact int16 pairs and by VNNI, float; empty without a compiler."""
    library = SOURCE.parents[1] / "build" / "peak.so"
    library.parent.mkdir(exist_ok=True)
    command = [
        os.environ.get("CXX", "c++"),
        "-std=c++17",
        "-O2",
        "-mavx2",
        "-mfma",
        "-shared",
        "-fPIC",
        str(SOURCE),
        "-o",
        str(library),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        Console(stderr=True).print(f"no peak: {error}")
        return {}
    native = ctypes.CDLL(str(library))
    native.peak_s16.restype = native.peak_f32.restype = native.peak_vnni.restype = ctypes.c_double
    rates = {"s8": native.peak_s16(), "f32": native.peak_f32()}
    if "avx512" in _native.detected_isas():
        rates["s8 avx512"] = native.peak_vnni()
    return rates


def times(calls: list[Call], seconds: float) -> list[float]:
    """The least nanoseconds of each, in turns, so that whatever disturbs the machine meets all of them."""
    best = [math.inf] * len(calls)
    for _ in range(TURNS):
        for index, call in enumerate(calls):
            best[index] = min(best[index], call.nanoseconds(seconds / TURNS))
    return best


def rows_of(layer: Layer, kind: str, chosen: Kernel, calls: list[Call], peak: dict[str, float], seconds: float) -> list[Row]:
    """Kernels on one layer."""
    core = targets.load("host").costs
    rows = []
    for call, ns in zip(calls, times(calls, seconds), strict=True):
        limit = peak.get(f"{kind} {call.kernel.isa}", peak.get(kind))
        rate = layer.macs / ns
        estimate = call.estimate(core) / core.hertz * 1e6 if core is not None else 0.0
        share = rate * 1e9 / limit if limit else None
        rows.append(Row(layer.name, call.kernel.name, call.kernel == chosen, layer.macs, ns / 1e3, estimate, rate, share))
    return rows


def missed(rows: list[Row]) -> bool:
    """Whether the kernel chosen for a layer is slower than another one by more than the tolerance."""
    vectors = [row for row in rows if not row.kernel.endswith("__scalar")]
    chosen = next(row.us for row in rows if row.chosen)
    return bool(vectors) and chosen > min(row.us for row in vectors) * TOLERANCE + TOLERANCE_NS / 1e3


def main(
    filter: Annotated[str, typer.Option(help="only layers and kernels whose name contains this")] = "",
    kind: Annotated[str, typer.Option(help="s8, f32 or both")] = "",
    json_path: Annotated[Path | None, typer.Option("--json", help="write the figures there")] = None,
    seconds: Annotated[float, typer.Option(help="time for each kernel and layer")] = 0.05,
    scalar: Annotated[bool, typer.Option(help="portable kernels too")] = False,
    check: Annotated[bool, typer.Option("--check", help="fail where the chosen kernel is not the fastest")] = False,
) -> None:
    peak = peaks()
    target = targets.load("host")
    found: list[Row] = []
    wrong: list[str] = []
    for layer in track(LAYERS, "timing", console=Console(stderr=True), transient=True):
        for suffix, dtype in KINDS.items():
            calls = Offers(layer.graph(dtype), target).steps[0] if kind in ("", suffix) else []
            wanted = [
                call
                for index, call in enumerate(calls)
                if (index == 0 or scalar or call.kernel.isa != "scalar") and (filter in layer.name or filter in call.kernel.name)
            ]
            if check and wanted and wanted[0] is not calls[0]:
                wanted.insert(0, calls[0])
            if not wanted:
                continue
            rows = rows_of(layer, suffix, calls[0].kernel, wanted, peak, seconds)
            if check and missed(rows):
                rows = rows_of(layer, suffix, calls[0].kernel, wanted, peak, 4 * seconds)
                wrong += [f"{layer.name} {suffix}"] if missed(rows) else []
            found += rows
    cells = [
        (
            row.layer,
            ("* " if row.chosen else "  ") + row.kernel,
            f"{row.macs:,}",
            f"{row.us:.2f}",
            f"{row.estimate:.2f}",
            f"{row.gmacs:.1f}",
            f"{row.peak:.0%}" if row.peak is not None else "",
        )
        for row in found
    ]
    console = Console(highlight=False, width=None if os.isatty(1) else 10_000)
    console.print(table("Kernels", ("layer", "kernel", "#MACs", "#µs", "#estimate", "#G MAC/s", "#of peak"), cells))
    console.print("peak, G MAC/s: " + ", ".join(f"{name} {rate / 1e9:.1f}" for name, rate in peak.items()))
    if json_path is not None:
        figures = {"peak": peak, "results": [asdict(row) for row in found]}
        json_path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if check:
        console.print(f"not the fastest kernel: {', '.join(wrong)}" if wrong else "every layer has the fastest kernel")
        raise typer.Exit(1 if wrong else 0)


if __name__ == "__main__":
    typer.run(main)
