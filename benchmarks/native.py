"""Builds the project's C++ programs, for this machine and for others, as benchmarks and tests run them."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rivals import Unavailable

ROOT = Path(__file__).resolve().parents[1]


def tool(name: str) -> str:
    """A program beside this Python or on the path. Raises Unavailable."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise Unavailable(f"needs {name}")
    return found


def built(folder: str, program: str, *settings: str) -> Path:
    """A program of the build in build/<folder>, like tests/kernels/kernel_driver, configured by CMake settings.

    Processes that ask at once wait for one another. Raises Unavailable where there are no tools, RuntimeError where they fail.
    """
    where = ROOT / "build" / folder
    where.mkdir(parents=True, exist_ok=True)
    made = "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}", "-DSINTER_TESTS=ON"
    commands = [
        [tool("cmake"), "-S", str(ROOT), "-B", str(where), *made, *settings],
        [tool("cmake"), "--build", str(where), "--target", Path(program).name],
    ]
    with (where / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return where / program


def encoded(kernel: str, params: bytes, inputs: Sequence[bytes], size: int) -> bytes:
    """A kernel call as tests/kernels/driver.cc and benchmarks/counted.cc read it; `size` is the output's, in bytes."""

    def sized(data: bytes) -> bytes:
        return struct.pack("<Q", len(data)) + data

    head = sized(kernel.encode()) + sized(params) + struct.pack("<Q", len(inputs))
    return head + b"".join(map(sized, inputs)) + struct.pack("<Q", size)
