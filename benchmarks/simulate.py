"""Writes targets/costs/<core>.json for cores that are not at hand: inner loops by llvm-mca, the rest scaled from a measured core.

python -m benchmarks.simulate [--core cortex-a72] [--like zen4]

A kernel's cycles for a multiply-accumulate are those of its inner loop (benchmarks/mca.py). What it does beside that costs as much
as for the measured core's kernel of the same family and kind, times the pace: how many times as long as there the portable
kernels' loops take. Vectors of half the width take twice as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from benchmarks import mca
from toolchain import cost
from toolchain.assets import KERNELS, TARGETS
from toolchain.cost import Core
from toolchain.kernels import Kernel, families

# What is known of each core: its name, its instruction sets, clock of a usual board, caches, cycles of a byte from memory.
CORES: dict[str, tuple[str, tuple[str, ...], float, int, int, float]] = {
    "cortex-a53": ("Arm Cortex-A53", ("neon", "armv7_neon", "scalar"), 1.2e9, 1 << 15, 1 << 19, 0.5),
    "cortex-a57": ("Arm Cortex-A57", ("neon", "scalar"), 1.43e9, 1 << 15, 1 << 21, 0.3),
    "cortex-a72": ("Arm Cortex-A72", ("neon", "armv7_neon", "scalar"), 1.5e9, 1 << 15, 1 << 20, 0.35),
    "cortex-a76": ("Arm Cortex-A76", ("neon_dotprod", "neon", "scalar"), 2.4e9, 1 << 16, 1 << 19, 0.2),
    "cortex-a78ae": ("Arm Cortex-A78AE", ("neon_dotprod", "neon", "scalar"), 1.5e9, 1 << 16, 1 << 18, 0.1),
}
PARTS = {"cortex-a53": "0xd03", "cortex-a57": "0xd07", "cortex-a72": "0xd08", "cortex-a76": "0xd0b", "cortex-a78ae": "0xd42"}
# Portable kernels whose loops tell the pace, and LLVM's name of the measured core.
PORTABLE = ("add_s8", "conv_s8", "depthwise_s8", "lookup_x8", "move", "pool_max_s8", "softmax_s8")
MEASURED = "znver4"
# Counts that a wider vector does not shorten.
ONCE = ("call", "blocks", "edges", "runs")


def pace(core: str) -> float:
    """How many times as many cycles as on the measured core the loops of portable kernels take: the median over the families."""

    def spent(family: str, architecture: str, name: str) -> float:
        found = mca.loops(KERNELS / family / "scalar.cc", architecture)
        return median(mca.cycles(loop, name, architecture, 50) / loop.instructions for loop in found)

    return median(spent(family, "aarch64", core) / spent(family, "x86_64", MEASURED) for family in PORTABLE)


def similar(kernel: Kernel, core: Core) -> Mapping[str, Mapping[str, float]]:
    """The measured rows, by variant, of a kernel of the same family: a portable one of the same name, else a vector kernel."""
    portable = kernel.isa == "scalar"
    rows = [row for row in families()[kernel.family] if (row.isa == "scalar") == portable and core.knows(row)]
    rows.sort(key=lambda row: (row.name != kernel.name, row.isa != "avx2", abs(row.nr - kernel.nr), abs(row.mr - kernel.mr)))
    if not rows:
        return {}
    return {name.removeprefix(rows[0].name): row for name, row in core.kernels.items() if name.partition("/")[0] == rows[0].name}


def rounded(row: Mapping[str, float]) -> dict[str, float]:
    return {count: float(f"{value:.4g}") for count, value in row.items()}


def simulated(name: str, like: Core) -> Core:
    """The core's data."""
    description, isas, hertz, l1, l2, stream = CORES[name]
    model, slower = mca.CORES[name], pace(mca.CORES[name])
    kernels: dict[str, dict[str, float]] = {}
    for kernel in [kernel for rows in families().values() for kernel in rows if kernel.isa in isas]:
        factor = slower * (1 if kernel.isa == "scalar" else 2)
        for variant, row in similar(kernel, like).items():
            scaled = {count: value * (slower if count in ONCE else factor) for count, value in row.items()}
            busy = row.keys() & {"macs", "weights"} and not variant
            if busy and (loop := mca.main_loop(kernel.source, model, kernel.name)) is not None:
                scaled.pop("weights", None)
                scaled["macs"] = mca.cycles(loop, model, mca.flags(kernel.isa)[0]) / loop.macs
            kernels[kernel.name + variant] = rounded(scaled)
    for isa in isas:
        wide = like.kernels["*__scalar" if isa == "scalar" else "*__avx2"]
        factor = slower * (1 if isa == "scalar" else 2)
        kernels[f"*__{isa}"] = rounded({count: value * (slower if count in ONCE else factor) for count, value in wide.items()})
    return Core(name.replace("-", "_"), description, "aarch64", hertz, l1, l2, stream, False, (f"0x41/{PARTS[name]}",), kernels)


def main(
    core: Annotated[str, typer.Option(help="Only this core.")] = "",
    like: Annotated[str, typer.Option(help="The measured core whose data are scaled.")] = "zen4",
) -> None:
    """Write the data of cores that are not at hand."""
    for name in track([core] if core else list(CORES), "simulating", console=Console(stderr=True), transient=True):
        made = simulated(name, cost.load(like))
        (TARGETS / "costs" / f"{made.name}.json").write_text(cost.dump(made), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
