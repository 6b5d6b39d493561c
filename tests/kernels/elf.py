"""The symbol table of an ELF object file (System V ABI, chapter 4)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_SYMTAB = 2
_BINDINGS = {0: "local", 1: "global", 2: "weak"}


@dataclass(frozen=True)
class Symbol:
    name: str
    binding: str
    defined: bool


def symbols(path: Path) -> list[Symbol]:
    """All named symbols of a little-endian object of either width."""
    data = path.read_bytes()
    if data[:4] != b"\x7fELF" or data[5] != 1:
        raise ValueError(f"{path} is not a little-endian ELF file")
    wide = data[4] == 2
    (table,) = struct.unpack_from("<Q" if wide else "<I", data, 0x28 if wide else 0x20)
    size, count = struct.unpack_from("<HH", data, 0x3A if wide else 0x2E)
    # Type, offset, size and link of each section.
    header = struct.Struct("<4xI16xQQI" if wide else "<4xI8xIII")
    sections = [header.unpack_from(data, table + i * size) for i in range(count)]
    entry = struct.Struct("<IBxHQQ" if wide else "<IIIBxH")
    found = []
    for kind, offset, length, link in sections:
        if kind != _SYMTAB:
            continue
        strings = sections[link][1]
        for at in range(offset, offset + length, entry.size):
            fields = entry.unpack_from(data, at)
            name, info, section = (fields[0], fields[1], fields[2]) if wide else (fields[0], fields[3], fields[4])
            text = data[strings + name : data.index(b"\0", strings + name)].decode()
            if text:
                found.append(Symbol(text, _BINDINGS.get(info >> 4, "other"), section != 0))
    return found
