"""Outputs of whole int8 models against those of TFLM's reference kernels, byte for byte."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest

import runtime
from tests.conftest import asset
from toolchain import targets
from toolchain.compiler import compile_graph, read

MODELS = ["ic_resnet8_int8", "vww_int8", "kws_int8", "ad_int8", "sww_int8", "micro_speech_int8", "person_detect_int8"]


def generated(size: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    """The golden inputs: the top bytes of a linear congruential sequence modulo 2^32, started at `seed`."""
    values = np.empty(size, np.uint8)
    x = seed
    for index in range(size):
        x = (1664525 * x + 1013904223) & 0xFFFFFFFF
        values[index] = x >> 24
    return values.view(np.int8)


@pytest.mark.parametrize("lossless", [True, False], ids=["lossless", "plain"])
@pytest.mark.parametrize("name", MODELS)
def test_golden_outputs(name: str, lossless: bool, isa: str | None) -> None:
    rows = json.loads(asset("golden/tflm_reference_crc32.json").read_text())[name]
    compiled = compile_graph(read(asset(f"models/{name}.tflite")), targets.load("host"), lossless=lossless)
    model = runtime.Model(compiled.plan, isa=isa)
    shape = model.inputs[0].shape
    wrong = []
    for seed, row in enumerate(rows, start=1):
        for repetition, expected in enumerate(row):
            x = generated(int(np.prod(shape)), 3 * seed + repetition).reshape(shape)
            if f"{zlib.crc32(model.run(x)[0].tobytes()):08x}" != expected:
                wrong.append((seed, repetition))
    assert len(rows) == 32 and not wrong
