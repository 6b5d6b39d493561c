"""The kernels that exist: the rows of every kernels.inc, their params' record types, and the choice of one for a target."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from runtime import _native
from toolchain.assets import KERNELS
from toolchain.ir import IrError
from toolchain.records import record

_FAMILY = re.compile(r"^FAMILY\((\w+), (\w+), (\w+)\)", re.M)
_KERNEL = re.compile(r"^KERNEL\((\w+), (\w+), (\w+), (\w+), (\d+), (\d+), (\d+)\)", re.M)

OK = 0


@dataclass(frozen=True)
class Kernel:
    """One row of a kernels.inc: a name, its instruction set, its packing, its tile, and the file that it stands in."""

    name: str
    family: str
    isa: str
    packing: str
    mr: int
    nr: int
    kr: int
    in_place: int
    params: np.dtype[Any]
    layout: int
    source: Path

    def encode(self, params: Mapping[str, Any]) -> bytes:
        """The params record's bytes; every field must be given, and nothing else."""
        names = self.params.names or ()
        if set(params) != set(names):
            raise IrError(f"{self.family} takes params {sorted(names)}, got {sorted(params)}")
        row = np.zeros((), self.params)
        for name, value in params.items():
            try:
                row[name] = value
            except (OverflowError, ValueError) as error:
                raise IrError(f"{self.family} cannot take {name} = {value}: {error}") from error
        return row.tobytes()

    def check(self, params: bytes, extents: Sequence[tuple[int, int, bool]]) -> int:
        """The kernel's own verdict on operands of these (bytes, alignment, writable)."""
        return _native.check(self.name, params, list(extents))

    def scratch(self, params: bytes) -> int:
        """Scratch bytes for each worker."""
        return _native.scratch(self.name, params)


@cache
def families() -> dict[str, tuple[Kernel, ...]]:
    """Every family's kernels, best first."""
    result: dict[str, tuple[Kernel, ...]] = {}
    for path in sorted(KERNELS.glob("*/kernels.inc")):
        text = path.read_text(encoding="utf-8")
        for family, struct, in_place in _FAMILY.findall(text):
            dtype, layout = record(path.parent / f"{path.parent.name}.h", struct)
            result[family] = tuple(
                Kernel(
                    f"{name}__{isa}",
                    family,
                    isa,
                    packing,
                    int(mr),
                    int(nr),
                    int(kr),
                    int(in_place, 0),
                    dtype,
                    layout,
                    path.parent / f"{isa}.cc",
                )
                for of, name, isa, packing, mr, nr, kr in _KERNEL.findall(text)
                if of == family
            )
    return result


def candidates(family: str, isas: Sequence[str]) -> list[Kernel]:
    """The kernels of a family that run on these instruction sets, best first."""
    if family not in families():
        raise IrError(f"no kernel family '{family}' in {KERNELS}")
    return [kernel for kernel in families()[family] if kernel.isa in isas]
