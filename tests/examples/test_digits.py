"""The bundled digit classifier: what its README states holds for the files that lie beside it."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import onnx
import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "examples" / "digits"


def test_model_keeps_batch_normalisation_apart() -> None:
    model = onnx.load(FOLDER / "digits.onnx")
    onnx.checker.check_model(model, full_check=True)
    nodes = Counter(node.op_type for node in model.graph.node)
    assert nodes["BatchNormalization"] == nodes["Conv"] == 7
    assert nodes.keys() >= {"Add", "Pad", "GlobalAveragePool", "Gemm", "Softmax"}
    groups = [a.i for node in model.graph.node for a in node.attribute if node.op_type == "Conv" and a.name == "group"]
    assert max(groups) == 32


def test_data() -> None:
    with np.load(FOLDER / "digits_test.npz") as test, np.load(FOLDER / "digits_calibration.npz") as calibration:
        images, labels, calibrating = test["image"], test["label"], calibration["image"]
    assert images.shape == (400, 1, 8, 8)
    assert calibrating.shape == (200, 1, 8, 8)
    assert images.dtype == calibrating.dtype == np.float32
    for array in (images, calibrating):
        assert array.min() == 0
        assert array.max() == 1
    assert np.unique(labels).tolist() == list(range(10))
    seen = {image.tobytes() for image in calibrating}
    assert not any(image.tobytes() in seen for image in images)


def test_accuracy() -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="scores the model with onnxruntime")
    found = re.search(r"\((\d+) of (\d+)\)", (FOLDER / "README.md").read_text())
    assert found, "README.md states how many of how many images are read right"
    stated, total = map(int, found.groups())
    session = onnxruntime.InferenceSession(str(FOLDER / "digits.onnx"), providers=["CPUExecutionProvider"])
    with np.load(FOLDER / "digits_test.npz") as test:
        images, labels = test["image"], test["label"]
    outputs = np.concatenate([session.run(["probabilities"], {"image": image[None]})[0] for image in images])
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-5)
    assert len(labels) == total
    assert int((outputs.argmax(axis=1) == labels).sum()) == stated
    assert stated >= 0.98 * total
