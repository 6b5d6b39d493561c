"""LpPool against the norms that numpy computes window by window."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.execute import every_way
from toolchain.importers.onnx import convert


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (2, 1)])
def test_norm_of_each_window(p: int, stride: int, pad: int) -> None:
    x = np.random.default_rng(p).standard_normal((1, 3, 6, 6)).astype(np.float32)
    node = helper.make_node("LpPool", ["x"], ["y"], p=p, kernel_shape=[3, 3], strides=[stride] * 2, pads=[pad] * 4)
    graph = helper.make_graph(
        [node],
        "pool",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    (y,) = every_way(convert(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])), [x], 1e-5)
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))[:, :, ::stride, ::stride]
    np.testing.assert_allclose(y, (np.abs(windows) ** p).sum(axis=(-2, -1)) ** (1 / p), rtol=1e-5)
