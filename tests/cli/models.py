"""Small models for the command line, made on the spot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_model(
    path: Path,
    batch: int | str = 1,
    height: int | str = 1,
    seed: int = 0,
    last: str = "Conv",
    noise: float = 0,
    names: Mapping[str, str] | None = None,
) -> Path:
    """A float network of three convolutions: 'pixels' [batch, 12, height, 1] to 'scores' [batch, 5, height, 1].

    `last` is the type of the last operator; `noise` is added to the second one's weights; `names` renames
    nodes and tensors.
    """
    generator = np.random.default_rng(seed)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(generator.normal(0, 0.5, shape).astype(np.float32), name)

    second = weights("w2", 40, 40, 1, 1)
    if noise:
        second = numpy_helper.from_array(numpy_helper.to_array(second) + np.float32(noise), "w2")
    nodes = [
        helper.make_node("Conv", ["pixels", "w1", "b1"], ["first"], "conv1"),
        helper.make_node("Conv", ["first", "w2", "b2"], ["second"], "conv2"),
        helper.make_node(last, ["second", "w3", "b3"], ["scores"], "conv3"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [batch, 12, height, 1])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 5, height, 1])],
        [
            *(weights("w1", 40, 12, 1, 1), weights("b1", 40)),
            *(second, weights("b2", 40)),
            *(weights("w3", 5, 40, 1, 1), weights("b3", 5)),
        ],
    )
    for node in graph.node:
        node.name = (names or {}).get(node.name, node.name)
        for tensors in (node.input, node.output):
            tensors[:] = [(names or {}).get(name, name) for name in tensors]
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
