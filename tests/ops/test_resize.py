"""Resizing against onnxruntime, LiteRT and TFLM, compiled and by its own meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.execute import every_way, read_tflite
from tests.references import litert, tflm
from tests.tflite_writer import Tensor, one_operator
from toolchain.errors import InputError
from toolchain.importers.onnx import convert
from toolchain.ir import Builder, Graph, Quant, Type
from toolchain.ops.pad import Pad
from toolchain.ops.resample import Resample, Taps
from toolchain.ops.take import Take
from toolchain.ops.transpose import Transpose
from toolchain.passes.layout import cancel_transposes

RULES = ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "half_pixel_symmetric"]


def model(
    shape: tuple[int, ...], constants: list[tuple[str, Any]], opset: int = 19, kind: str = "Resize", **attributes: Any
) -> Any:
    """A model of one node: x, then constant inputs by name, an empty one left out."""
    names = [name if data is not None else "" for name, data in constants]
    node = helper.make_node(kind, ["x", *names], ["y"], **attributes)
    initializers = [numpy_helper.from_array(np.asarray(data), name) for name, data in constants if data is not None]
    graph = helper.make_graph(
        [node],
        "resize",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        initializers,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = 9
    return made


def sized(shape: tuple[int, ...], sizes: tuple[int, ...], opset: int = 19, **attributes: Any) -> Any:
    return model(shape, [("roi", None), ("scales", None), ("sizes", np.asarray(sizes, np.int64))], opset, **attributes)


def check(made: Any, shape: tuple[int, ...]) -> Graph:
    """Compare a model with onnxruntime; its graph."""
    ort = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    (expected,) = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})
    graph = convert(made)
    (y,) = every_way(graph, [x], 1e-6)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=2e-5)
    return graph


@pytest.mark.parametrize("sizes", [(1, 3, 10, 14), (1, 3, 3, 4), (1, 3, 7, 3), (1, 3, 5, 7), (1, 3, 1, 20)], ids=str)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_modes_and_coordinates(mode: str, rule: str, sizes: tuple[int, ...]) -> None:
    check(sized((1, 3, 5, 7), sizes, mode=mode, coordinate_transformation_mode=rule), (1, 3, 5, 7))


@pytest.mark.parametrize("nearest", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
@pytest.mark.parametrize("sizes", [(12, 9), (3, 2)], ids=str)
@pytest.mark.parametrize("rule", RULES)
def test_nearest_modes(rule: str, sizes: tuple[int, ...], nearest: str) -> None:
    made = sized((1, 2, 6, 4), (1, 2, *sizes), mode="nearest", coordinate_transformation_mode=rule, nearest_mode=nearest)
    graph = check(made, (1, 2, 6, 4))
    assert all(isinstance(node.op, Take) or node.op.name == "Slice" for node in graph.nodes)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("exclude", [0, 1])
@pytest.mark.parametrize("sizes", [(4, 5), (2, 13), (11, 3)], ids=str)
def test_antialias(mode: str, exclude: int, sizes: tuple[int, ...]) -> None:
    check(sized((1, 2, 11, 13), (1, 2, *sizes), mode=mode, antialias=1, exclude_outside=exclude), (1, 2, 11, 13))


def test_cubic_without_the_outside() -> None:
    check(sized((1, 2, 5, 4), (1, 2, 8, 11), mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5), (1, 2, 5, 4))


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("kind", ["Upsample", "Resize"])
@pytest.mark.parametrize("scales", [(1, 1, 2, 3), (1, 1, 1.5, 2.5), (1, 1, 0.6, 0.5)], ids=str)
def test_before_opset_11(kind: str, mode: str, scales: tuple[float, ...]) -> None:
    if kind == "Upsample" and min(scales) < 1:
        pytest.skip("Upsample only enlarges")
    opset = 9 if kind == "Upsample" else 10
    check(model((1, 2, 5, 6), [("scales", np.asarray(scales, np.float32))], opset, kind, mode=mode), (1, 2, 5, 6))


def test_upsample_with_an_attribute() -> None:
    made = model((1, 1, 2, 2), [], 7, "Upsample", mode="nearest", scales=[1.0, 1.0, 2.0, 2.0])
    x = np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)
    np.testing.assert_array_equal(every_way(convert(made), [x])[0], x.repeat(2, axis=2).repeat(2, axis=3))


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize(
    "roi", [(0, 0, 0.2, 0.1, 1, 1, 0.7, 0.9), (0, 0, -0.3, 0.4, 1, 1, 1.25, 1.7), (0, 0, 0.8, 0.9, 1, 1, 0.1, 1.4)]
)
def test_crops(mode: str, roi: tuple[float, ...]) -> None:
    inputs = [("roi", np.asarray(roi, np.float32)), ("scales", None), ("sizes", np.asarray((1, 2, 6, 9), np.int64))]
    attributes: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 7.0}
    graph = check(model((1, 2, 8, 5), inputs, **attributes), (1, 2, 8, 5))
    assert any(isinstance(node.op, Pad) for node in graph.nodes) == (max(roi) > 1)


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
def test_aspect_ratio(policy: str) -> None:
    inputs = [("roi", None), ("scales", None), ("sizes", np.asarray((9, 11), np.int64))]
    attributes: dict[str, Any] = {"mode": "linear", "axes": [2, 3], "keep_aspect_ratio_policy": policy}
    check(model((1, 2, 5, 4), inputs, **attributes), (1, 2, 5, 4))


def test_one_axis_and_three() -> None:
    check(sized((2, 3, 8), (2, 3, 21), mode="linear"), (2, 3, 8))
    check(sized((1, 2, 4, 5, 6), (1, 2, 7, 3, 9), mode="linear"), (1, 2, 4, 5, 6))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_small_integers_saturate(dtype: Any) -> None:
    made = sized((1, 1, 4, 4), (1, 1, 9, 9), mode="cubic")
    made.graph.input[0].type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    made.graph.output[0].type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    info = np.iinfo(dtype)
    x = np.where(np.arange(16).reshape(1, 1, 4, 4) % 3 == 0, info.max, info.min).astype(dtype)
    (y,) = every_way(convert(made), [x])
    assert y.dtype == dtype and y.min() == info.min and y.max() == info.max


def test_layout_passes_through() -> None:
    """Between channels-last neighbours, an image is resized channels last."""
    builder = Builder()
    x = builder.input("x", Type((1, 6, 7, 3), np.dtype(np.float32)))
    y = builder.add(Transpose((0, 3, 1, 2)), x)
    index, weight = np.array([[0, 1], [1, 2], [2, 3]]), np.full((3, 2), 0.5)
    y = builder.add(Resample((Taps.of(2, index, weight), Taps.of(3, index, weight))), y)
    builder.output(builder.add(Transpose((0, 2, 3, 1)), y, name="y"))
    data = np.random.default_rng(1).standard_normal(x.shape).astype(np.float32)
    (before,) = every_way(builder.graph, [data], 1e-6)
    cancel_transposes(builder.graph)
    assert [type(node.op) for node in builder.graph.nodes] == [Resample]
    np.testing.assert_array_equal(every_way(builder.graph, [data], 1e-6)[0], before)


@pytest.mark.parametrize("axes", [(1,), (2,), (3,), (1, 2), (2, 1)], ids=str)
def test_quantised_meaning_is_near_the_real_one(axes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    quant = Quant.of(0.05, 17)
    builder = Builder()
    x = builder.input("x", Type((1, 6, 7, 5), np.dtype(np.int8), quant))
    taps = []
    for axis in axes:
        weight = rng.uniform(-0.3, 1, (4, 3))
        taps.append(Taps.of(axis, rng.integers(0, x.shape[axis], (4, 3)), weight / weight.sum(axis=1, keepdims=True)))
    builder.output(builder.add(Resample(tuple(taps)), x, name="y", quant=quant))
    data = rng.integers(-60, 60, x.shape).astype(np.int8)
    (node,) = builder.graph.nodes
    assert node.op.integer(node)
    (y,) = every_way(builder.graph, [data])
    exact = data.astype(np.float64)
    for one in taps:
        weights = one.weights.reshape(*(4 if i == one.axis else 1 for i in range(4)), 3)
        stacked = np.stack([np.take(exact, one.indices[:, t], axis=one.axis) for t in range(3)], axis=-1)
        exact = (stacked * weights).sum(axis=-1)
    assert np.abs(y - np.clip(exact, -128, 127)).max() < 1


@pytest.mark.parametrize(
    "attributes",
    [{"mode": "area"}, {"coordinate_transformation_mode": "best"}, {"mode": "nearest", "nearest_mode": "up"}, {"axes": [2, 2]}],
    ids=str,
)
def test_refused(attributes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        convert(sized((1, 1, 2, 2), (1, 1, 4, 4), **attributes))
    with pytest.raises(InputError, match="at least 1"):
        convert(sized((1, 1, 2, 2), (1, 1, 0, 4)))
    with pytest.raises(InputError, match="more than"):
        convert(sized((1, 1, 2, 2), (1, 1, 1 << 40, 4)))


SIZES = [((5, 7), (10, 14)), ((5, 7), (3, 2)), ((6, 6), (6, 6)), ((4, 9), (13, 5)), ((1, 3), (4, 1)), ((8, 8), (37, 41))]
CORNERS = [(False, False), (True, False), (False, True)]


@pytest.mark.parametrize(("align", "half"), CORNERS, ids=["plain", "align", "half"])
@pytest.mark.parametrize(("source", "target"), SIZES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.int8])
@pytest.mark.parametrize("kind", ["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"])
def test_tflite(kind: str, dtype: Any, source: tuple[int, int], target: tuple[int, int], align: bool, half: bool) -> None:
    rng = np.random.default_rng(sum(source))
    scale = None if dtype == np.float32 else 0.03
    inputs = [Tensor((2, *source, 3), dtype, scale, -7), Tensor(data=np.asarray(target, np.int32))]
    table = "ResizeBilinearOptions" if kind == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"
    file = one_operator(kind, inputs, Tensor((2, *target, 3), dtype, scale, -7), table, AlignCorners=align, HalfPixelCenters=half)
    shape = (2, *source, 3)
    x: Any = rng.normal(0, 1, shape).astype(np.float32) if scale is None else rng.integers(-128, 128, shape).astype(np.int8)
    (y,) = every_way(read_tflite(file), [x], 1e-6)
    for reference in (litert, tflm):
        (expected,) = reference(file, [x])
        np.testing.assert_allclose(y, expected, rtol=0, atol=0 if scale is not None else 3e-6)
