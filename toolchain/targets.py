"""Targets: what targets/<name>.toml says of a board."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from runtime import _native
from toolchain.assets import TARGETS
from toolchain.errors import InputError


@dataclass(frozen=True)
class Target:
    """A board: its name, a line about it, and its instruction sets, best first."""

    name: str
    description: str
    architecture: str
    isas: tuple[str, ...]


def names() -> list[str]:
    return sorted(path.stem for path in TARGETS.glob("*.toml"))


def load(name: str) -> Target:
    """The target of this name; InputError lists the names that exist."""
    path = TARGETS / f"{name}.toml"
    if name not in names():
        raise InputError(f"unknown target '{name}'; expected one of: {', '.join(names())}")
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    isas = data["isas"]
    if isas == "detect":
        isas = _native.detected_isas()
    return Target(name, data["description"], data["architecture"], tuple(isas))
