"""Whole float models against onnxruntime (ONNX) and LiteRT (TFLite): max|y - r| <= 1e-5 max|r| for each output, before a softmax.

The networks are the `light_*` ones that the onnx package carries, their constant weights replaced by seeded He-normal ones, the
bundled example, and the MLPerf Tiny reference models. VGG-19 takes minutes: SINTER_FULL=1 includes it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

import runtime
from tests.conftest import ROOT, asset
from toolchain import targets
from toolchain.compiler import compile_graph
from toolchain.importers import onnx as importer
from toolchain.importers import tflite
from toolchain.ir import Graph

Floats = NDArray[np.float32]
LIGHT = sorted((Path(onnx.__file__).parent / "backend/test/data/light").glob("light_*.onnx"))
FULL = os.environ.get("SINTER_FULL") == "1"
BOUND = 1e-5


def seeded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with He-normal weights in place of its ConstantOfShape nodes; factors and variances in 0.5..1.5, the rest small."""
    rng = np.random.default_rng(2024)
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    factors: set[str] = set()
    sources = {node.output[0]: node for node in model.graph.node}
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            factors |= {node.input[1], node.input[4]}
        elif node.op_type == "Mul":
            factors |= {sources[name].input[0] if name in sources else name for name in node.input}
    kept = []
    for node in model.graph.node:
        if node.op_type != "ConstantOfShape":
            kept.append(node)
            continue
        shape = tuple(int(n) for n in shapes[node.input[0]])
        if len(shape) > 1:
            data = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        elif node.output[0] in factors:
            data = rng.uniform(0.5, 1.5, shape)
        else:
            data = rng.standard_normal(shape) * 0.1
        model.graph.initializer.append(numpy_helper.from_array(data.astype(np.float32), node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model


def before_softmax(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model whose outputs end before a final softmax."""
    sources = {name: node for node in model.graph.node for name in node.output}
    for output in model.graph.output:
        node = sources.get(output.name)
        if node is not None and node.op_type == "Softmax":
            output.CopyFrom(helper.make_tensor_value_info(node.input[0], onnx.TensorProto.FLOAT, None))
    return model


def assert_close(actual: Any, expected: Any) -> None:
    assert len(actual) == len(expected)
    for y, r in zip(actual, expected, strict=True):
        assert y.shape == r.shape and y.dtype == r.dtype
        assert np.abs(y.astype(np.float64) - r).max() <= BOUND * np.abs(r).max()


def check_onnx(model: onnx.ModelProto) -> None:
    ort = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    model = before_softmax(model)
    graph = importer.convert(model)
    rng = np.random.default_rng(7)
    feed = {value.name: rng.standard_normal(value.shape).astype(np.float32) for value in graph.inputs}
    ours = runtime.Model(compile_graph(graph, targets.load("host")).plan).run(feed)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    assert_close(ours, session.run(None, feed))


@pytest.mark.parametrize("path", LIGHT, ids=lambda path: path.stem)
def test_light_networks(path: Path) -> None:
    if path.stem == "light_vgg19" and not FULL:
        pytest.skip("VGG-19 takes minutes; SINTER_FULL=1 includes it")
    check_onnx(seeded(onnx.load(path)))


@pytest.mark.parametrize("name", ["ic_resnet8_bn", "vww_bn", "ad_bn", "sww_bn", "kws"])
def test_reference_onnx_models(name: str) -> None:
    check_onnx(onnx.load(asset(f"models/{name}.onnx")))


def test_bundled_example() -> None:
    check_onnx(onnx.load(ROOT / "examples/digits/digits.onnx"))


def tflite_before_softmax(path: Path) -> tuple[Graph, Floats, Any]:
    """The graph, a seeded input, and what the compiled graph makes of it."""
    graph = tflite.load(path)
    last = graph.nodes[-1]
    if last.op.name == "Softmax":
        graph.outputs, graph.output_names = [last.inputs[0]], [last.inputs[0].name]
    x = np.random.default_rng(7).standard_normal(graph.inputs[0].shape).astype(np.float32)
    return graph, x, runtime.Model(compile_graph(graph, targets.load("host")).plan).run(x)


def test_hybrid_weights_are_read_as_their_dequantised_values() -> None:
    """LiteRT quantises the activations of this model too, so the reference is the float network with the same weights."""
    ort = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    _, x, ours = tflite_before_softmax(asset("models/kws_f32.tflite"))
    model = before_softmax(onnx.load(asset("models/kws.onnx")))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()
    assert_close(ours, session.run(None, {source.name: x.reshape(source.shape)}))


@pytest.mark.parametrize("name", ["ic_resnet8_f32", "vww_f32", "ad_f32"])
def test_reference_tflite_models(name: str) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")
    path = asset(f"models/{name}.tflite")
    graph, x, ours = tflite_before_softmax(path)
    reference: Any = litert.Interpreter(
        model_path=str(path),
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    reference.allocate_tensors()
    reference.set_tensor(reference.get_input_details()[0]["index"], x)
    reference.invoke()
    by_name = {tensor["name"]: tensor["index"] for tensor in reference.get_tensor_details()}
    assert_close(ours, [reference.get_tensor(by_name[name]) for name in graph.output_names])
