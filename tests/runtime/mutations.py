"""Plans made hostile: damaged bytes, and records, params and sizes changed under right checksums."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.runtime.plans import HEADER, RECORDS, SECTION, put_together, take_apart

EDGES: tuple[int, ...] = (
    *(
        0,
        1,
        2,
        3,
        7,
        8,
        15,
        16,
        63,
        64,
        65,
        127,
        128,
        255,
        256,
        1 << 15,
        1 << 16,
        1 << 20,
        1 << 24,
        1 << 30,
        (1 << 31) - 1,
        1 << 31,
    ),
    *((1 << 32) - 1, 1 << 32, (1 << 62) + 64, (1 << 63) - 1, 1 << 63, (1 << 64) - 64, (1 << 64) - 1),
)


def _value(rng: random.Random, old: int, bits: int, others: list[int]) -> int:
    kind = rng.randrange(4)
    if kind == 0:
        new = rng.choice(EDGES)
    elif kind == 1:
        new = old + rng.choice((-64, -16, -2, -1, 1, 2, 16, 64))
    elif kind == 2:
        new = rng.choice(others)
    else:
        new = old ^ (1 << rng.randrange(bits))
    return new & ((1 << bits) - 1)


def _words(rng: random.Random, data: bytearray, count: int, width: int) -> None:
    """Change `count` aligned little-endian words."""
    form = {1: "<B", 4: "<I", 8: "<Q"}[width]
    total = len(data) // width
    if total == 0:
        return
    for _ in range(count):
        at = rng.randrange(total) * width
        others = [struct.unpack_from(form, data, rng.randrange(total) * width)[0] for _ in range(3)]
        struct.pack_into(form, data, at, _value(rng, struct.unpack_from(form, data, at)[0], 8 * width, others))


def flip_bits(rng: random.Random, file: bytes) -> bytes:
    data = bytearray(file)
    for _ in range(rng.randrange(1, 9)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def truncate(rng: random.Random, file: bytes) -> bytes:
    """Cut the file, and in half of the cases say so in the header."""
    data = bytearray(file[: rng.randrange(len(file))] + bytes(rng.choice((0, 0, 1, 64))))
    if rng.randrange(2) and len(data) >= 8:
        struct.pack_into("<Q", data, 0, len(data))
    return bytes(data)


def splice(rng: random.Random, file: bytes) -> bytes:
    data = bytearray(file)
    size = rng.randrange(1, min(512, len(file)))
    source, to = rng.randrange(len(file) - size), rng.randrange(len(file) - size)
    data[to : to + size] = file[source : source + size]
    return bytes(data)


def change_table(rng: random.Random, file: bytes) -> bytes:
    """Header and section table, with the table's checksum right."""
    data = bytearray(file)
    count = int(np.frombuffer(file, HEADER, 1)[0]["section_count"])
    begin, size = HEADER.itemsize, count * SECTION.itemsize
    table = bytearray(data[begin : begin + size])
    _words(rng, table, rng.randrange(1, 4), rng.choice((4, 8)))
    data[begin : begin + size] = table
    struct.pack_into("<I", data, HEADER.fields["checksum"][1], zlib.crc32(table))  # type: ignore[index]
    if rng.randrange(4) == 0:
        header = bytearray(data[:begin])
        _words(rng, header, 1, rng.choice((1, 4, 8)))
        data[:begin] = header
    return bytes(data)


def change_fields(rng: random.Random, file: bytes) -> bytes:
    """One to three fields of records."""
    sections = take_apart(file)
    for _ in range(rng.randrange(1, 4)):
        rows = sections[rng.choice([tag for tag in RECORDS if len(sections.get(tag, ()))])]
        row = rng.randrange(len(rows))
        name = rng.choice(rows.dtype.names)
        field = rows[name].view(f"<u{rows[name].dtype.itemsize}")
        index: Any = row if field.ndim == 1 else (row, rng.randrange(field.shape[1]))
        others = [int(value) for value in field.ravel()[:64]]
        field[index] = _value(rng, int(field[index]), 8 * field.dtype.itemsize, others)
    return put_together(sections)


def change_rows(rng: random.Random, file: bytes) -> bytes:
    """Rows of one table swapped, repeated or removed."""
    sections = take_apart(file)
    tag = rng.choice([tag for tag in RECORDS if tag in sections])
    rows = sections[tag]
    order = list(range(len(rows)))
    if order:
        at, to = rng.randrange(len(order)), rng.randrange(len(order))
        kind = rng.randrange(3)
        if kind == 0:
            order[at], order[to] = order[to], order[at]
        elif kind == 1:
            order.insert(to, order[at])
        else:
            del order[at]
    sections[tag] = rows[order]
    return put_together(sections)


def change_params(rng: random.Random, file: bytes) -> bytes:
    sections = take_apart(file)
    params = bytearray(sections["PARM"])
    _words(rng, params, rng.randrange(1, 4), 4)
    sections["PARM"] = bytes(params)
    return put_together(sections)


def change_contents(rng: random.Random, file: bytes) -> bytes:
    """Weights, strings and initial state."""
    sections = take_apart(file)
    tag = rng.choice(("WGTS", "WGTS", "STRS", "STAT"))
    data = bytearray(sections[tag])
    _words(rng, data, rng.randrange(1, 50), rng.choice((1, 4)))
    sections[tag] = bytes(data[: rng.randrange(len(data) + 1)] if rng.randrange(8) == 0 else data)
    return put_together(sections)


def drop_section(rng: random.Random, file: bytes) -> bytes:
    sections = take_apart(file)
    del sections[rng.choice(list(sections))]
    if rng.randrange(2):
        sections["what"] = b"unknown"
    return put_together(sections)


def grow(rng: random.Random, file: bytes) -> bytes:
    """Sizes that agree with each other and are too large."""
    sections = take_apart(file)
    factor = rng.choice((1 << 10, 1 << 20, 1 << 31, 1 << 40, 1 << 56))
    sections["ENTR"]["arena_bytes"] = rng.choice((factor, sections["ENTR"]["arena_bytes"][0]))
    arena = sections["BUFF"]["region"] == 1
    sections["BUFF"]["size"][arena] *= np.uint64(factor)
    if rng.randrange(2):
        sections["BUFF"]["offset"][arena] *= np.uint64(factor)
        sections["OPND"]["size"] *= np.uint64(factor)
        sections["TENS"]["shape"][:, 0] *= np.int64(factor)
    return put_together(sections)


# Deep changes most often: those under a wrong checksum all end at the same line.
MUTATIONS: tuple[tuple[int, Callable[[random.Random, bytes], bytes]], ...] = (
    (1, flip_bits),
    (1, truncate),
    (1, splice),
    (2, change_table),
    (6, change_fields),
    (2, change_rows),
    (6, change_params),
    (1, change_contents),
    (1, drop_section),
    (1, grow),
)


def mutations(files: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """`count` mutated plans; the same seed gives the same."""
    rng = random.Random(seed)
    kinds = [mutation for weight, mutation in MUTATIONS for _ in range(weight)]
    for index in range(count):
        file = files[index % len(files)]
        with np.errstate(over="ignore"):
            yield rng.choice(kinds)(rng, file)
