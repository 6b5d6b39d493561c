"""What the compiled kernels ask of the machine that they are linked for, seen in their object files."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from elf import symbols

from toolchain.assets import KERNELS

FLAGS = ["-std=c++17", "-c", *re.findall(r"-f[\w=-]+", (KERNELS / "CMakeLists.txt").read_text())]
COMPILERS = {
    "x86_64": os.environ.get("CXX", "c++") if os.uname().machine == "x86_64" else "x86_64-linux-gnu-g++",
    "aarch64": "aarch64-linux-gnu-g++",
    "arm": "arm-linux-gnueabihf-g++",
}
ISAS = re.findall(r'^ISA\((\w+), (\w+), "([^"]*)"\)', (KERNELS / "isa.inc").read_text(), re.M)

# The C library's functions that compilers call by themselves, and the run-time library of the Arm ABI (IHI 0043): division, 64-bit
# integers, floating point where the core has none.
BARE_METAL = re.compile(r"mem(cpy|set)|__aeabi_(?!unwind)\w+")


@pytest.mark.parametrize("architecture", COMPILERS)
def test_wider_instruction_sets_leave_nothing_for_others_to_share(architecture: str, tmp_path: Path) -> None:
    """The linker merges weak functions of equal name: one compiled with AVX2 must not replace the portable one."""
    compiler = shutil.which(COMPILERS[architecture])
    if compiler is None:
        pytest.skip(f"needs {COMPILERS[architecture]}")
    for isa, flags in [(isa, flags) for isa, of, flags in ISAS if of == architecture]:
        for source in sorted(KERNELS.glob(f"*/{isa}.cc")):
            target = tmp_path / "kernel.o"
            subprocess.run([compiler, *FLAGS, *flags.split(), "-O1", str(source), "-o", str(target)], check=True)
            weak = [symbol.name for symbol in symbols(target) if symbol.binding == "weak"]
            assert not weak, f"{source}: declare these static: {weak}"


def _cortex_m4() -> list[str]:
    if shutil.which("arm-none-eabi-g++"):
        return ["arm-none-eabi-g++", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "c++", "-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4", "-g0"]
    return []


@pytest.mark.parametrize("family", sorted(path.parent.name for path in KERNELS.glob("*/kernels.inc")))
def test_portable_kernels_need_no_library_on_bare_metal(family: str, tmp_path: Path) -> None:
    """Cortex-M4 without an operating system: a family's objects may ask for what a compiler brings, and nothing else."""
    compiler = _cortex_m4()
    if not compiler:
        pytest.skip("needs arm-none-eabi-g++ or the ziglang package")
    defined: set[str] = set()
    needed: set[str] = set()
    for name in (f"{family}.cc", "scalar.cc"):
        target = tmp_path / f"{name}.o"
        command = [
            *compiler,
            *FLAGS,
            "-O2",
            "-ffreestanding",
            "-fno-unwind-tables",
            str(KERNELS / family / name),
            "-o",
            str(target),
        ]
        subprocess.run(command, check=True, env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(tmp_path / "zig")})
        for symbol in symbols(target):
            (defined if symbol.defined else needed).add(symbol.name)
    foreign = [name for name in needed - defined if not BARE_METAL.fullmatch(name)]
    assert not foreign, f"{family} needs {foreign}"
