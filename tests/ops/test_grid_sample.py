"""GridSample: every mode and padding against onnxruntime, compiled and by its own meaning, and positions that are no numbers."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.execute import every_way
from toolchain.importers.onnx import convert
from toolchain.ops.grid_sample import PADDINGS


@pytest.mark.parametrize("align", [0, 1])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_every_mode_matches_onnxruntime(mode: str, padding: str, align: int) -> None:
    ort = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 3, 5, 7)).astype(np.float32)
    grid = rng.uniform(-1.6, 1.6, (2, 4, 6, 2)).astype(np.float32)
    node = helper.make_node("GridSample", ["x", "grid"], ["y"], mode=mode, padding_mode=padding, align_corners=align)
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, v.shape) for n, v in (("x", x), ("grid", grid))]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    model = helper.make_model(helper.make_graph([node], "sample", inputs, outputs), opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 9
    expected = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x, "grid": grid})
    (y,) = every_way(convert(model), [x, grid], 1e-5)
    np.testing.assert_allclose(y, expected[0], rtol=1e-4, atol=2e-5)


def test_positions_that_are_no_numbers_read_nothing_outside() -> None:
    x = np.ones((1, 1, 2, 2), np.float32)
    grid = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0], np.float32).reshape(1, 1, 3, 2)
    node = helper.make_node("GridSample", ["x", "grid"], ["y"])
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, v.shape) for n, v in (("x", x), ("grid", grid))]
    graph = helper.make_graph([node], "sample", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    (y,) = every_way(convert(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])), [x, grid], 1e-6)
    assert np.isfinite(y).all()
