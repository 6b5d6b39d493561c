"""Targets: what targets/<name>.toml says of a board."""

from __future__ import annotations

import os
import platform
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from runtime import _native
from toolchain import cost
from toolchain.assets import TARGETS
from toolchain.cost import Core
from toolchain.errors import InputError


@dataclass(frozen=True)
class Target:
    """A board: its instruction sets, best first, and what its speed depends on.

    `core` names the data of its costs ("" where there are none). `hertz` is the clock, `l1` and `l2` are the bytes of a core's data
    caches; 0 stands for what the core's data say. `prefer` is "speed", or "size" where a kernel with fewer bytes of weights is
    better than a faster one. `recognised` is set where the core is known to be of this kind.
    """

    name: str
    description: str
    architecture: str
    isas: tuple[str, ...]
    cores: int = 1
    hertz: float = 0.0
    l1: int = 0
    l2: int = 0
    core: str = ""
    recognised: bool = False
    prefer: str = "speed"

    @property
    def costs(self) -> Core | None:
        """What kernels cost on its cores, at its clock and with its caches; None where nothing is known."""
        return _costs(self.core, self.hertz, self.l1, self.l2) if self.core else None

    @property
    def calibrated(self) -> bool:
        """Whether costs were measured on such a processor, not taken from another or a simulator."""
        return self.recognised and self.costs is not None and self.costs.measured


@cache
def _costs(core: str, hertz: float, l1: int, l2: int) -> Core:
    known = cost.load(core)
    return replace(known, hertz=hertz or known.hertz, l1=l1 or known.l1, l2=l2 or known.l2)


def names() -> list[str]:
    return sorted(path.stem for path in TARGETS.glob("*.toml"))


def load(name: str) -> Target:
    """The target of this name; InputError lists the names that exist."""
    path = TARGETS / f"{name}.toml"
    if name not in names():
        raise InputError(f"unknown target '{name}'; expected one of: {', '.join(names())}")
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    if data["isas"] == "detect":
        data |= _detected()
    return Target(name, **data | {"isas": tuple(data["isas"])})


def _detected() -> Mapping[str, Any]:
    """This machine's instruction sets and the costs of its core: else those of the core of its architecture with the most data."""
    isas = _native.detected_isas()
    found: dict[str, Any] = {"isas": isas, "cores": os.cpu_count() or 1}
    cores = [cost.load(name) for name in cost.names()]
    mine = [core for core in cores if processor() in core.processors]
    similar = [core for core in cores if core.architecture == architecture() and core.kernels]
    if mine or similar:
        core = mine[0] if mine else max(similar, key=lambda core: sum(row.partition("__")[2] in isas for row in core.kernels))
        found |= {"core": core.name, "recognised": bool(mine)}
    return found


def architecture() -> str:
    """This machine's, by the name that isa.inc gives it."""
    machine = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)


def processor() -> str:
    """What identifies this machine's kind of core: vendor, family and model, or implementer and part; "" where it is not told."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
    for keys in (("vendor_id", "cpu family", "model"), ("CPU implementer", "CPU part")):
        if all(key in told for key in keys):
            return "/".join(told[key] for key in keys)
    return ""
