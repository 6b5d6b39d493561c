"""Counts the instructions that kernels and models execute on Arm processors, under QEMU: there need be no such processor.

python -m benchmarks.emulated [--only ic] [--steps] [--json emulated.json]

Needs the cross compilers g++-aarch64-linux-gnu and g++-arm-linux-gnueabihf, qemu-user with plugins, and, for estimates of cycles,
llvm-mca.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
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

from benchmarks.layers import FLOAT, INT8, LAYERS, Layer
from benchmarks.models import models
from toolchain.compiler import compile_graph, read
from toolchain.lowering import Lowering
from toolchain.program import Step
from toolchain.report.grid import table
from toolchain.targets import Target

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"

COMPILERS = {"aarch64": "aarch64-linux-gnu", "arm": "arm-linux-gnueabihf"}
ISAS = {
    "cortex-a53": ("neon", "scalar"),
    "cortex-a76": ("neon_dotprod", "neon", "scalar"),
    "max": ("neon_i8mm", "neon_dotprod", "neon", "scalar"),
    "cortex-a7": ("armv7_neon", "scalar"),
}
MACS = {"smmla": 32, "sdot": 16, "smull": 8, "smull2": 8, "smlal": 8, "smlal2": 8, "fmla": 4}
# The least instructions a multiply-accumulate that an instruction set allows, loads aside.
LEAST = {("neon_i8mm", "s8"): 1 / 32, ("neon_dotprod", "s8"): 1 / 16, ("neon", "s8"): 3 / 16, ("armv7_neon", "s8"): 3 / 16}
SCHEDULES = ("cortex-a53", "cortex-a72", "neoverse-n1")


def target(processor: str) -> Target:
    return Target(processor, "an emulated processor", architecture(processor), ISAS[processor])


def architecture(processor: str) -> str:
    return "arm" if processor == "cortex-a7" else "aarch64"


def tool(name: str) -> str:
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        Console(stderr=True).print(f"needs {name}")
        raise typer.Exit(2)
    return found


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        Console(stderr=True).print(f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        raise typer.Exit(1)


class Emulator:
    """The guest program of one architecture, and the plugin that counts."""

    def __init__(self, processor: str) -> None:
        self.processor, self.architecture = processor, architecture(processor)
        self.folder = BUILD / f"emulated-{self.architecture}"
        compiler = tool(f"{COMPILERS[self.architecture]}-g++")
        system = ["-DCMAKE_SYSTEM_NAME=Linux", f"-DCMAKE_SYSTEM_PROCESSOR={self.architecture}", f"-DCMAKE_CXX_COMPILER={compiler}"]
        settings = [*system, "-DCMAKE_EXE_LINKER_FLAGS=-static", "-DSINTER_TESTS=ON", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"]
        _run(tool("cmake"), "-S", str(ROOT), "-B", str(self.folder), "-G", "Ninja", *settings)
        _run(tool("cmake"), "--build", str(self.folder), "--target", "counted")
        self.plugin = BUILD / "count.so"
        host = os.environ.get("CC", "cc")
        _run(host, "-O2", "-shared", "-fPIC", "-fvisibility=hidden", str(ROOT / "benchmarks" / "count.c"), "-o", str(self.plugin))

    def counts(self, arguments: Sequence[str] = (), data: bytes = b"") -> list[int]:
        """Instructions of each region that the guest marks."""
        with TemporaryDirectory() as folder:
            out = Path(folder) / "counts"
            guest = self.folder / "tests" / "runtime" / "counted"
            command = [tool(f"qemu-{self.architecture}"), "-cpu", self.processor, "-plugin", f"{self.plugin},out={out}", str(guest)]
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


def encoded(kernel: str, params: bytes, inputs: Sequence[bytes], size: int) -> bytes:
    """A step as the guest reads it."""

    def sized(data: bytes) -> bytes:
        return struct.pack("<Q", len(data)) + data

    head = sized(kernel.encode()) + sized(params) + struct.pack("<Q", len(inputs))
    return head + b"".join(map(sized, inputs)) + struct.pack("<Q", size)


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
    """The innermost loop that multiplies most, of a kernel's object file, by llvm-mca's model of a processor."""

    source: str
    schedule: str
    macs: int
    instructions: int
    cycles_per_mac: float


def innermost(listing: str) -> list[str]:
    """The instructions of the straight loop with the most multiply-accumulates in a disassembly."""
    lines = re.findall(r"^ +([0-9a-f]+):\t(.*)$", listing, re.M)
    index = {int(address, 16): i for i, (address, _) in enumerate(lines)}
    best: list[str] = []
    for i, (_, text) in enumerate(lines):
        jump = re.match(r"(?:b\.\w+|cbn?z\s+\w+,|tbn?z\s+[^,]+,[^,]+,)\s+([0-9a-f]+) <", text.replace("\t", " "))
        first = index.get(int(jump[1], 16)) if jump else None
        if first is None or first >= i:
            continue
        body = [line.split("//")[0] for _, line in lines[first:i]]
        if not any(re.match(r"(b|bl|ret|b\.\w+|cbn?z|tbn?z)\s", line) for line in body) and macs(body) > macs(best):
            best = body
    return best


def macs(body: Sequence[str]) -> int:
    return sum(MACS.get(line.split()[0], 0) for line in body)


def loops() -> list[Loop]:
    """Inner loops of the matrix kernels, scheduled by llvm-mca; none where it is not installed."""
    mca = next((found for name in ("llvm-mca-19", "llvm-mca") if (found := shutil.which(name))), None)
    rows = []
    for family in ("conv_s8", "depthwise_s8", "conv_f32", "depthwise_f32"):
        for isa in ("neon", "neon_dotprod", "neon_i8mm"):
            path = BUILD / "emulated-aarch64" / "kernels" / "CMakeFiles" / "sinter_kernels.dir" / family / f"{isa}.cc.o"
            if mca is None or not path.exists():
                continue
            command = [tool("aarch64-linux-gnu-objdump"), "-d", "--no-show-raw-insn", str(path)]
            body = innermost(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            for schedule in SCHEDULES if body else ():
                options = ["-mtriple=aarch64-linux-gnu", f"-mcpu={schedule}", "-mattr=+dotprod,+i8mm", "-iterations=100"]
                text = subprocess.run([mca, *options], input="\n".join(body), capture_output=True, text=True, check=True).stdout
                found = re.search(r"^Total Cycles:\s+(\d+)", text, re.M)
                assert found is not None
                rows.append(Loop(f"{family}/{isa}", schedule, macs(body), len(body) + 1, int(found[1]) / 100 / macs(body)))
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
        emulator = Emulator(name)
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
    lines = [(loop.source, loop.schedule, str(loop.macs), str(loop.instructions), f"{loop.cycles_per_mac:.4f}") for loop in cycles]
    console.print(table("inner loops, by llvm-mca", ["source", "schedule", "#MACs", "#instructions", "#cycles a MAC"], lines))
    if json_path is not None:
        figures = {"kernels": kernels, "models": whole, "loops": cycles}
        json_path.write_text(json.dumps({key: [asdict(row) for row in rows] for key, rows in figures.items()}, indent=1))


def _limit(least: float | None) -> str:
    return "-" if least is None else f"{least:.4f}"


if __name__ == "__main__":
    typer.run(main)
