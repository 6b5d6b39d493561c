"""Matrix products of TFLite files against TFLM's and LiteRT's reference kernels, and of graphs against their meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.execute import every_way, read_tflite
from tests.references import Array, litert, tflm
from tests.tflite_writer import Tensor, one_operator
from toolchain.importers.onnx import convert
from toolchain.ir import Graph


@pytest.mark.parametrize("adjoint", [(False, False), (True, False), (False, True)], ids=str)
@pytest.mark.parametrize("batches", [((), ()), ((2,), (2,)), ((2, 3), (2, 3)), ((2, 1), (1, 3))], ids=str)
def test_int8_batch_matmul(batches: tuple[tuple[int, ...], tuple[int, ...]], adjoint: tuple[bool, bool]) -> None:
    rng = np.random.default_rng(7)
    m, k, n = 5, 33, 18
    a = Tensor((*batches[0], *((k, m) if adjoint[0] else (m, k))), np.int8, 0.05, 3)
    b = Tensor((*batches[1], *((n, k) if adjoint[1] else (k, n))), np.int8, 0.03, -7)
    y = Tensor((*np.broadcast_shapes(*batches), m, n), np.int8, 0.31, 11)
    model = one_operator("BATCH_MATMUL", [a, b], y, "BatchMatMulOptions", AdjX=adjoint[0], AdjY=adjoint[1])
    inputs = [rng.integers(-128, 128, x.shape).astype(np.int8) for x in (a, b)]
    (result,) = every_way(read_tflite(model), inputs)
    np.testing.assert_array_equal(result, litert(model, inputs)[0])
    if len(y.shape) > 2 and batches[0] == batches[1]:
        np.testing.assert_array_equal(result, tflm(model, inputs)[0])


def onnx_graph(
    kind: str, constants: dict[str, Array], inputs: dict[str, tuple[int, ...]], order: list[str], **attributes: Any
) -> Graph:
    node = helper.make_node(kind, order, ["y"], **attributes)
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph([node], "g", values, [output], initializers)
    return convert(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize(
    ("a", "b"),
    [((4, 5), (5, 7)), ((2, 3, 5), (5, 7)), ((5,), (5, 7)), ((3, 5), (5,)), ((5,), (5,)), ((2, 1, 3, 5), (3, 5, 2))],
    ids=str,
)
def test_onnx_matmul(a: tuple[int, ...], b: tuple[int, ...], constant: bool) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal(a, np.float32), rng.standard_normal(b, np.float32)
    graph = onnx_graph("MatMul", {"b": w} if constant else {}, {"a": a} if constant else {"a": a, "b": b}, ["a", "b"])
    (y,) = every_way(graph, [x] if constant else [x, w], tolerance=1e-6)
    np.testing.assert_allclose(y, np.matmul(x, w), rtol=1e-5, atol=1e-5)
    kinds = {node.op.name for node in graph.nodes}
    assert ("FullyConnected" if constant and len(b) == 2 else "MatMul") in kinds or (constant and len(b) == 1)


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("swap", [(0, 0), (1, 0), (0, 1), (1, 1)], ids=str)
@pytest.mark.parametrize("c", [None, (), (1,), (6,), (1, 6), (4, 1), (4, 6)], ids=str)
def test_onnx_gemm(c: tuple[int, ...] | None, swap: tuple[int, int], constant: bool) -> None:
    rng = np.random.default_rng(2)
    a = rng.standard_normal((5, 4) if swap[0] else (4, 5), np.float32)
    b = rng.standard_normal((6, 5) if swap[1] else (5, 6), np.float32)
    arrays = {"a": a, "b": b} | ({} if c is None else {"c": rng.standard_normal(c, np.float32)})
    free = {"a"} if constant else set(arrays)
    graph = onnx_graph(
        "Gemm",
        {name: x for name, x in arrays.items() if name not in free},
        {name: x.shape for name, x in arrays.items() if name in free},
        list(arrays),
        transA=swap[0],
        transB=swap[1],
        alpha=0.5,
        beta=-2.0,
    )
    (y,) = every_way(graph, [x for name, x in arrays.items() if name in free], tolerance=2e-6)
    expected = 0.5 * (a.T if swap[0] else a) @ (b.T if swap[1] else b) - 2.0 * arrays.get("c", np.float32(0))
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    if constant and c in (None, (), (1,), (6,), (1, 6)):
        assert [node.op.name for node in graph.nodes if node.op.name != "Transpose"] == ["FullyConnected"]


def test_gemm_of_other_ranks_is_refused() -> None:
    with pytest.raises(Exception, match="expected rank 2"):
        onnx_graph("Gemm", {}, {"a": (2, 3, 4), "b": (4, 5)}, ["a", "b"])
