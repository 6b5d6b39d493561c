"""Estimates the inner loops of kernels on cores that are not at hand, with LLVM's machine code analyser.

python -m benchmarks.mca kernels/conv_s8/neon.cc [--core cortex-a72]

A kernel source is compiled for its instruction set; each innermost loop of the assembly that multiplies and accumulates is analysed
as if it ran for ever from the first-level cache. Needs a cross compiler and llvm-mca.
"""

from __future__ import annotations

import math
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from toolchain.assets import KERNELS
from toolchain.errors import InputError
from toolchain.report import text
from toolchain.report.grid import table

# Compiler and triple for each architecture of isa.inc.
COMPILERS = {
    "aarch64": ("aarch64-linux-gnu-g++", "aarch64"),
    "arm": ("arm-linux-gnueabihf-g++", "armv7a-linux-gnueabihf"),
    "x86_64": ("x86_64-linux-gnu-g++", "x86_64"),
}
# The cores of aarch64 boards, and LLVM's model of each; that of neoverse-n1 is the server's twin of Cortex-A76 and its successors.
CORES = {
    "cortex-a53": "cortex-a53",
    "cortex-a57": "cortex-a57",
    "cortex-a72": "cortex-a72",
    "cortex-a76": "neoverse-n1",
    "cortex-a78ae": "neoverse-n1",
}
OPTIONS = "-std=c++17 -O3 -DNDEBUG -fno-exceptions -fno-rtti -fno-threadsafe-statics -ffp-contract=off -fno-math-errno -S -o -"

# Multiply-accumulates of one instruction, by mnemonic and the arrangement of its first operand.
_MACS = {
    **{(name, "8h"): 8 for name in ("smull", "smlal", "smull2", "smlal2", "mla", "mul")},
    **{(name, "4s"): 4 for name in ("smull", "smlal", "smull2", "smlal2", "mla", "fmla", "fmls")},
    **{("sdot", "4s"): 16, ("sdot", "2s"): 8, ("smmla", "4s"): 32, ("fmla", "8h"): 8, ("fmla", "2s"): 2},
    **{("madd", "w"): 1, ("smaddl", "x"): 1, ("fmadd", "s"): 1},
    **{("vmlal.s16", "q"): 4, ("vmull.s8", "q"): 8, ("vmlal.s8", "q"): 8, ("vmla.f32", "q"): 4, ("vfma.f32", "q"): 4},
}
_LABEL = re.compile(r"^([.\w$]+):")
_BRANCH = re.compile(r"^\s+(?:b\.?\w\w|cbn?z|tbn?z|b|j\w+)\s.*?(\.L\w+)\s*$")
_FUNCTION = re.compile(r"^\s+\.type\s+(\w+), [%@]function", re.M)


@dataclass(frozen=True)
class Loop:
    """An innermost loop: its function, its assembly, and the multiply-accumulates and instructions of one round."""

    function: str
    body: str
    macs: int
    instructions: int


def flags(isa: str) -> tuple[str, list[str]]:
    """Architecture and compile flags of a row of isa.inc; portable code is compiled for aarch64."""
    for name, architecture, options in re.findall(r'^ISA\((\w+), (\w+), "([^"]*)"\)', (KERNELS / "isa.inc").read_text(), re.M):
        if name == isa:
            return ("aarch64" if architecture == "any" else architecture), shlex.split(options)
    raise InputError(f"isa.inc has no instruction set '{isa}'")


@cache
def loops(source: Path, architecture: str = "") -> tuple[Loop, ...]:
    """The innermost loops of a kernel source that is named after its instruction set."""
    own, options = flags(source.stem)
    compiler = shutil.which(COMPILERS[architecture or own][0])
    if compiler is None:
        raise InputError(f"needs {COMPILERS[architecture or own][0]}")
    command = [compiler, *shlex.split(OPTIONS), *options, "-I", str(KERNELS), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return tuple(innermost(done.stdout))


def innermost(assembly: str) -> list[Loop]:
    """From a label to the first branch back to it, if no other such pair lies between."""
    functions = set(_FUNCTION.findall(assembly))
    lines = assembly.splitlines()
    at: dict[str, int] = {}
    spans: list[tuple[int, int, str]] = []
    current = ""
    for number, line in enumerate(lines):
        if label := _LABEL.match(line):
            at[label[1]] = number
            current = label[1] if label[1] in functions else current
        elif (branch := _BRANCH.match(line)) and branch[1] in at:
            spans.append((at[branch[1]], number, current))
    found = []
    for first, last, function in spans:
        if any(first <= a and b <= last and (a, b) != (first, last) for a, b, _ in spans):
            continue
        body = [line for line in lines[first + 1 : last + 1] if line.startswith("\t") and not line.startswith("\t.")]
        found.append(Loop(function, "\n".join(body), sum(map(_macs, body)), len(body)))
    return found


def _macs(line: str) -> int:
    mnemonic, _, rest = line.strip().partition("\t")
    operand = rest.partition(",")[0].strip()
    return _MACS.get((mnemonic, operand.partition(".")[2] or operand[:1]), 0)


@cache
def analyser() -> str:
    """The newest llvm-mca on the path."""
    names = [*(f"llvm-mca-{version}" for version in range(40, 16, -1)), "llvm-mca"]
    found = next((path for name in names if (path := shutil.which(name)) is not None), None)
    if found is None:
        raise InputError("needs llvm-mca, of LLVM 17 or later")
    return found


@cache
def cycles(loop: Loop, core: str, architecture: str = "aarch64", rounds: int = 200) -> float:
    """Cycles of one round on a core that llvm-mca knows; infinity where it knows no schedule for an instruction."""
    command = [analyser(), f"-mtriple={COMPILERS[architecture][1]}", f"-mcpu={core}", f"-iterations={rounds}"]
    if architecture == "aarch64":
        command.append("-mattr=+dotprod,+i8mm")  # as the next core that has them, by this one's schedule
    done = subprocess.run([*command, "-"], input=loop.body, capture_output=True, text=True, check=False)
    if done.returncode:
        return math.inf
    return int(re.findall(r"^Total Cycles:\s+(\d+)", done.stdout, re.M)[0]) / rounds


def main_loop(source: Path, core: str, kernel: str = "") -> Loop | None:
    """The loop that does the work: of those with at least half as many multiply-accumulates a round as any, the fastest for each.

    Loops of the function named `kernel` are preferred to those of functions that a source's kernels share, unless they multiply so
    little that it must be to find an address.
    """
    architecture = flags(source.stem)[0]
    busy = [loop for loop in loops(source) if loop.macs and cycles(loop, core, architecture) < math.inf]
    most = max((loop.macs for loop in busy), default=0)
    found = [loop for loop in busy if kernel and kernel in loop.function and loop.macs * 8 >= most] or busy
    most = max((loop.macs for loop in found), default=0)
    whole = [loop for loop in found if loop.macs * 2 >= most]
    return min(whole, key=lambda loop: cycles(loop, core, architecture) / loop.macs, default=None)


def main(
    sources: Annotated[list[Path], typer.Argument(help="Kernel sources, named after their instruction sets.")],
    core: Annotated[str, typer.Option(help="Only this core, by the name that LLVM has for it.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every loop that multiplies, not only the largest.")] = False,
) -> None:
    """Print multiply-accumulates a cycle of inner loops."""
    rows = []
    for source in sources:
        architecture = flags(source.stem)[0]
        for name, model in {core: core}.items() if core else CORES.items():
            largest = main_loop(source, model)
            for loop in [loop for loop in loops(source) if loop.macs] if every else [largest] * (largest is not None):
                spent = cycles(loop, model, architecture)
                figures = f"{loop.macs}", f"{loop.instructions}", f"{spent:.1f}", f"{loop.macs / spent:.2f}"
                rows.append((f"{source.parent.name}/{source.name}", name, *figures, text.label(loop.function, 48)))
    columns = ("source", "core", "#MACs", "#instructions", "#cycles", "#MACs a cycle", "function")
    Console(highlight=False, width=160).print(table("Inner loops", columns, rows))


if __name__ == "__main__":
    typer.run(main)
