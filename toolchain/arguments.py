"""Values of command-line options that are more than a word or a number."""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolchain.errors import InputError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def size(text: str | None) -> int | None:
    """'65536', '64K' or '2M' as bytes; the prefixes are powers of 1024."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,15})([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise InputError(f"'{text}' is not a size; expected bytes like 65536, or 64K or 2M")
    return int(match[1]) * _UNITS[match[2].upper()]


def input_shapes(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """['image=1,3,224,224'] as {'image': (1, 3, 224, 224)}."""
    shapes: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, equals, extents = text.rpartition("=")
        if not (equals and name and re.fullmatch(r"\d{1,9}(,\d{1,9})*", extents)):
            raise InputError(f"'{text}' is not an input shape; expected NAME=1,3,224,224 with the name of an input of the model")
        if name in shapes:
            raise InputError(f"the shape of input '{name}' is given twice")
        shapes[name] = tuple(int(n) for n in extents.split(","))
    return shapes
