"""Operator by operator against LiteRT's reference kernels, each step fed LiteRT's own intermediate tensors.

Identical bytes, except FULLY_CONNECTED, which LiteRT requantises in floating point: within 1 there. Inputs: uniformly random bytes,
and the realistic ones of tests/realistic.py; SINTER_FULL=1 runs 200 of each for every model, without it a few.
"""

from __future__ import annotations

import os
from collections.abc import Container
from typing import Any

import numpy as np
import pytest
import tflite as schema

import runtime
from tests.conftest import asset
from tests.realistic import realistic, uniform
from toolchain import targets
from toolchain.compiler import compile_graph, read
from toolchain.ir import Graph, Node, Value

litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")

MODELS = [
    "ic_resnet8_int8",
    "vww_int8",
    "kws_int8",
    "ad_int8",
    "sww_int8",
    "micro_speech_int8",
    "person_detect_int8",
    "mobilenetv2_int8",
]
FULL = os.environ.get("SINTER_FULL") == "1"


def repaired(data: bytes) -> bytes:
    """The model with quantized_dimension 0 on its one-dimensional tensors: LiteRT refuses what person_detect states there."""
    buffer = bytearray(data)
    model = schema.Model.GetRootAs(buffer, 0)
    subgraph = model.Subgraphs(0)
    for index in range(subgraph.TensorsLength()):
        tensor = subgraph.Tensors(index)
        table = tensor.Quantization()
        if table is not None and tensor.ShapeLength() == 1 and table.QuantizedDimension() != 0:
            position = table._tab.Pos + table._tab.Offset(16)
            buffer[position : position + 4] = bytes(4)
    return bytes(buffer)


def alone(node: Node, producers: dict[Value, Node], named: Container[str]) -> tuple[Graph, list[Value]]:
    """A graph of one node and of those before it whose results the file does not name; and the values that it takes as inputs."""
    nodes: list[Node] = []
    inputs: dict[Value, Value] = {}

    def visit(node: Node) -> None:
        for value in node.inputs:
            if value.data is None and value.name not in named:
                visit(producers[value])
            elif value.data is None:
                inputs.setdefault(value, Value(value.name, value.type))
        nodes.append(Node(node.op, [inputs.get(value, value) for value in node.inputs], node.outputs, node.name))

    visit(node)
    return Graph(list(inputs.values()), list(node.outputs), nodes, [value.name for value in node.outputs]), list(inputs)


@pytest.mark.parametrize("name", MODELS)
def test_every_operator_gives_litert_reference_bytes(name: str) -> None:
    path = asset(f"models/{name}.tflite")
    count = 200 if FULL else 1 if name.startswith("mobilenet") else 4
    reference: Any = litert.Interpreter(
        model_content=repaired(path.read_bytes()),
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    reference.allocate_tensors()
    details = reference.get_input_details()[0]
    shape = tuple(details["shape"])
    by_name = {tensor["name"]: tensor["index"] for tensor in reference.get_tensor_details()}
    graph = read(path)
    host = targets.load("host")
    steps = []
    producers = graph.producers()
    for node in list(graph.nodes):
        if all(value.name in by_name for value in node.outputs):
            single, computed = alone(node, producers, by_name)
            steps.append(
                (node, runtime.Model(compile_graph(single, host, lossless=False).plan), [by_name[v.name] for v in computed])
            )
    assert len(steps) == len(reference._get_ops_details())
    batch = np.concatenate([uniform(shape, count, seed=7), realistic(name, shape, count)])
    differing: dict[str, int] = {}
    for x in batch:
        reference.set_tensor(details["index"], x)
        reference.invoke()
        for node, model, indices in steps:
            results = model.run([reference.get_tensor(index) for index in indices])
            for value, result in zip(node.outputs, results, strict=True):
                expected = reference.get_tensor(by_name[value.name]).astype(np.int64)
                gap = int(np.abs(result.astype(np.int64) - expected).max(initial=0))
                if gap > (1 if node.op.name == "FullyConnected" else 0):
                    differing[str(node)] = max(gap, differing.get(str(node), 0))
    assert not differing
