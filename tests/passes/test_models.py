"""What the passes do to whole models."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import onnx
import pytest

from tests.conftest import asset
from tests.passes.graphs import outputs, same_outputs
from toolchain.compiler import optimise, read
from toolchain.ops.transpose import Transpose
from toolchain.passes import apply
from toolchain.passes.layout import cancel_transposes

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


# The operators that are left of networks with batch normalisation, channels first.
ONNX_MODELS = [
    ("ic_resnet8_bn", {"Conv": 9, "Add": 3, "AveragePool": 1, "Reshape": 1, "FullyConnected": 1, "Softmax": 1}),
    ("vww_bn", {"Conv": 27, "AveragePool": 1, "Reshape": 1, "FullyConnected": 1, "Softmax": 1}),
    ("kws", {"Conv": 9, "AveragePool": 1, "Reshape": 1, "FullyConnected": 1, "Softmax": 1}),
    ("ad_bn", {"FullyConnected": 10}),
    ("sww_bn", {"Conv": 8, "Reshape": 1, "FullyConnected": 1, "Softmax": 1}),
]


@pytest.mark.parametrize(("name", "left"), ONNX_MODELS, ids=[name for name, _ in ONNX_MODELS])
def test_a_float_model_becomes_its_layers(name: str, left: dict[str, int]) -> None:
    graph = read(asset(f"models/{name}.onnx"))
    expected = outputs(graph, seeds=1)
    optimise(graph)
    same_outputs(expected, outputs(graph, seeds=1))
    assert Counter(node.op.name for node in graph.nodes) == left


# One transpose at the input; one for each shuffle of channels; two around each normalisation across channels.
TRANSPOSES = [("squeezenet", 1), ("inception_v2", 1), ("shufflenet", 17), ("inception_v1", 5)]


@pytest.mark.parametrize(("name", "count"), TRANSPOSES, ids=[name for name, _ in TRANSPOSES])
def test_a_network_keeps_few_transposes(name: str, count: int) -> None:
    graph = read(Path(onnx.__file__).parent / f"backend/test/data/light/light_{name}.onnx")
    apply(cancel_transposes, graph)
    assert sum(isinstance(node.op, Transpose) for node in graph.nodes) == count
