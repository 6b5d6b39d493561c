"""Movement operators: random networks of them run every way, and the older forms in which ONNX files spell them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.execute import every_way
from toolchain.errors import InputError
from toolchain.importers.onnx import convert
from toolchain.ir import Array, Builder, Graph, Type, Value, constant
from toolchain.ops.add import Add
from toolchain.ops.concat import Concat
from toolchain.ops.expand import Expand, tile
from toolchain.ops.gather import Gather
from toolchain.ops.pad import Pad, pad_around
from toolchain.ops.reshape import Reshape
from toolchain.ops.slice import along_axes, reverse, split
from toolchain.ops.take import take
from toolchain.ops.transpose import Transpose
from toolchain.ops.where import Where

DTYPES = ["float32", "int8", "int16", "int32", "int64", "bool", "uint8"]
MOST_ELEMENTS = 4000


class Maker:
    """Draws a graph whose values are moved about, joined, cut, read twice and added."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.builder = Builder()
        self.dtype = np.dtype(draw(st.sampled_from(DTYPES)))
        self.values: list[Value] = []

    def number(self, low: int, high: int) -> int:
        return int(self.draw(st.integers(low, max(low, high))))

    def data(self, shape: tuple[int, ...]) -> Array:
        rng = np.random.default_rng(self.number(0, 1 << 16))
        return rng.integers(0, 2, shape).astype(bool) if self.dtype.kind == "b" else rng.integers(0, 100, shape).astype(self.dtype)

    def shape(self) -> tuple[int, ...]:
        return tuple(self.number(1, 5) for _ in range(self.number(0, 5)))

    def pick(self) -> Value:
        return self.values[self.number(0, len(self.values) - 1)]

    def graph(self) -> tuple[Graph, list[Array]]:
        shapes = [self.shape() for _ in range(self.number(1, 3))]
        self.values = [self.builder.input(f"x{i}", Type(shape, self.dtype)) for i, shape in enumerate(shapes)]
        inputs = [self.data(shape) for shape in shapes]
        kinds = [
            "reshape",
            "transpose",
            "slice",
            "flip",
            "split",
            "concat",
            "pad",
            "edge",
            "expand",
            "tile",
            "take",
            "gather",
            "where",
        ]
        kinds += ["add"] if self.dtype.kind in "iuf" and self.dtype != np.int16 else []
        for _ in range(self.number(1, 9)):
            x = self.pick()
            made = getattr(self, self.draw(st.sampled_from(kinds)))(x)
            self.values += [y for y in (made if isinstance(made, list) else [made]) if y.type.size <= MOST_ELEMENTS and y is not x]
        computed = [value for value in self.values if value.data is None]
        for value in {id(v): v for v in [self.pick(), self.pick(), *computed[-2:]]}.values():
            self.builder.output(value, f"y{len(self.builder.graph.outputs)}")
        return self.builder.graph, inputs

    def reshape(self, x: Value) -> Value:
        shape = [n for n in x.shape for n in ((n,) if self.number(0, 1) else (1, n))][:6]
        for i in range(len(shape) - 1, 0, -1):
            if self.number(0, 1):
                shape[i - 1 : i + 1] = [shape[i - 1] * shape[i]]
        rest = x.type.size // max(math.prod(shape), 1)
        return self.builder.add(Reshape((*shape, rest) if math.prod(shape) * rest == x.type.size else (x.type.size,)), x)

    def transpose(self, x: Value) -> Value:
        return self.builder.add(Transpose(tuple(self.draw(st.permutations(range(x.type.rank))))), x)

    def slice(self, x: Value) -> Value:
        rows = []
        for extent in x.shape:
            size = min(self.number(0 if self.number(0, 9) == 0 else 1, extent), extent)
            step = self.number(1, max(1, (extent - 1) // max(size - 1, 1))) * (-1 if self.number(0, 3) == 0 else 1)
            reach = (size - 1) * step if size else 0
            rows.append((self.number(max(0, -reach), extent - 1 - max(0, reach)), size, step))
        return self.builder.add(along_axes(rows), x)

    def flip(self, x: Value) -> Value:
        return self.builder.add(reverse([axis for axis in range(x.type.rank) if self.number(0, 1)], x.shape), x)

    def split(self, x: Value) -> list[Value]:
        if not x.type.rank:
            return [x]
        axis = self.number(0, x.type.rank - 1)
        cut = self.number(0, x.shape[axis])
        return split(self.builder, x, axis, [cut, x.shape[axis] - cut])

    def concat(self, x: Value) -> Value:
        if not x.type.rank:
            return x
        axis = self.number(0, x.type.rank - 1)
        beside = [y for y in self.values if y.type.rank == x.type.rank and y.shape[:axis] == x.shape[:axis]]
        beside = [y for y in beside if y.shape[axis + 1 :] == x.shape[axis + 1 :]]
        others = [beside[self.number(0, len(beside) - 1)] for _ in range(self.number(1, 3))]
        if self.number(0, 4) == 0:
            others.append(constant(self.data(x.shape)))
        return self.builder.add(Concat(axis), x, *others)

    def pad(self, x: Value) -> Value:
        pads = tuple((self.number(0, 2), self.number(0, 2)) for _ in x.shape)
        return self.builder.add(Pad(pads), x, constant(self.data(())))

    def edge(self, x: Value) -> Value:
        if not x.type.size:
            return x
        pads = tuple((self.number(0, 2), self.number(0, 2)) for _ in x.shape)
        return pad_around(self.builder, x, pads, str(self.draw(st.sampled_from(["edge", "reflect", "wrap", "symmetric"]))))

    def expand(self, x: Value) -> Value:
        shape = tuple(self.number(1, 3) if n == 1 else n for n in x.shape)
        lead = tuple(self.number(1, 3) for _ in range(self.number(0, 6 - len(shape)) if len(shape) < 6 else 0))
        return self.builder.add(Expand((*lead, *shape)), x)

    def tile(self, x: Value) -> Value:
        return tile(self.builder, x, [self.number(1, 2) for _ in x.shape]) if x.type.rank <= 6 else x

    def take(self, x: Value) -> Value:
        if not x.type.rank:
            return x
        axis = self.number(0, x.type.rank - 1)
        if not x.shape[axis]:
            return x
        return take(self.builder, x, axis, [self.number(0, x.shape[axis] - 1) for _ in range(self.number(1, 4))])

    def gather(self, x: Value) -> Value:
        if not 1 <= x.type.rank <= 6 or not x.shape[0]:
            return x
        indices = constant(np.asarray([[self.number(-x.shape[0], x.shape[0] - 1)] for _ in range(2)], np.int64))
        return self.builder.add(Gather(0), x, indices)

    def where(self, x: Value) -> Value:
        choice = constant(np.random.default_rng(self.number(0, 99)).integers(0, 2, x.shape[-1:]).astype(bool))
        return self.builder.add(Where(), choice, x, constant(self.data(())))

    def add(self, x: Value) -> Value:
        return self.builder.add(Add(), x, self.add_operand(x))

    def add_operand(self, x: Value) -> Value:
        same = [y for y in self.values if y.shape == x.shape]
        return same[self.number(0, len(same) - 1)]


@st.composite
def graphs(draw: Any) -> tuple[Graph, list[Array]]:
    return Maker(draw).graph()


@settings(max_examples=400, deadline=None, derandomize=True)
@given(graphs())
def test_random_networks_of_movement_run_alike_every_way(case: tuple[Graph, list[Array]]) -> None:
    graph, inputs = case
    every_way(graph, inputs)


def model(
    opset: int, kind: str, inputs: dict[str, Array], constants: dict[str, Array], outputs: int = 1, **attributes: Any
) -> onnx.ModelProto:
    """A model of one node: first the inputs, then the constants."""
    names = [f"y{i}" for i in range(outputs)]
    types = {name: helper.np_dtype_to_tensor_dtype(array.dtype) for name, array in inputs.items()}
    graph = helper.make_graph(
        [helper.make_node(kind, [*inputs, *constants], names, **attributes)],
        "graph",
        [helper.make_tensor_value_info(name, types[name], array.shape) for name, array in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in names],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


X = np.arange(2 * 6 * 4 * 5, dtype=np.float32).reshape(2, 6, 4, 5)


def ints(*values: int) -> Array:
    return np.asarray(values, np.int64)


def reals(rows: list[list[int]]) -> Array:
    return np.asarray(rows, np.float32)


@pytest.mark.parametrize(
    ("proto", "expected"),
    [
        (model(7, "Slice", {"x": X}, {}, starts=[1, -3], ends=[9, -1], axes=[1, 2]), [X[:, 1:9, -3:-1]]),
        (model(9, "Slice", {"x": X}, {}, starts=[0, 1], ends=[1, 3]), [X[0:1, 1:3]]),
        (model(10, "Slice", {"x": X}, {"b": ints(-1), "e": ints(-99), "a": ints(-1), "s": ints(-2)}), [X[..., ::-2]]),
        (model(7, "Split", {"x": X}, {}, outputs=3, axis=1), list(np.split(X, 3, 1))),
        (model(11, "Split", {"x": X}, {}, outputs=2, axis=-1, split=[2, 3]), [X[..., :2], X[..., 2:]]),
        (model(18, "Split", {"x": X}, {}, outputs=4, axis=1, num_outputs=4), [X[:, :2], X[:, 2:4], X[:, 4:], X[:, 6:]]),
        (model(7, "Squeeze", {"x": X[:1, :, :1]}, {}, axes=[0, 2]), [X[0, :, 0]]),
        (model(11, "Squeeze", {"x": X[:1, :, :1]}, {}), [X[0, :, 0]]),
        (model(7, "Unsqueeze", {"x": X[0, 0]}, {}, axes=[0, 3]), [X[0, 0][np.newaxis, :, :, np.newaxis]]),
        (model(7, "Reshape", {"x": X}, {"s": ints(0, -1, 10)}), [X.reshape(2, -1, 10)]),
        (model(7, "Flatten", {"x": X}, {}, axis=2), [X.reshape(12, 20)]),
        (
            model(7, "Pad", {"x": X}, {}, pads=[0, 1, 0, 2, 0, 0, 3, 0], value=1.5),
            [np.pad(X, [(0, 0), (1, 0), (0, 3), (2, 0)], constant_values=1.5)],
        ),
        (
            model(7, "Pad", {"x": X}, {}, pads=[0, -1, 0, 2, 0, 0, 0, -1], mode="edge"),
            [np.pad(X[:, 1:, :, :4], [(0, 0)] * 3 + [(2, 0)], mode="edge")],
        ),
        (
            model(11, "Pad", {"x": X}, {"p": ints(0, 0, 1, 2, 0, 0, 2, 1)}, mode="reflect"),
            [np.pad(X, [(0, 0), (0, 0), (1, 2), (2, 1)], mode="reflect")],
        ),
        (
            model(19, "Pad", {"x": X}, {"p": ints(3, 2), "v": np.zeros(0, np.float32), "a": ints(-1)}, mode="wrap"),
            [np.pad(X, [(0, 0)] * 3 + [(3, 2)], mode="wrap")],
        ),
        (model(7, "Concat", {"a": X, "b": X[:, :1]}, {}, axis=1), [np.concatenate([X, X[:, :1]], 1)]),
        (model(7, "Gather", {"x": X}, {"i": ints(3, 1)}, axis=1), [X[:, [3, 1]]]),
        (model(11, "Gather", {"x": X}, {"i": np.asarray(-1, np.int64)}, axis=2), [X[:, :, -1]]),
        (
            model(7, "TopK", {"x": X}, {}, outputs=2, k=2, axis=1),
            [X[:, :3:-1], np.broadcast_to(ints(5, 4).reshape(2, 1, 1), (2, 2, 4, 5))],
        ),
        (model(7, "ArgMax", {"x": X}, {}, axis=1, keepdims=0), [X.argmax(1)]),
        (
            model(9, "Scatter", {"x": X[0, 0]}, {"i": ints(0, 3).reshape(1, 2), "u": reals([[7, 8]])}, axis=0),
            [
                np.concatenate(
                    [
                        np.concatenate([reals([[7]]), X[0, 0][:1, 1:]], 1),
                        X[0, 0][1:3],
                        np.concatenate([X[0, 0][3:, :1], reals([[8]]), X[0, 0][3:, 2:]], 1),
                    ]
                )
            ],
        ),
        (model(7, "Dropout", {"x": X}, {}, ratio=0.3), [X]),
        (model(7, "Tile", {"x": X}, {"r": ints(1, 2, 1, 3)}), [np.tile(X, (1, 2, 1, 3))]),
        (model(8, "Expand", {"x": X[:, :1]}, {"s": ints(3, 1, 6, 1, 1)}), [np.broadcast_to(X[:, :1], (3, 2, 6, 4, 5))]),
        (model(9, "Compress", {"x": X}, {"c": np.asarray([False, True, True])}, axis=1), [X[:, 1:3]]),
        (model(9, "Compress", {"x": X}, {"c": np.asarray([True, False, True])}), [X.ravel()[[0, 2]]]),
    ],
    ids=lambda case: f"{case.graph.node[0].op_type}-{case.opset_import[0].version}" if isinstance(case, onnx.ModelProto) else "",
)
def test_older_forms(proto: onnx.ModelProto, expected: list[Array]) -> None:
    inputs = {"x": X, "a": X, "b": X[:, :1]}
    given_shapes = {value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim) for value in proto.graph.input}
    arrays = [
        inputs[name][tuple(slice(n) for n in shape)] if inputs[name].ndim == len(shape) else inputs[name][0, 0]
        for name, shape in given_shapes.items()
    ]
    for y, wanted in zip(every_way(convert(proto), arrays), expected, strict=True):
        np.testing.assert_array_equal(y, wanted)


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (model(13, "Slice", {"x": X}, {"b": ints(0), "e": ints(1), "a": ints(0), "s": ints(0)}), "Slice 'y0': a slice has step 0"),
        (model(13, "Slice", {"x": X}, {"b": ints(0), "e": ints(1), "a": ints(7)}), "Slice 'y0': axis 7 of rank 4"),
        (model(13, "Transpose", {"x": X}, {}, perm=[0, 1, 1, 2]), "Transpose 'y0': .*permutation"),
        (model(13, "Reshape", {"x": X}, {"s": ints(7, -1)}), "Reshape 'y0': .*does not fit 240 elements"),
        (model(13, "Concat", {"a": X, "b": X[:, :1]}, {}, axis=0), "Concat 'y0': .*the other axes differ"),
        (model(13, "Split", {"x": X}, {"s": ints(1, 2)}, outputs=2, axis=1), "Split 'y0': .*do not add up"),
        (model(13, "Gather", {"x": X}, {"i": ints(6)}, axis=1), "Gather 'y0': an index lies outside an axis of 6"),
        (model(13, "Pad", {"x": X}, {"p": ints(1, 2)}), "Pad 'y0': has pads"),
        (model(13, "Pad", {"x": X}, {"p": ints(*[1] * 8)}, mode="strange"), "Pad 'y0': mode 'strange'"),
        (model(13, "Tile", {"x": X}, {"r": ints(1, 2)}), "Tile 'y0'"),
        (model(13, "Expand", {"x": X}, {"s": ints(3, 5)}), "Expand 'y0': .*broadcast"),
        (model(13, "ScatterND", {"x": X}, {"i": ints(0, 0), "u": np.zeros(3, np.float32)}), "ScatterND 'y0': .*do not match"),
        (model(13, "TopK", {"x": X}, {"k": ints(9)}, outputs=2), "TopK 'y0': .*k = 9"),
        (model(13, "Reshape", {"x": X, "s": ints(240)}, {}), "Reshape 'y0': input 1 .'s'. depends on the model's inputs"),
        (model(13, "NonZero", {"x": X}, {}), "NonZero 'y0': .*constant"),
        (model(13, "ConstantOfShape", {}, {"s": ints(1 << 40)}), "ConstantOfShape 'y0': .*too large"),
    ],
    ids=lambda case: case.graph.node[0].op_type if isinstance(case, onnx.ModelProto) else "",
)
def test_what_is_wrong_is_named(proto: onnx.ModelProto, message: str) -> None:
    with pytest.raises(InputError, match=message):
        convert(proto)


@pytest.mark.parametrize("reduction", ["none", "add", "mul", "min", "max"])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64, np.uint8])
def test_scatter_by_computed_indices(dtype: Any, reduction: str) -> None:
    x, updates = np.arange(20).reshape(4, 5).astype(dtype), np.asarray([[9, 2, 3], [1, 0, 7]], dtype)
    indices = np.asarray([[3, 0, -1], [3, 0, 1]])
    for kind, index, update in (
        ("ScatterElements", indices, updates),
        ("ScatterND", indices[:1, :2].T, updates[:, :1].repeat(5, 1)),
    ):
        proto = model(18, kind, {"x": x, "i": index, "u": update}, {}, reduction=reduction)
        (y,) = every_way(convert(proto), [x, index, update])
        (expected,) = ReferenceEvaluator(proto).run(None, {"x": x, "i": index, "u": update})
        np.testing.assert_array_equal(y, expected)
