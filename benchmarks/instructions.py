"""Counts the instructions of one run of each model under callgrind, with AVX2 at most: the same on every x86-64 machine.

python -m benchmarks.instructions [--only ic] [--update] [--json instructions.json]

Prints them beside those of tests/instructions.json, which --update writes anew; tests/test_instructions.py holds them to it. Counts
depend on the compiler, whose version the file states.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from benchmarks.models import models
from benchmarks.native import ROOT, built, tool
from benchmarks.rivals import Unavailable
from toolchain import targets
from toolchain.compiler import compile_graph, read
from toolchain.report.grid import table

RECORD = ROOT / "tests" / "instructions.json"
BUNDLED = sorted((ROOT / "examples").glob("*/*.onnx"))


def compiler() -> str:
    """The first line that the C++ compiler says of its version."""
    name = shutil.which(os.environ.get("CXX", "c++"))
    if name is None:
        raise Unavailable("needs a C++ compiler")
    said = subprocess.run([name, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    return said.split(" ", 1)[1]


def driver() -> Path:
    """The program that runs a plan."""
    if platform.machine() != "x86_64":
        raise Unavailable("counts are those of x86-64")
    return built("counted", "tests/runtime/counted")


def count(program: Path, plan: bytes) -> int:
    """Instructions of the second run of a plan."""
    with TemporaryDirectory() as folder:
        path, out = Path(folder) / "model.sntr", Path(folder) / "counts"
        path.write_bytes(plan)
        options = ["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=counted_run", f"--callgrind-out-file={out}"]
        done = subprocess.run([tool("valgrind"), *options, str(program), str(path)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        found = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)
        assert found is not None
        return int(found[1])


def cases(only: str = "") -> Iterator[tuple[str, Path]]:
    """The bundled models, and the others whose files are here."""
    named = {f"{path.stem} float": path for path in BUNDLED}
    named |= {f"{m.name} {m.precision}": path for m in models() if (path := m.tflite or m.onnx) is not None}
    yield from ((name, path) for name, path in named.items() if only in name)


def plan(path: Path) -> bytes:
    """A model's plan with kernels that any processor with AVX2 runs, chosen by the order of their rows, since costs change."""
    target = replace(targets.load("host"), isas=("avx2", "scalar"), core="")
    return compile_graph(read(path), target).plan


def recorded() -> dict[str, int]:
    """The counts of the file, where it was written with this compiler."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    if record["compiler"] != compiler():
        raise Unavailable(f"the counts are those of {record['compiler']}, this is {compiler()}")
    counts: dict[str, int] = record["counts"]
    return counts


def main(
    only: Annotated[str, typer.Option(help="only models whose name and precision contain this")] = "",
    update: Annotated[bool, typer.Option("--update", help="write the counts to tests/instructions.json")] = False,
    json_path: Annotated[Path | None, typer.Option("--json", help="write the counts there")] = None,
) -> None:
    errors = Console(stderr=True)
    try:
        program = driver()
        wanted = list(cases(only))
        found = {name: count(program, plan(path)) for name, path in track(wanted, "counting", console=errors, transient=True)}
    except Unavailable as why:
        errors.print(str(why))
        raise typer.Exit(2) from None
    try:
        before = recorded()
    except (Unavailable, OSError):
        before = {}
    lines = [(name, f"{n:,}", f"{n / before[name] - 1:+.1%}" if name in before else "") for name, n in found.items()]
    Console(highlight=False).print(table("Instructions of a run", ("model", "#instructions", "#change"), lines))
    record = json.dumps({"compiler": compiler(), "counts": before | found}, indent=1) + "\n"
    for path in [RECORD] * update + [json_path] * (json_path is not None):
        assert path is not None
        path.write_text(record, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
