"""Normalisation of ONNX models against onnxruntime, and of graphs against their meaning."""

from __future__ import annotations

import numpy as np
import pytest

from tests.execute import every_way
from tests.onnx_writer import Op, write
from tests.references import Array, onnxruntime
from toolchain.importers.onnx import convert
from toolchain.ir import Builder, Type
from toolchain.ops.normalize import Normalize


@pytest.mark.parametrize(
    ("op", "opset", "shapes"),
    [
        (Op("LayerNormalization", "xsb", "y", {"axis": -1}), 17, [(4, 7, 33), (33,), (33,)]),
        (Op("LayerNormalization", "xs", "y", {"axis": 1, "epsilon": 1e-3}), 17, [(4, 7, 5), (7, 5)]),
        (Op("InstanceNormalization", "xsb", "y"), 17, [(2, 5, 8, 9), (5,), (5,)]),
        (Op("GroupNormalization", "xsb", "y", {"num_groups": 2}), 21, [(2, 6, 4, 5), (6,), (6,)]),
        (Op("GroupNormalization", "xsb", "y", {"num_groups": 3}), 18, [(2, 6, 4, 5), (3,), (3,)]),
        (Op("LpNormalization", "x", "y", {"axis": 1, "p": 1}), 17, [(4, 7, 5)]),
        (Op("LpNormalization", "x", "y", {"axis": -1, "p": 2}), 17, [(4, 7, 5)]),
        (Op("MeanVarianceNormalization", "x", "y"), 17, [(2, 3, 5, 4)]),
        (Op("LRN", "x", "y", {"size": 3}), 17, [(2, 5, 4, 4)]),
        (Op("LayerNormalization", "xsb", ["y", "m", "d"], {"axis": -1}), 17, [(4, 33), (33,), (33,)]),
    ],
    ids=lambda value: value.kind if isinstance(value, Op) else None,
)
def test_onnx(op: Op, opset: int, shapes: list[tuple[int, ...]]) -> None:
    rng = np.random.default_rng(1)
    arrays: list[Array] = [rng.normal(0.5, 2, shape).astype(np.float32) for shape in shapes]
    names = list(op.inputs)
    model = write([op], {"x": arrays[0]}, dict(zip(names[1:], arrays[1:], strict=True)), dict.fromkeys(op.outputs), opset)
    results = every_way(convert(model), [arrays[0]], tolerance=2e-6)
    for y, expected in zip(results, onnxruntime(model, {"x": arrays[0]}), strict=True):
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("axes", [(), (1,), (2,), (0, 2), (0, 1, 2)], ids=str)
def test_normalize(axes: tuple[int, ...], centred: bool) -> None:
    builder = Builder()
    shape = (5, 6, 41)
    value = builder.input("x", Type(shape, np.dtype(np.float32)))
    builder.output(builder.add(Normalize(axes, 1e-4, centred), value, name="y"))
    every_way(builder.graph, [np.random.default_rng(2).normal(1, 3, shape).astype(np.float32)], tolerance=2e-6)


def test_zero_norms_give_zeros() -> None:
    x = np.zeros((2, 3), np.float32)
    model = write([Op("LpNormalization", "x", "y")], {"x": x}, {}, {"y": None})
    np.testing.assert_array_equal(every_way(convert(model), [x])[0], x)
