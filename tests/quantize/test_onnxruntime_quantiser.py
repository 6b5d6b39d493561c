"""What onnxruntime's quantiser writes, in each of its formats, gives what onnxruntime computes from it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runtime
from tests.conftest import ROOT
from toolchain import targets
from toolchain.compiler import compile_graph
from toolchain.importers.onnx import load
from toolchain.ops.conv import Conv
from toolchain.ops.conv_integer import ConvInteger
from toolchain.ops.fully_connected import FullyConnected

DIGITS = ROOT / "examples" / "digits" / "digits.onnx"
STATIC = [("QOperator", "QUInt8", "QInt8", True), ("QOperator", "QInt8", "QInt8", False), ("QDQ", "QUInt8", "QInt8", True)]
ort = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
quantization = pytest.importorskip("onnxruntime.quantization", reason="needs onnxruntime")


def images(count: int) -> Any:
    """Digits as scikit-learn has them, or noise of their range where it is not installed."""
    shape = ort.InferenceSession(str(DIGITS), providers=["CPUExecutionProvider"]).get_inputs()[0].shape[1:]
    datasets = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn")
    data = datasets.load_digits().images[:count].astype(np.float32) / 16
    return data.reshape(count, 1, *shape)


def compare(path: Path, tolerance: float) -> Any:
    """Run a quantised model on a hundred digits by both; the compiled graph."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    batch = images(100)
    compiled = compile_graph(load(path, {name: batch.shape[1:]}), targets.load("host"))
    model = runtime.Model(compiled.plan)
    expected = np.concatenate([session.run(None, {name: x})[0] for x in batch])
    results = np.concatenate([np.asarray(model.run(x)[0]) for x in batch])
    assert np.abs(results - expected).max() <= tolerance * np.abs(expected).max()
    assert (results.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.99
    return compiled.graph


@pytest.mark.parametrize(("form", "activations", "weights", "per_channel"), STATIC)
def test_static(tmp_path: Path, form: str, activations: str, weights: str, per_channel: bool) -> None:
    batch = images(50)

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            self.rest = iter(batch)

        def get_next(self) -> dict[str, Any] | None:
            x = next(self.rest, None)
            return None if x is None else {name: x}

    name = ort.InferenceSession(str(DIGITS), providers=["CPUExecutionProvider"]).get_inputs()[0].name
    path = tmp_path / "quantised.onnx"
    logging.disable(logging.WARNING)
    quantization.quantize_static(
        str(DIGITS),
        str(path),
        Reader(),
        quant_format=quantization.QuantFormat[form],
        activation_type=quantization.QuantType[activations],
        weight_type=quantization.QuantType[weights],
        per_channel=per_channel,
    )
    graph = compare(path, 0.1)
    layers = [node for node in graph.nodes if isinstance(node.op, Conv | FullyConnected)]
    assert layers and all(node.output.dtype == np.int8 for node in layers)


def test_dynamic(tmp_path: Path) -> None:
    path = tmp_path / "quantised.onnx"
    logging.disable(logging.WARNING)
    quantization.quantize_dynamic(str(DIGITS), str(path), op_types_to_quantize=["Conv", "MatMul", "Gemm"])
    graph = compare(path, 1e-4)
    assert any(isinstance(node.op, ConvInteger) for node in graph.nodes)
