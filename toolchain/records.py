"""Reads the params rows of C++ headers into numpy record types, so that a layout is written once."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_MACRO = re.compile(r"#define (\w+)\(F, A\)((?:[^\n]*\\\n)*[^\n]*)")
_ROW = re.compile(r"F\((\w+), (\w+)\)|A\((\w+), (\w+), (\d+)\)|(\w+)\(F, A\)")
_STRUCT = re.compile(r"SINTER_PARAMS\((\w+), (\w+)\)")


@cache
def _header(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    text = path.read_text(encoding="utf-8")
    macros = dict(_MACRO.findall(text))
    structs = dict(_STRUCT.findall(text))
    for included in re.findall(r'#include "([^"]+)"', text):
        target = (path.parent / included).resolve()
        if target.exists():
            outer, others = _header(target)
            macros = {**outer, **macros}
            structs = {**others, **structs}
    return macros, structs


def _rows(macros: dict[str, str], name: str) -> list[tuple[str, str, int]]:
    rows: list[tuple[str, str, int]] = []
    for field_type, field, array_type, array, count, nested in _ROW.findall(macros[name]):
        if nested:
            rows += _rows(macros, nested)
        elif field:
            rows.append((field_type, field, 0))
        else:
            rows.append((array_type, array, int(count)))
    return rows


@cache
def rows(path: Path, macro: str) -> list[str]:
    """The first arguments of the rows F(name, ...) of a header's macro of one argument F, in order."""
    text = re.search(rf"#define {macro}\(F\)((?:[^\n]*\\\n)*[^\n]*)", path.read_text(encoding="utf-8"))
    return re.findall(r"\bF\((\w+)", text[1]) if text else []


@cache
def record(path: Path, struct: str) -> tuple[np.dtype[Any], int]:
    """The numpy record type of a SINTER_PARAMS struct in a header, and the hash of its rows (FNV-1a of their text)."""
    macros, structs = _header(path)
    rows = _rows(macros, structs[struct])
    text = "".join(f"{kind} {name}[{count}];" if count else f"{kind} {name};" for kind, name, count in rows)
    hashed = 2166136261
    for byte in text.encode():
        hashed = ((hashed ^ byte) * 16777619) & 0xFFFFFFFF
    names = {"float": "f4", "double": "f8"}
    fields: list[Any] = []
    for kind, name, count in rows:
        dtype = "<" + (names[kind] if kind in names else kind[0] + str(int(re.sub(r"\D", "", kind)) // 8))
        fields.append((name, dtype, (count,)) if count else (name, dtype))
    return np.dtype(fields), hashed
