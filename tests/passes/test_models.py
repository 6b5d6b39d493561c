"""What the passes do to whole models."""

from __future__ import annotations

import pytest

from tests.conftest import asset
from tests.passes.graphs import outputs, same_outputs
from toolchain.compiler import optimise, read

# Multiply-accumulates before the passes, and the most that may be left.
INT8_MODELS = [
    ("vww_int8", 7_489_664, 3_727_313),
    ("person_detect_int8", 7_157_888, 7_077_246),
    ("ic_resnet8_int8", 12_501_632, 12_501_632),
    ("kws_int8", 2_656_768, 2_656_768),
    ("ad_int8", 264_192, 264_192),
    ("sww_int8", 826_368, 826_368),
    ("micro_speech_int8", 336_000, 336_000),
    ("mobilenetv2_int8", 300_774_272, 296_531_068),
]


@pytest.mark.parametrize(("name", "before", "most"), INT8_MODELS, ids=[name for name, _, _ in INT8_MODELS])
def test_no_byte_of_an_int8_model_changes(name: str, before: int, most: int) -> None:
    graph = read(asset(f"models/{name}.tflite"))
    assert graph.macs() == before
    expected = outputs(graph, seeds=1)
    optimise(graph)
    same_outputs(expected, outputs(graph, seeds=1))
    assert graph.macs() <= most
