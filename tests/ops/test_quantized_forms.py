"""ONNX's quantised operators against onnxruntime: the integer law differs by one step at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tests.execute import every_way
from toolchain.compiler import optimise
from toolchain.errors import InputError
from toolchain.importers.onnx import convert
from toolchain.ir import Graph
from toolchain.ops.lookup import SAME, Lookup

Array = NDArray[Any]
MICROSOFT = "com.microsoft"
RNG = np.random.default_rng(4)


def scale(value: Any) -> Array:
    return np.asarray(value, np.float32)


def model(kind: str, inputs: Sequence[Any], given: Mapping[str, Array], domain: str = "", **attributes: Any) -> Any:
    """A model of one node, whose inputs are constants, or names of what is given when it runs."""
    names = [x if isinstance(x, str) else f"c{i}" if x is not None else "" for i, x in enumerate(inputs)]
    constants = [
        numpy_helper.from_array(x, name) for x, name in zip(inputs, names, strict=True) if x is not None and not isinstance(x, str)
    ]
    node = helper.make_node(kind, names, ["y"], domain=domain, **attributes)
    values = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for name, x in given.items()]
    graph = helper.make_graph([node], "quantised", values, [helper.make_empty_tensor_value_info("y")], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)])
    made.ir_version = 9
    return made


def reference(made: Any, given: Mapping[str, Array]) -> Array:
    ort = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, dict(given))[0])


def check(made: Any, given: Mapping[str, Array], most: int = 1, integer: bool = True) -> Graph:
    """Compare with onnxruntime; whether no step computes in float where `integer`."""
    expected = reference(made, given)
    graph = convert(made)
    optimise(graph)
    (y,) = every_way(graph, list(given.values()), 1e-6)
    assert y.dtype == expected.dtype and y.shape == expected.shape
    assert np.abs(y.astype(np.int64) - expected.astype(np.int64)).max() <= most
    assert np.unique(expected).size > 4 or expected.size < 8
    floats = [str(node) for node in graph.nodes for value in node.outputs if value.dtype == np.float32]
    assert bool(floats) != integer, floats
    return graph


def bytes_of(dtype: Any, *shape: int) -> Array:
    info = np.iinfo(dtype)
    return RNG.integers(info.min, info.max, shape, endpoint=True).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("group", [1, 3])
@pytest.mark.parametrize("per_channel", [False, True])
def test_convolution(dtype: Any, group: int, per_channel: bool) -> None:
    x = bytes_of(dtype, 2, 6, 9, 8)
    w = RNG.integers(-127, 128, (9, 6 // group, 3, 3)).astype(np.int8)
    w_scale = scale(RNG.uniform(0.002, 0.01, 9) if per_channel else 0.004)
    w_zero = np.zeros(w_scale.shape, np.int8)
    bias = RNG.integers(-3000, 3000, 9).astype(np.int32)
    inputs = ["x", scale(0.03), dtype(7), w, w_scale, w_zero, scale(0.05), dtype(100), bias]
    check(model("QLinearConv", inputs, {"x": x}, group=group, pads=[1, 0, 1, 2], strides=[2, 1]), {"x": x})


@pytest.mark.parametrize("zero", [128, 3])
def test_weights_with_a_zero_point(zero: int) -> None:
    x, w = bytes_of(np.uint8, 1, 4, 5, 5), bytes_of(np.uint8, 3, 4, 3, 3)
    inputs = ["x", scale(0.03), np.uint8(120), w, scale(0.004), np.uint8(zero), scale(0.09), np.uint8(100)]
    check(model("QLinearConv", inputs, {"x": x}), {"x": x}, most=1 if zero == 128 else 2)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("per_column", [False, True])
def test_matrix_products(dtype: Any, per_column: bool) -> None:
    x, w = bytes_of(dtype, 2, 5, 40), RNG.integers(-127, 128, (40, 6)).astype(np.int8)
    w_scale = scale(RNG.uniform(0.002, 0.01, 6) if per_column else 0.004)
    inputs = ["x", scale(0.03), dtype(7), w, w_scale, np.zeros(w_scale.shape, np.int8), scale(0.1), dtype(90)]
    check(model("QLinearMatMul", inputs, {"x": x}), {"x": x})


def test_matrix_product_of_two_inputs() -> None:
    given = {"x": bytes_of(np.uint8, 2, 5, 16), "w": bytes_of(np.uint8, 2, 16, 6)}
    inputs = ["x", scale(0.03), np.uint8(7), "w", scale(0.01), np.uint8(130), scale(0.1), np.uint8(90)]
    check(model("QLinearMatMul", inputs, given), given)


@pytest.mark.parametrize("swapped", [0, 1])
@pytest.mark.parametrize("row", [False, True])
@pytest.mark.parametrize("per_column", [False, True])
def test_gemm(swapped: int, row: bool, per_column: bool) -> None:
    x, w = bytes_of(np.uint8, 5, 24), RNG.integers(-127, 128, (24, 7)).astype(np.int8)
    bias = RNG.integers(-3000, 3000, (1, 7) if row else 7).astype(np.int32)
    w = np.ascontiguousarray(w.T) if swapped else w
    w_scale = scale(RNG.uniform(0.002, 0.006, 7) if per_column else 0.004)
    inputs = ["x", scale(0.03), np.uint8(7), w, w_scale, np.zeros(w_scale.shape, np.int8), bias, scale(0.1), np.uint8(90)]
    check(model("QGemm", inputs, {"x": x}, MICROSOFT, transB=swapped), {"x": x})


def test_gemm_to_floats() -> None:
    x, w = bytes_of(np.uint8, 5, 24), RNG.integers(-127, 128, (24, 7)).astype(np.int8)
    made = model("QGemm", ["x", scale(0.03), np.uint8(7), w, scale(0.004), np.int8(0)], {"x": x}, MICROSOFT, alpha=0.5)
    (y,) = every_way(convert(made), [x], 1e-6)
    np.testing.assert_allclose(y, reference(made, {"x": x}), rtol=0, atol=1e-5 * np.abs(y).max())


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("kind", ["QLinearAdd", "QLinearMul"])
def test_arithmetic(kind: str, dtype: Any) -> None:
    given = {"a": bytes_of(dtype, 2, 3, 8), "b": bytes_of(dtype, 3, 1)}
    inputs = ["a", scale(0.03), dtype(7), "b", scale(0.05), dtype(100), scale(0.2), dtype(60)]
    check(model(kind, inputs, given, MICROSOFT), given)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("kind", ["QLinearSigmoid", "QLinearLeakyRelu"])
def test_functions(kind: str, dtype: Any) -> None:
    x = bytes_of(dtype, 300)
    check(model(kind, ["x", scale(0.05), dtype(9), scale(0.006), dtype(4)], {"x": x}, MICROSOFT), {"x": x})


def test_softmax() -> None:
    x = bytes_of(np.uint8, 6, 12)
    inputs = ["x", scale(0.05), np.uint8(90), scale(1 / 256), np.uint8(0)]
    check(model("QLinearSoftmax", inputs, {"x": x}, MICROSOFT, axis=-1, opset=13), {"x": x})


@pytest.mark.parametrize("last", [0, 1])
def test_global_average(last: int) -> None:
    x = bytes_of(np.uint8, 2, 9, 5, 6)
    inputs = ["x", scale(0.05), np.uint8(90), scale(0.02), np.uint8(120)]
    check(model("QLinearGlobalAveragePool", inputs, {"x": x}, MICROSOFT, channels_last=last), {"x": x})


@pytest.mark.parametrize("to", [0.05, 0.04])
def test_average(to: float) -> None:
    """At another scale, the int8 average is rescaled: rounded twice."""
    x = bytes_of(np.uint8, 2, 9, 5, 6)
    inputs = ["x", scale(0.05), np.uint8(90), scale(to), np.uint8(90)]
    made = model("QLinearAveragePool", inputs, {"x": x}, MICROSOFT, kernel_shape=[3, 2], pads=[1, 0, 1, 1], strides=[2, 1])
    check(made, {"x": x}, most=1 if to == 0.05 else 2)


def test_average_over_windows_that_reach_beyond_the_padding() -> None:
    x = bytes_of(np.uint8, 1, 3, 6, 6)
    inputs = ["x", scale(0.05), np.uint8(90), scale(0.05), np.uint8(90)]
    attributes = {"kernel_shape": [3, 2], "pads": [0, 1, 1, 0], "strides": [2, 3], "ceil_mode": 1, "count_include_pad": 1}
    check(model("QLinearAveragePool", inputs, {"x": x}, MICROSOFT, **attributes), {"x": x}, integer=False)


def test_concatenation() -> None:
    given = {"a": bytes_of(np.uint8, 2, 3, 4), "b": bytes_of(np.uint8, 2, 5, 4)}
    inputs = [scale(0.05), np.uint8(90), "a", scale(0.05), np.uint8(90), "b", scale(0.02), np.uint8(3)]
    check(model("QLinearConcat", inputs, given, MICROSOFT, axis=1), given)


def test_choice() -> None:
    given = {"c": RNG.random((2, 3, 4)) < 0.5, "a": bytes_of(np.uint8, 2, 3, 4), "b": bytes_of(np.uint8, 2, 3, 4)}
    sides = ["a", scale(0.05), np.uint8(90), "b", scale(0.02), np.uint8(3)]
    check(model("QLinearWhere", ["c", *sides, scale(0.04), np.uint8(77)], given, MICROSOFT), given)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_movements_and_maxima_between_layers_cost_no_tables(dtype: Any) -> None:
    """What stands between quantised layers works on stored bytes; only the interface is recoded."""
    x = bytes_of(dtype, 1, 4, 8, 8)
    constants = {
        "s": scale(0.05),
        "z": np.asarray(60, dtype),
        "w": RNG.integers(-127, 128, (6, 4, 3, 3)).astype(np.int8),
        "ws": scale(0.01),
        "wz": np.int8(0),
        "flat": np.asarray([1, 6 * 9], np.int64),
        "v": RNG.integers(-127, 128, (54, 5)).astype(np.int8),
    }
    nodes = [
        helper.make_node("QLinearConv", ["x", "s", "z", "w", "ws", "wz", "s", "z"], ["a"]),
        helper.make_node("MaxPool", ["a"], ["b"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Reshape", ["b", "flat"], ["c"]),
        helper.make_node("QLinearMatMul", ["c", "s", "z", "v", "ws", "wz", "s", "z"], ["y"]),
    ]
    made = model("Identity", ["x"], {"x": x})
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    made.graph.initializer.extend(numpy_helper.from_array(np.asarray(data), name) for name, data in constants.items())
    graph = check(made, {"x": x}, most=3)
    tables = [node for node in graph.nodes if isinstance(node.op, Lookup) and node.op.table != SAME]
    assert len(tables) == (2 if dtype == np.uint8 else 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_integer_products(dtype: Any) -> None:
    given = {"a": bytes_of(dtype, 2, 5, 1000), "zero": bytes_of(dtype, 1)}
    w = bytes_of(np.uint8 if dtype == np.uint8 else np.int8, 1000, 6)
    made = model("MatMulInteger", ["a", w, "zero", w.dtype.type(3)], given)
    np.testing.assert_array_equal(every_way(convert(made), list(given.values()))[0], reference(made, given))


def test_integer_convolutions() -> None:
    given: dict[str, Array] = {"x": bytes_of(np.uint8, 2, 6, 9, 8), "zero": np.asarray(130, np.uint8)}
    w = bytes_of(np.uint8, 4, 3, 3, 3)
    made = model("ConvInteger", ["x", w, "zero", np.uint8(99)], given, group=2, pads=[1, 1, 1, 1])
    np.testing.assert_array_equal(every_way(convert(made), list(given.values()))[0], reference(made, given))


def test_dynamic_quantisation() -> None:
    for x in (RNG.normal(0, 3, (4, 50)), RNG.uniform(1, 2, (3, 5)), RNG.uniform(-2, -1, 7), np.zeros(5)):
        given = {"x": x.astype(np.float32)}
        made = model("DynamicQuantizeLinear", ["x"], given)
        made.graph.node[0].output.extend(["scale", "zero"])
        (y,) = every_way(convert(made), [given["x"]])
        np.testing.assert_array_equal(y, reference(made, given))


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_linear(dtype: Any, axis: int | None) -> None:
    shape = (3, 5, 4)
    count = () if axis is None else (shape[axis],)
    scales, zeros = scale(RNG.uniform(0.01, 0.1, count)), RNG.integers(0, 100, count).astype(dtype)
    given = {"x": RNG.normal(0, 2, shape).astype(np.float32)}
    attributes = {} if axis is None else {"axis": axis}
    made = model("QuantizeLinear", ["x", scales, zeros], given, MICROSOFT, **attributes)
    expected = reference(made, given)
    (y,) = every_way(convert(made), [given["x"]])
    assert np.abs(y.astype(np.int64) - expected).max() <= 1
    made = model("DequantizeLinear", ["x", scales, zeros], {"x": expected}, MICROSOFT, **attributes)
    np.testing.assert_allclose(every_way(convert(made), [expected])[0], reference(made, {"x": expected}), rtol=1e-6)


def test_refused() -> None:
    x = bytes_of(np.uint8, 2, 3)
    with pytest.raises(InputError, match="positive scales"):
        convert(model("DequantizeLinear", ["x", scale(-1.0), np.uint8(0)], {"x": x}))
    with pytest.raises(InputError, match="blocks"):
        convert(model("DequantizeLinear", ["x", scale([1.0] * 3), np.zeros(3, np.uint8)], {"x": x}, block_size=2))
    with pytest.raises(InputError, match="one for each index"):
        convert(model("DequantizeLinear", ["x", "s"], {"x": x, "s": scale([1.0] * 4)}))
    with pytest.raises(InputError, match="zero point"):
        convert(model("MatMulInteger", ["x", bytes_of(np.uint8, 3, 4), np.zeros(2, np.uint8)], {"x": x}))
