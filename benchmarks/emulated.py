"""Counts the instructions that kernels and models execute on Arm processors, under QEMU: there need be no such processor.

python -m benchmarks.emulated [--only ic] [--steps] [--json emulated.json]

Needs the cross compilers g++-aarch64-linux-gnu and g++-arm-linux-gnueabihf, qemu-user with plugins, and, for estimates of cycles,
llvm-mca.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from benchmarks import mca
from benchmarks.layers import FLOAT, INT8, LAYERS, Layer
from benchmarks.models import models
from benchmarks.native import ROOT, built, encoded, tool
from benchmarks.rivals import Unavailable
from toolchain.assets import KERNELS
from toolchain.compiler import compile_graph, read
from toolchain.errors import InputError
from toolchain.lowering import Lowering
from toolchain.program import Step
from toolchain.report.grid import table
from toolchain.targets import Target

COMPILERS = {"aarch64": "aarch64-linux-gnu", "arm": "arm-linux-gnueabihf"}
ISAS = {
    "cortex-a53": ("neon", "scalar"),
    "cortex-a76": ("neon_dotprod", "neon", "scalar"),
    "max": ("neon_i8mm", "neon_dotprod", "neon", "scalar"),
    "cortex-a7": ("armv7_neon", "scalar"),
}
# Whose costs choose kernels.
CORES = {"cortex-a53": "cortex_a53", "cortex-a76": "cortex_a76", "max": "cortex_a76", "cortex-a7": "cortex_a53"}
# The least instructions a multiply-accumulate that an instruction set allows, loads aside.
LEAST = {("neon_i8mm", "s8"): 1 / 32, ("neon_dotprod", "s8"): 1 / 16, ("neon", "s8"): 3 / 16, ("armv7_neon", "s8"): 3 / 16}
MATRICES = ("conv_s8", "depthwise_s8", "conv_f32", "depthwise_f32")


def target(processor: str) -> Target:
    return Target(processor, "an emulated processor", architecture(processor), ISAS[processor], core=CORES[processor])


def architecture(processor: str) -> str:
    return "arm" if processor == "cortex-a7" else "aarch64"


class Emulator:
    """The guest program of one architecture, and the plugin that counts."""

    def __init__(self, processor: str) -> None:
        self.processor, self.architecture = processor, architecture(processor)
        system = [
            "-DCMAKE_SYSTEM_NAME=Linux",
            f"-DCMAKE_SYSTEM_PROCESSOR={self.architecture}",
            f"-DCMAKE_CXX_COMPILER={tool(COMPILERS[self.architecture] + '-g++')}",
            "-DCMAKE_EXE_LINKER_FLAGS=-static",
        ]
        self.guest = built(f"emulated-{self.architecture}", "tests/runtime/counted", *system)
        self.plugin = ROOT / "build" / "count.so"
        host = [tool(os.environ.get("CC", "cc")), "-O2", "-shared", "-fPIC", "-fvisibility=hidden"]
        subprocess.run([*host, str(ROOT / "benchmarks" / "count.c"), "-o", str(self.plugin)], check=True)

    def counts(self, arguments: Sequence[str] = (), data: bytes = b"") -> list[int]:
        """Instructions of each region that the guest marks."""
        with TemporaryDirectory() as folder:
            out = Path(folder) / "counts"
            plugin = "-plugin", f"{self.plugin},out={out}"
            command = [tool(f"qemu-{self.architecture}"), "-cpu", self.processor, *plugin, str(self.guest)]
            done = subprocess.run([*command, *arguments], input=data, capture_output=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(done.stderr.decode(errors="replace")[-2000:])
            return [int(line) for line in out.read_text().split()]

    def plan(self, plan: bytes) -> int:
        """One run of a plan."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.plan"
            path.write_bytes(plan)
            (count,) = self.counts([str(path)])
            return count


@dataclass(frozen=True)
class Row:
    """What one kernel on one layer, or one model, executes on one processor."""

    processor: str
    name: str
    kernel: str
    macs: int
    instructions: int
    least: float | None = None

    @property
    def per_mac(self) -> float:
        return self.instructions / max(self.macs, 1)


def layers(emulator: Emulator, wanted: Callable[[Layer], bool]) -> list[Row]:
    """The kernels chosen for layers of known networks."""
    graphs = [(layer.name, layer.graph(dtype)) for layer in filter(wanted, LAYERS) for dtype in (INT8, FLOAT)]
    chosen = target(emulator.processor)
    return steps(emulator, [(name, step) for name, graph in graphs for step in Lowering(graph, chosen).lower(graph).steps])


def random_bytes(size: int) -> bytes:
    values: NDArray[Any] = np.random.default_rng(1).integers(0, 100, size, np.uint8)
    return values.tobytes()


def steps(emulator: Emulator, named: Sequence[tuple[str, Step]]) -> list[Row]:
    """Every step by itself, on random values."""
    single = [(name, step) for name, step in named if len(step.outputs) == 1]
    data = b""
    for _, step in single:
        inputs = [
            random_bytes(o.size) if o.buffer.data is None else o.buffer.data[o.offset : o.offset + o.size] for o in step.inputs
        ]
        data += encoded(step.kernel.name, step.params, inputs, step.outputs[0].size)
    return [
        Row(emulator.processor, name, step.kernel.name, step.macs, count, LEAST.get((step.kernel.isa, step.kernel.family[-2:])))
        for (name, step), count in zip(single, emulator.counts(data=data), strict=True)
    ]


@dataclass(frozen=True)
class Loop:
    """The innermost loop that multiplies most in a kernel's source, on a core as llvm-mca knows it."""

    source: str
    core: str
    macs: int
    instructions: int
    cycles_per_mac: float


def loops() -> list[Loop]:
    """Inner loops of the matrix kernels (benchmarks/mca.py); none where llvm-mca is not installed."""
    rows = []
    sources = [KERNELS / family / f"{isa}.cc" for family in MATRICES for isa in ("neon", "neon_dotprod", "neon_i8mm")]
    try:
        for source in filter(Path.exists, sources):
            for core in dict.fromkeys(mca.CORES.values()):
                if (loop := mca.main_loop(source, core)) is not None:
                    spent = mca.cycles(loop, core) / loop.macs
                    rows.append(Loop(f"{source.parent.name}/{source.stem}", core, loop.macs, loop.instructions, spent))
    except InputError as why:
        Console(stderr=True).print(str(why))
    return rows


def main(
    only: Annotated[str, typer.Option(help="only layers and models whose name contains this")] = "",
    processor: Annotated[str, typer.Option(help=f"one of {', '.join(ISAS)}")] = "",
    each_step: Annotated[bool, typer.Option("--steps", help="every step of the models by itself")] = False,
    json_path: Annotated[Path | None, typer.Option("--json", help="write the figures there")] = None,
) -> None:
    kernels: list[Row] = []
    whole: list[Row] = []
    for name in [processor] if processor else ISAS:
        try:
            emulator = Emulator(name)
        except Unavailable as why:
            Console(stderr=True).print(str(why))
            raise typer.Exit(2) from None
        kernels += layers(emulator, lambda layer: only in layer.name)
        for model in models():
            path = model.onnx if model.precision == "float" else model.tflite
            label = f"{model.name} {model.precision}"
            if path is None or only not in label:
                continue
            compiled = compile_graph(read(path), target(name))
            program = compiled.program.steps
            whole.append(Row(name, label, "", sum(step.macs for step in program), emulator.plan(compiled.plan)))
            if each_step:
                kernels += steps(emulator, [(f"{label}: {step.name}"[-40:], step) for step in program])
    cycles = loops()
    console = Console(width=None if sys.stdout.isatty() else 160)
    for title, rows in (("kernels", kernels), ("models", whole)):
        lines = [
            (row.processor, row.name, row.kernel, f"{row.macs:,}", f"{row.instructions:,}", f"{row.per_mac:.4f}", _limit(row.least))
            for row in rows
        ]
        console.print(table(title, ["processor", "name", "kernel", "#MACs", "#instructions", "#a MAC", "#least"], lines))
    lines = [(loop.source, loop.core, str(loop.macs), str(loop.instructions), f"{loop.cycles_per_mac:.4f}") for loop in cycles]
    console.print(table("inner loops, by llvm-mca", ["source", "core", "#MACs", "#instructions", "#cycles a MAC"], lines))
    if json_path is not None:
        figures = {"kernels": kernels, "models": whole, "loops": cycles}
        json_path.write_text(json.dumps({key: [asdict(row) for row in rows] for key, rows in figures.items()}, indent=1))


def _limit(least: float | None) -> str:
    return "-" if least is None else f"{least:.4f}"


if __name__ == "__main__":
    typer.run(main)
