"""Einsum against numpy's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.execute import every_way
from toolchain.errors import InputError
from toolchain.importers.onnx import convert


def model(equation: str, shapes: Sequence[Sequence[int]], weights: Any = None) -> onnx.ModelProto:
    names = [f"x{i}" for i in range(len(shapes))]
    constants = [] if weights is None else [onnx.numpy_helper.from_array(weights, "w")]
    graph = helper.make_graph(
        [helper.make_node("Einsum", [*names, *(c.name for c in constants)], ["y"], equation=equation)],
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in zip(names, shapes, strict=True)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(3, 4), (4, 5)]),
        ("ij,jk", [(3, 4), (4, 5)]),
        ("ba,bc", [(4, 3), (4, 5)]),
        ("bhid,bhjd->bhij", [(2, 3, 4, 5), (2, 3, 6, 5)]),
        ("bhij,bhjd->bihd", [(2, 3, 4, 6), (2, 3, 6, 5)]),
        ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 2)]),
        ("...i,...i->...", [(2, 3, 4), (3, 4)]),
        ("i...,j...->ij...", [(2, 1, 4), (3, 5, 1)]),
        ("ii->i", [(4, 4)]),
        ("ii", [(4, 4)]),
        ("iijj->ij", [(3, 3, 2, 2)]),
        ("iji,kk->jk", [(3, 4, 3), (5, 5)]),
        ("iii", [(3, 3, 3)]),
        ("ijk->kij", [(2, 3, 4)]),
        ("ijk->", [(2, 3, 4)]),
        ("i,j->ij", [(3,), (4,)]),
        ("ij,kl->", [(2, 3), (4, 5)]),
        ("ij,ij->ij", [(3, 4), (3, 4)]),
        ("ij,j,jk->ik", [(3, 4), (4,), (4, 2)]),
        ("a,ab,abc->abc", [(2,), (2, 3), (2, 3, 4)]),
        ("ab,bc,cd,de->ae", [(2, 3), (3, 4), (4, 5), (5, 2)]),
        ("abc , cd -> abd", [(2, 3, 4), (4, 6)]),
        ("->", [()]),
        (",ij->ij", [(), (2, 3)]),
    ],
)
def test_einsum(equation: str, shapes: Sequence[tuple[int, ...]]) -> None:
    rng = np.random.default_rng(3)
    arrays = [rng.integers(-9, 9, shape).astype(np.float32) for shape in shapes]
    (y,) = every_way(convert(model(equation, shapes)), arrays)
    np.testing.assert_array_equal(y, np.einsum(equation, *arrays))


def test_constant_weights_make_a_dense_layer() -> None:
    rng = np.random.default_rng(3)
    x, w = rng.integers(-9, 9, (2, 5, 4)).astype(np.float32), rng.integers(-9, 9, (4, 3)).astype(np.float32)
    graph = convert(model("btd,de->bte", [x.shape], w))
    (y,) = every_way(graph, [x])
    np.testing.assert_array_equal(y, x @ w)
    assert "FullyConnected" in {node.op.name for node in graph.nodes}


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(3, 4)]),
        ("ij,jk->ik", [(3, 4), (5, 2)]),
        ("ij->ik", [(3, 4)]),
        ("ij->ii", [(3, 4)]),
        ("ii->i", [(3, 4)]),
        ("ijk->i", [(3, 4)]),
        ("i1->i", [(3, 4)]),
        ("i->j->k", [(3,)]),
        ("...i...->i", [(3, 4)]),
    ],
)
def test_what_is_wrong_is_refused(equation: str, shapes: Sequence[tuple[int, ...]]) -> None:
    with pytest.raises(InputError, match="Einsum 'y': "):
        convert(model(equation, shapes))
