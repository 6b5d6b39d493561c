"""Damaged and hostile model files: each one compiles, or is refused with one InputError; never anything else."""

from __future__ import annotations

import random
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, asset
from toolchain import targets
from toolchain.compiler import compile_graph, read
from toolchain.errors import InputError

CHUNKS = 4
PER_CHUNK = 640
HOSTILE = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000000, 64]


def mutations(data: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Bit flips, truncations, hostile integers, blocks zeroed, repeated, swapped and removed."""
    rng = random.Random(seed)
    for _ in range(count):
        mutated = bytearray(data)
        kind = rng.randrange(8)
        # Structure lies at both ends of these formats; weights in between.
        spots = [rng.randrange(len(data)), rng.randrange(min(2048, len(data))), len(data) - 1 - rng.randrange(min(2048, len(data)))]
        at = rng.choice(spots)
        if kind <= 2:
            for _ in range(rng.choice([1, 1, 2, 8, 64])):
                mutated[rng.choice([at, rng.randrange(len(data))])] ^= 1 << rng.randrange(8)
        elif kind == 3:
            del mutated[at:]
        elif kind == 4:
            width = rng.choice([1, 2, 4])
            mutated[at : at + width] = (rng.choice(HOSTILE) & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        elif kind == 5:
            mutated[at : at + rng.choice([1, 4, 16, 256])] = b""
        elif kind == 6:
            size = rng.choice([4, 16, 64, 256])
            other = rng.randrange(len(data))
            mutated[at : at + size] = data[other : other + size]
        else:
            size = rng.choice([4, 16, 64, 256])
            mutated[at:at] = bytes(size) if rng.random() < 0.5 else data[at : at + size]
        yield bytes(mutated)


@pytest.fixture
def limited() -> Iterator[None]:
    """At most 6 GiB of address space more than now, so that a hostile size fails instead of filling the machine."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (6 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("source", ["digits.onnx", "micro_speech_int8.tflite"])
@pytest.mark.usefixtures("limited")
def test_mutated_models_compile_or_are_refused(source: str, chunk: int, tmp_path: Path) -> None:
    original = ROOT / "examples/digits/digits.onnx" if source == "digits.onnx" else asset(f"models/{source}")
    path = tmp_path / source
    host = targets.load("host")
    refused = 0
    for data in mutations(original.read_bytes(), chunk, PER_CHUNK):
        path.write_bytes(data)
        try:
            compile_graph(read(path), host)
        except InputError as error:
            refused += 1
            assert str(error).strip()
    assert refused > PER_CHUNK // 20


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
@pytest.mark.parametrize("content", [b"", b"\0", b"TFL3", b"\x1c\0\0\0TFL3", b"\x08\x07", b"not a model at all" * 100, bytes(4096)])
def test_what_is_no_model_is_refused(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"model|damaged|TFLite"):
        read(path)
