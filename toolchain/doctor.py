"""What this machine has of all that Sinter can use, and the command that gets the rest."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

from rich.table import Table

from toolchain.report.grid import table


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for: `found` tells version or path, and is empty where it is missing; then `get` is the command."""

    group: str
    name: str
    found: str
    use: str
    get: str
    required: bool = False


_OLDEST_PYTHON = (3, 11)

# Tools: the programs any of which will do, what it is for, and the Debian package or pip requirement that has it.
_TOOLS: tuple[tuple[str, str, Sequence[str], str, str], ...] = (
    ("build", "C++ compiler", ("c++", "g++", "clang++"), "build the runtime from source", "apt-get install g++"),
    ("build", "CMake", ("cmake",), "build the runtime without pip", "pip install cmake"),
    ("build", "Ninja", ("ninja",), "build faster", "pip install ninja"),
    ("cross", "Arm 64-bit Linux", ("aarch64-linux-gnu-g++",), "boards with 64-bit Linux", "apt-get install g++-aarch64-linux-gnu"),
    (
        "cross",
        "Arm 32-bit Linux",
        ("arm-linux-gnueabihf-g++",),
        "boards with 32-bit Linux",
        "apt-get install g++-arm-linux-gnueabihf",
    ),
    ("cross", "Arm bare metal", ("arm-none-eabi-g++",), "microcontrollers", "apt-get install gcc-arm-none-eabi"),
    (
        "emulate",
        "Arm 64-bit programs",
        ("qemu-aarch64", "qemu-aarch64-static"),
        "test what was cross-compiled",
        "apt-get install qemu-user",
    ),
    (
        "emulate",
        "Arm 32-bit programs",
        ("qemu-arm", "qemu-arm-static"),
        "test what was cross-compiled",
        "apt-get install qemu-user",
    ),
    ("emulate", "Arm microcontrollers", ("qemu-system-arm",), "test firmware", "apt-get install qemu-system-arm"),
)

# Python modules: the distribution that has it, what it is for, and the extra of Sinter that brings it.
_MODULES: tuple[tuple[str, str, str, str], ...] = (
    ("cross", "ziglang", "cross-compile for every target with one package", ""),
    ("train", "torch", "train and distil", "train"),
    ("train", "scikit-learn", "data of the bundled examples", "train"),
    ("peers", "onnxruntime", "compare results and speed", "peers"),
    ("peers", "ai-edge-litert", "compare results and speed", "peers"),
    ("peers", "openvino", "compare speed", "peers"),
    ("peers", "ncnn", "compare speed", ""),
    ("peers", "pnnx", "convert models for ncnn", ""),
    ("dev", "pytest", "run the tests", "dev"),
    ("dev", "hypothesis", "run the tests", "dev"),
    ("dev", "ruff", "check the Python sources", "dev"),
    ("dev", "mypy", "check the Python sources", "dev"),
    ("dev", "clang-format", "check the C++ sources", "dev"),
)


def examine() -> list[Finding]:
    """Look for everything, group by group; what is required comes first."""
    oldest = ".".join(map(str, _OLDEST_PYTHON))
    python = platform.python_version() if sys.version_info >= _OLDEST_PYTHON else ""
    findings = [
        Finding("core", "Python", python, f"run the compiler; {oldest} or later", f"apt-get install python{oldest}", required=True),
        _runtime(),
        *(_tool(*row) for row in _TOOLS),
        *(_module(*row) for row in _MODULES),
    ]
    groups = list(dict.fromkeys(finding.group for finding in findings))
    return sorted(findings, key=lambda finding: groups.index(finding.group))


def as_table(findings: Sequence[Finding]) -> Table:
    """What was found, and for what is missing the command that gets it."""
    rows = [(f.group, f.name, f.found or ("missing" if f.required else "-"), f.use, "" if f.found else f.get) for f in findings]
    return table("Doctor", ("for", "what", "found", "used to", "get it with"), rows)


def _runtime() -> Finding:
    found = ""
    if importlib.util.find_spec("runtime._native") is not None:
        from runtime import _native

        found = f"{platform.machine()}: {', '.join(_native.detected_isas())}"
    return Finding("core", "runtime", found, "compile and run models", "pip install .", required=True)


def _tool(group: str, name: str, programs: Sequence[str], use: str, get: str) -> Finding:
    path = next((path for program in programs if (path := shutil.which(program))), None)
    return Finding(group, name, f"{path} {_version(path)}".rstrip() if path else "", use, get)


def _version(path: str) -> str:
    """The first thing like a version that the program says of itself; '' if it says none within seconds."""
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=5, check=False, env={**os.environ, "LC_ALL": "C"}
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"\d+\.\d+(\.\d+)*", said.stdout)
    return match[0] if match else ""


def _module(group: str, distribution: str, use: str, extra: str) -> Finding:
    try:
        found = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        found = ""
    return Finding(group, distribution, found, use, f"pip install '.[{extra}]'" if extra else f"pip install {distribution}")
