"""Hides AVX-512, AVX-VNNI and AMX from an engine that has no switch for it, as if the processor had AVX2 at most.

Libraries ask the processor what it has by CPUID, which cannot be answered by others than the processor. In copies of them the
instruction is replaced by one that traps, UD2, of as many bytes; a preloaded library (benchmarks/hidden.c) handles the trap.
"""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks.native import ROOT, tool
from benchmarks.rivals import Unavailable

CPUID, UD2 = b"\x0f\xa2", b"\x0f\x0b"


def environment(package: str) -> dict[str, str]:
    """Variables under which Python imports a copy of the package that sees no more than AVX2.

    Raises Unavailable on other processors than x86-64, or without the package, a C compiler or objdump.
    """
    if platform.machine() != "x86_64":
        raise Unavailable("only x86-64 libraries can be kept from an instruction set")
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise Unavailable("not installed")
    source, folder = Path(found.origin).parent, ROOT / "build" / "hidden" / package
    stamp = f"{source} {Path(found.origin).stat().st_mtime_ns}"
    done = folder / "done"
    if not done.is_file() or done.read_text(encoding="utf-8") != stamp:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder / package)
        libraries = [path for path in sorted(folder.rglob("*.so*")) if CPUID in path.read_bytes()]
        for library in track(libraries, f"hiding from {package}", console=Console(stderr=True), transient=True):
            replace(library)
        done.write_text(stamp, encoding="utf-8")
    return {"LD_PRELOAD": str(answers()), "PYTHONPATH": str(folder)}


def answers() -> Path:
    """The library to preload."""
    source, made = Path(__file__).with_name("hidden.c"), ROOT / "build" / "hidden" / "answers.so"
    if not made.is_file() or made.stat().st_mtime_ns < source.stat().st_mtime_ns:
        made.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([tool("cc"), "-O2", "-shared", "-fPIC", str(source), "-o", str(made)], check=True)
    return made


def replace(library: Path) -> int:
    """Replaces every CPUID of a library by UD2; how many there were."""
    data = bytearray(library.read_bytes())
    places = list(_places(library))
    for at in places:
        if data[at : at + 2] != CPUID:
            raise RuntimeError(f"{library}: no CPUID at {at:#x}, where objdump found one")
        data[at : at + 2] = UD2
    library.write_bytes(data)
    return len(places)


def _places(library: Path) -> Iterator[int]:
    """Where in the file the instructions are."""
    objdump = tool("objdump")
    headers = subprocess.run([objdump, "-h", "-w", str(library)], capture_output=True, text=True, check=True).stdout
    sections = [
        (int(address, 16), int(size, 16), int(offset, 16))
        for size, address, offset in re.findall(r"^ *\d+ \S+ +(\w+)  (\w+)  \w+  (\w+) .*CODE", headers, re.MULTILINE)
    ]
    with subprocess.Popen([objdump, "-d", "--no-show-raw-insn", str(library)], stdout=subprocess.PIPE, text=True) as listing:
        assert listing.stdout is not None
        for line in listing.stdout:
            if line.rstrip().endswith("\tcpuid"):
                at = int(line.partition(":")[0], 16)
                yield next(at - address + offset for address, size, offset in sections if address <= at < address + size)
