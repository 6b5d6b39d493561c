"""Functions of ONNX files, those of the model and those that ONNX itself defines operators by; control flow; element types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.execute import every_way
from toolchain.errors import InputError
from toolchain.importers.onnx import convert

OPSETS = [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, Sequence[int]],
    outputs: Sequence[str],
    functions: Sequence[onnx.FunctionProto] = (),
    dtype: int = TensorProto.FLOAT,
    initializers: dict[str, Any] | None = None,
) -> onnx.ModelProto:
    constants = [onnx.numpy_helper.from_array(np.asarray(data), name) for name, data in (initializers or {}).items()]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, dtype, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, dtype, None) for name in outputs],
        constants,
    )
    return helper.make_model(graph, opset_imports=OPSETS, functions=functions, ir_version=10)


def function(
    name: str, inputs: Sequence[str], outputs: Sequence[str], nodes: Sequence[onnx.NodeProto], **rest: Any
) -> onnx.FunctionProto:
    return helper.make_function("own", name, inputs, outputs, nodes, OPSETS, **rest)


def refer(node: onnx.NodeProto, name: str, to: str, kind: int) -> onnx.NodeProto:
    node.attribute.add(name=name, ref_attr_name=to, type=kind)
    return node


def agrees(proto: onnx.ModelProto, *inputs: Any) -> None:
    """Compiled or not, the outputs are those of ONNX's reference evaluator."""
    names = [value.name for value in proto.graph.input]
    expected = ReferenceEvaluator(proto).run(None, dict(zip(names, inputs, strict=True)))
    for y, e in zip(every_way(convert(proto), inputs), expected, strict=True):
        assert y.dtype == e.dtype
        np.testing.assert_allclose(y, e, rtol=1e-6)


X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def test_a_function_is_read_with_the_attributes_of_each_call() -> None:
    flip = refer(helper.make_node("Transpose", ["a"], ["b"]), "perm", "order", onnx.AttributeProto.INTS)
    turn = function("Turn", ["a"], ["c"], [flip, helper.make_node("Concat", ["b", "b"], ["c"], axis=0)], attributes=["order"])
    calls = [helper.make_node("Turn", ["x"], ["y"], domain="own", order=[2, 0, 1])]
    calls += [helper.make_node("Turn", ["y"], ["z"], domain="own", order=[1, 0, 2])]
    agrees(model(calls, {"x": X.shape}, ["y", "z"], [turn]), X)


def test_an_attribute_that_is_not_given_has_its_default() -> None:
    split = refer(helper.make_node("Flatten", ["a"], ["b"]), "axis", "cut", onnx.AttributeProto.INT)
    body = [split, helper.make_node("Transpose", ["b"], ["c"])]
    flat = function("Flat", ["a"], ["c"], body, attribute_protos=[helper.make_attribute("cut", 2)])
    calls = [helper.make_node("Flat", ["x"], ["y"], domain="own"), helper.make_node("Flat", ["x"], ["z"], domain="own", cut=0)]
    y, z = every_way(convert(model(calls, {"x": X.shape}, ["y", "z"], [flat])), [X])
    np.testing.assert_array_equal(y, X.reshape(6, 4).T)
    np.testing.assert_array_equal(z, X.reshape(1, 24).T)


def test_functions_call_functions_and_their_names_do_not_meet() -> None:
    inner = function("Inner", ["a"], ["b"], [helper.make_node("Transpose", ["a"], ["b"], perm=[1, 0, 2])])
    call = [helper.make_node("Inner", ["b"], ["a"], domain="own"), helper.make_node("Concat", ["a", "a"], ["c"], axis=1)]
    outer = function("Outer", ["b"], ["c"], call)
    agrees(model([helper.make_node("Outer", ["x"], ["a"], domain="own")], {"x": X.shape}, ["a"], [inner, outer]), X)


def test_an_input_that_is_left_out_is_left_out_inside() -> None:
    body = [helper.make_node("Slice", ["a", "begin", "end", "axes", "steps"], ["b"])]
    part = function("Part", ["a", "begin", "end", "axes", "steps"], ["b"], body)
    call = helper.make_node("Part", ["x", "zero", "two", ""], ["y"], domain="own")
    proto = model([call], {"x": X.shape}, ["y"], [part], initializers={"zero": np.asarray([0, 1]), "two": np.asarray([2, 2])})
    (y,) = every_way(convert(proto), [X])
    np.testing.assert_array_equal(y, X[0:2, 1:2])


def test_a_function_of_the_model_goes_before_an_operator_of_that_name() -> None:
    backwards = function("Transpose", ["a"], ["b"], [helper.make_node("Identity", ["a"], ["b"])])
    proto = model([helper.make_node("Transpose", ["x"], ["y"], domain="own")], {"x": X.shape}, ["y"], [backwards])
    np.testing.assert_array_equal(every_way(convert(proto), [X])[0], X)


def test_a_function_that_calls_itself_is_refused() -> None:
    endless = function("Endless", ["a"], ["b"], [helper.make_node("Endless", ["a"], ["b"], domain="own")])
    with pytest.raises(InputError, match="call each other more than"):
        convert(model([helper.make_node("Endless", ["x"], ["y"], domain="own")], {"x": X.shape}, ["y"], [endless]))


def test_what_is_not_supported_inside_a_function_is_named() -> None:
    strange = function("Strange", ["a"], ["b"], [helper.make_node("Absent", ["a"], ["b"], domain="own")])
    with pytest.raises(InputError, match=r"1 operator is not supported: Absent in Strange 'y'"):
        convert(model([helper.make_node("Strange", ["x"], ["y"], domain="own")], {"x": X.shape}, ["y"], [strange]))


def branch(node: str) -> onnx.GraphProto:
    value = helper.make_tensor_value_info("r", TensorProto.FLOAT, None)
    return helper.make_graph([helper.make_node(node, ["x"], ["r"])], node, [], [value])


@pytest.mark.parametrize("condition", [True, False])
def test_a_constant_condition_chooses_a_branch(condition: bool) -> None:
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch("Transpose"), else_branch=branch("Flatten"))
    agrees(model([node], {"x": X.shape}, ["y"], initializers={"c": np.asarray(condition)}), X)


def test_a_computed_condition_is_refused() -> None:
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch("Transpose"), else_branch=branch("Flatten"))
    proto = model([node], {"x": X.shape}, ["y"])
    proto.graph.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
    with pytest.raises(InputError, match="condition 'c' depends on the model's inputs"):
        convert(proto)


@pytest.mark.parametrize(("code", "dtype"), [(TensorProto.FLOAT16, np.float16), (TensorProto.DOUBLE, np.float64)])
def test_other_floats_stay_outside(code: int, dtype: Any) -> None:
    """float16 and float64 are the interface's types, float32 is computed in."""
    node = helper.make_node("Transpose", ["x"], ["y"], perm=[2, 1, 0])
    proto = model([node, helper.make_node("Where", ["c", "y", "k"], ["z"])], {"x": X.shape}, ["z"], dtype=code)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray([True, False]), "c"))
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(2.5, dtype), "k"))
    graph = convert(proto)
    assert graph.inputs[0].dtype == graph.outputs[0].dtype == dtype
    assert {value.dtype for node in graph.nodes for value in node.outputs[:1]} >= {np.dtype(np.float32)}
    (y,) = every_way(graph, [X.astype(dtype)])
    np.testing.assert_array_equal(y, np.where([True, False], X.T, 2.5).astype(dtype))


def info(*names: str, dtype: int = TensorProto.FLOAT, shape: Sequence[int] | None = None) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info(name, dtype, shape) for name in names]


@pytest.mark.parametrize(("backwards", "turned"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_a_scan_is_unrolled(backwards: int, turned: int) -> None:
    body = helper.make_graph(
        [helper.make_node("Add", ["state", "part"], ["next"]), helper.make_node("Mul", ["next", "part"], ["made"])],
        "body",
        info("state", "part"),
        info("next", "made"),
    )
    scan = helper.make_node(
        "Scan",
        ["start", "x"],
        ["end", "all"],
        body=body,
        num_scan_inputs=1,
        scan_input_directions=[backwards],
        scan_output_directions=[turned],
    )
    end, collected = every_way(convert(model([scan], {"start": X.shape[1:], "x": X.shape}, ["end", "all"])), [X[0] + 1, X])
    rows = X[::-1] if backwards else X
    sums = X[0] + 1 + np.cumsum(rows, axis=0)
    made = sums * rows
    np.testing.assert_array_equal(end, sums[-1])
    np.testing.assert_array_equal(collected, made[::-1] if turned else made)


def test_a_scan_along_other_axes_is_unrolled() -> None:
    body = helper.make_graph([helper.make_node("Neg", ["part"], ["made"])], "body", info("part"), info("made"))
    scan = helper.make_node("Scan", ["x"], ["y"], body=body, num_scan_inputs=1, scan_input_axes=[1], scan_output_axes=[2])
    (y,) = every_way(convert(model([scan], {"x": X.shape}, ["y"])), [X])
    np.testing.assert_array_equal(y, -np.moveaxis(X, 1, 2))


def loop_model(going: onnx.NodeProto, trips: int | None) -> onnx.ModelProto:
    """A loop that doubles x and collects it; `going` computes `on` from `round` and `was`."""
    body = helper.make_graph(
        [going, helper.make_node("Add", ["value", "value"], ["twice"]), helper.make_node("Identity", ["twice"], ["made"])],
        "body",
        [*info("round", dtype=TensorProto.INT64, shape=[]), *info("was", dtype=TensorProto.BOOL, shape=[]), *info("value")],
        [*info("on", dtype=TensorProto.BOOL, shape=[]), *info("twice", "made")],
        [onnx.numpy_helper.from_array(np.asarray(2, np.int64), "two")],
    )
    loop = helper.make_node("Loop", ["trips" if trips is not None else "", "yes", "x"], ["last", "all"], body=body)
    constants: dict[str, Any] = {"yes": np.asarray(True)} | ({} if trips is None else {"trips": np.asarray(trips, np.int64)})
    return model([loop], {"x": X.shape}, ["last", "all"], initializers=constants)


@pytest.mark.parametrize("trips", [1, 4])
def test_a_loop_of_constant_length_is_unrolled(trips: int) -> None:
    last, collected = every_way(convert(loop_model(helper.make_node("Identity", ["was"], ["on"]), trips)), [X])
    np.testing.assert_array_equal(last, 2**trips * X)
    np.testing.assert_array_equal(collected, np.stack([2 ** (i + 1) * X for i in range(trips)]))


def test_a_loop_ends_by_a_condition_that_folds() -> None:
    last, collected = every_way(convert(loop_model(helper.make_node("Less", ["round", "two"], ["on"]), None)), [X])
    np.testing.assert_array_equal(last, 8 * X)
    np.testing.assert_array_equal(collected, np.stack([2 * X, 4 * X, 8 * X]))


def test_an_endless_loop_is_refused() -> None:
    with pytest.raises(InputError, match="more than 4,096 rounds"):
        convert(loop_model(helper.make_node("Identity", ["was"], ["on"]), None))


def test_a_loop_of_computed_length_is_refused() -> None:
    proto = loop_model(helper.make_node("Identity", ["was"], ["on"]), 3)
    del proto.graph.initializer[:]
    proto.graph.input.extend([*info("trips", dtype=TensorProto.INT64, shape=[]), *info("yes", dtype=TensorProto.BOOL, shape=[])])
    with pytest.raises(InputError, match=r"Loop 'last': input 0 \('trips'\) depends on the model's inputs"):
        convert(proto)
