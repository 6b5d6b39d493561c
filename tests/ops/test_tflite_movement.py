"""Movement, index, comparison and logic operators of TFLite files against LiteRT's reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tflite as schema

from tests.execute import every_way, read_tflite
from tests.references import Array, litert
from tests.tflite_writer import Tensor, one_operator
from toolchain.errors import InputError

DTYPES = [np.float32, np.int8, np.int32, np.int64, np.bool_]


def data(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype) == np.bool_:
        return rng.random(shape) < 0.5
    return rng.integers(-100, 100, shape).astype(dtype)


def tensor(shape: tuple[int, ...], dtype: Any) -> Tensor:
    return Tensor(shape, dtype, 0.5, 3) if np.dtype(dtype) == np.int8 else Tensor(shape, dtype)


def numbers(*values: int, dtype: Any = np.int32) -> Tensor:
    return Tensor(data=np.asarray(values, dtype))


def agree(model: bytes, *inputs: Array) -> list[Array]:
    """Every way of running gives what LiteRT gives."""
    results = every_way(read_tflite(model), inputs)
    for y, expected in zip(results, litert(model, inputs), strict=True):
        assert y.dtype == expected.dtype
        np.testing.assert_array_equal(y, expected)
    return results


X = (2, 3, 4, 5)
MOVES: list[tuple[str, list[Tensor], tuple[int, ...], str, dict[str, Any]]] = [
    ("RESHAPE", [numbers(6, -1)], (6, 20), "ReshapeOptions", {"NewShape": [6, -1]}),
    ("EXPAND_DIMS", [numbers(-1)], (2, 3, 4, 5, 1), "", {}),
    ("TRANSPOSE", [numbers(0, 3, 1, 2)], (2, 5, 3, 4), "", {}),
    ("TRANSPOSE", [numbers(3, 2, 1, 0)], (5, 4, 3, 2), "", {}),
    ("SLICE", [numbers(0, 1, 0, 2), numbers(-1, 2, 3, -1)], (2, 2, 3, 3), "", {}),
    ("STRIDED_SLICE", [numbers(0, 2, 0, 4), numbers(2, 0, 4, 0), numbers(1, -1, 2, -2)], (2, 2, 2, 2), "StridedSliceOptions", {}),
    (
        "STRIDED_SLICE",
        [numbers(1, 2, 1, 4), numbers(2, 0, 2, 0), numbers(1, -1, 1, -1)],
        (3, 5),
        "StridedSliceOptions",
        {"BeginMask": 8, "EndMask": 2 | 8, "ShrinkAxisMask": 1 | 4},
    ),
    ("REVERSE_V2", [numbers(1, 2)], X, "", {}),
    ("TILE", [numbers(1, 2, 1, 3)], (2, 6, 4, 15), "", {}),
    ("GATHER", [numbers(2, 0, 0, 1)], (2, 4, 4, 5), "GatherOptions", {"Axis": 1}),
    ("GATHER", [numbers(4, 2, dtype=np.int64)], (2, 3, 4, 2), "GatherOptions", {"Axis": -1}),
    ("GATHER_ND", [Tensor(data=np.asarray([[1, 2], [0, 0], [1, 0]], np.int32))], (3, 4, 5), "", {}),
    ("PAD", [Tensor(data=np.asarray([[0, 0], [1, 2], [0, 1], [0, 0]], np.int32))], (2, 6, 5, 5), "PadOptions", {}),
    ("SPACE_TO_BATCH_ND", [numbers(3, 2), Tensor(data=np.zeros((2, 2), np.int32))], (12, 1, 2, 5), "", {}),
    ("SPACE_TO_BATCH_ND", [numbers(2, 3), Tensor(data=np.asarray([[1, 0], [0, 2]], np.int32))], (12, 2, 2, 5), "", {}),
    ("BATCH_TO_SPACE_ND", [numbers(1, 2), Tensor(data=np.asarray([[1, 0], [0, 1]], np.int32))], (1, 2, 7, 5), "", {}),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("move", MOVES, ids=lambda move: f"{move[0]}-{list(move[2])}")
def test_movement(move: tuple[str, list[Tensor], tuple[int, ...], str, dict[str, Any]], dtype: Any) -> None:
    kind, constants, shape, table, options = move
    if kind in ("PAD", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "SLICE", "GATHER_ND", "REVERSE_V2") and dtype == np.bool_:
        pytest.skip(f"LiteRT's reference has no {kind} of bool")
    model = one_operator(kind, [tensor(X, dtype), *constants], tensor(shape, dtype), table, **options)
    agree(model, data(X, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_squeeze(dtype: Any) -> None:
    shape = (1, 3, 1, 5)
    some = one_operator("SQUEEZE", [tensor(shape, dtype)], tensor((1, 3, 5), dtype), "SqueezeOptions", SqueezeDims=[2])
    agree(some, data(shape, dtype))
    agree(one_operator("SQUEEZE", [tensor(shape, dtype)], tensor((3, 5), dtype), "SqueezeOptions"), data(shape, dtype))


@pytest.mark.parametrize("mode", [schema.MirrorPadMode.REFLECT, schema.MirrorPadMode.SYMMETRIC])
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int32])
def test_mirror_pad(mode: int, dtype: Any) -> None:
    pads = Tensor(data=np.asarray([[0, 0], [2, 1], [0, 3], [1, 0]], np.int32))
    model = one_operator("MIRROR_PAD", [tensor(X, dtype), pads], tensor((2, 6, 7, 6), dtype), "MirrorPadOptions", Mode=mode)
    agree(model, data(X, dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int32])
def test_pad_with_a_value(dtype: Any) -> None:
    pads = Tensor(data=np.asarray([[1, 0], [0, 2], [1, 1], [0, 0]], np.int32))
    value = tensor((), dtype)
    value.data = np.asarray(-7, dtype)
    agree(one_operator("PADV2", [tensor(X, dtype), pads, value], tensor((3, 5, 6, 5), dtype), "PadV2Options"), data(X, dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int32, np.int64])
@pytest.mark.parametrize("axis", [0, 1, 3])
def test_concatenation_pack_split_unpack(axis: int, dtype: Any) -> None:
    long = tuple(2 * n if i == axis else n for i, n in enumerate(X))
    a, b = data(X, dtype, 1), data(X, dtype, 2)
    agree(one_operator("CONCATENATION", [tensor(X, dtype)] * 2, tensor(long, dtype), "ConcatenationOptions", Axis=axis), a, b)
    packed = tensor((*X[:axis], 2, *X[axis:]), dtype)
    agree(one_operator("PACK", [tensor(X, dtype)] * 2, packed, "PackOptions", Axis=axis, ValuesCount=2), a, b)
    whole = data(long, dtype, 3)
    split = [numbers(axis).data, whole]
    model = one_operator(
        "SPLIT", [Tensor(data=split[0].reshape(())), tensor(long, dtype)], [tensor(X, dtype)] * 2, "SplitOptions", NumSplits=2
    )
    agree(model, whole)
    sizes = (1, -1)
    parts = [
        tuple(1 if i == axis else n for i, n in enumerate(long)),
        tuple(long[axis] - 1 if i == axis else n for i, n in enumerate(long)),
    ]
    model = one_operator(
        "SPLIT_V",
        [tensor(long, dtype), numbers(*sizes), Tensor(data=np.asarray(axis, np.int32))],
        [tensor(part, dtype) for part in parts],
        "SplitVOptions",
        NumSplits=2,
    )
    agree(model, whole)
    if dtype == np.int64:
        return
    rest = tensor(X[:axis] + X[axis + 1 :], dtype)
    agree(one_operator("UNPACK", [tensor(X, dtype)], [rest] * X[axis], "UnpackOptions", Axis=axis, Num=X[axis]), a)


def test_concatenation_of_different_scales_is_rescaled() -> None:
    shape = (1, 16, 16)
    every = np.arange(-128, 128, dtype=np.int8).reshape(shape)
    tensors = [Tensor(shape, np.int8, 0.037, -3), Tensor(shape, np.int8, 0.11, 9), Tensor((1, 16, 32), np.int8, 0.05, 17)]
    model = one_operator("CONCATENATION", tensors[:2], tensors[2], "ConcatenationOptions", Axis=2)
    (y,) = every_way(read_tflite(model), [every, every])
    for part, source in ((y[..., :16], tensors[0]), (y[..., 16:], tensors[1])):
        real = (every.astype(np.float64) - source.zero) * source.scale
        exact = np.clip(real / 0.05 + 17, -128, 127)
        assert abs(part - exact).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int32, np.int64])
def test_gather_by_computed_indices(dtype: Any) -> None:
    indices = np.asarray([[2, 0], [1, 1]], np.int32)
    shared = one_operator(
        "GATHER", [tensor(X, dtype), Tensor((2, 2), np.int32)], tensor((2, 2, 4, 5), dtype), "GatherOptions", Axis=1, BatchDims=1
    )
    agree(shared, data(X, dtype), indices)
    plain = one_operator(
        "GATHER", [tensor(X, dtype), Tensor((2, 2), np.int32)], tensor((2, 3, 2, 2, 5), dtype), "GatherOptions", Axis=2
    )
    agree(plain, data(X, dtype), indices)
    agree(
        one_operator("GATHER_ND", [tensor(X, dtype), Tensor((2, 2), np.int32)], tensor((2, 4, 5), dtype)),
        data(X, dtype),
        indices % 2,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
def test_scatter(dtype: Any) -> None:
    indices = np.asarray([[0, 1], [2, 0], [0, 1]], np.int32)
    model = one_operator(
        "SCATTER_ND", [Tensor((3, 2), np.int32), tensor((3, 4), dtype), numbers(3, 2, 4)], tensor((3, 2, 4), dtype)
    )
    agree(model, indices, data((3, 4), dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int32, np.int64, np.bool_])
@pytest.mark.parametrize("kind", ["SELECT", "SELECT_V2"])
def test_select(kind: str, dtype: Any) -> None:
    condition = data(X, np.bool_, 5)
    inputs = [Tensor(X, np.bool_), tensor(X, dtype), tensor(X, dtype)]
    agree(one_operator(kind, inputs, tensor(X, dtype)), condition, data(X, dtype, 1), data(X, dtype, 2))
    if kind == "SELECT_V2":
        inputs = [Tensor((3, 1, 5), np.bool_), tensor((4, 1), dtype), tensor(X, dtype)]
        agree(one_operator(kind, inputs, tensor(X, dtype)), data((3, 1, 5), np.bool_), data((4, 1), dtype, 1), data(X, dtype, 2))


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int32, np.int64])
@pytest.mark.parametrize("kind", ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"])
def test_comparison(kind: str, dtype: Any) -> None:
    table = "".join(part.title() for part in kind.split("_")) + "Options"
    model = one_operator(kind, [tensor(X, dtype), tensor((4, 1), dtype)], Tensor(X, np.bool_), table)
    agree(model, data(X, dtype, 1) // 10, data((4, 1), dtype, 2) // 10)


@pytest.mark.parametrize("kind", ["LOGICAL_AND", "LOGICAL_OR"])
def test_logic(kind: str) -> None:
    model = one_operator(kind, [Tensor(X, np.bool_), Tensor((4, 1), np.bool_)], Tensor(X, np.bool_))
    agree(model, data(X, np.bool_, 1), data((4, 1), np.bool_, 2))
    agree(one_operator("LOGICAL_NOT", [Tensor(X, np.bool_)], Tensor(X, np.bool_)), data(X, np.bool_))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32])
def test_bits(dtype: Any) -> None:
    a, b = data(X, dtype, 1), data(X, dtype, 2)
    if dtype != np.uint8:
        agree(one_operator("RIGHT_SHIFT", [Tensor(X, dtype)] * 2, Tensor(X, dtype), "RightShiftOptions"), a, abs(b) % 7)
    agree(one_operator("BITWISE_XOR", [Tensor(X, dtype)] * 2, Tensor(X, dtype), "BitwiseXorOptions"), a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int32])
@pytest.mark.parametrize(("kind", "table"), [("ARG_MAX", "ArgMaxOptions"), ("ARG_MIN", "ArgMinOptions")])
def test_argmax(kind: str, table: str, dtype: Any) -> None:
    for axis, code, index in ((3, schema.TensorType.INT32, np.int32), (1, schema.TensorType.INT64, np.int64)):
        output = Tensor(tuple(n for i, n in enumerate(X) if i != axis), index)
        agree(one_operator(kind, [tensor(X, dtype), numbers(axis)], output, table, OutputType=code), data(X, dtype) // 20)


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int32, np.int64])
def test_topk(dtype: Any) -> None:
    shape = (3, 40)
    x = np.random.default_rng(1).permuted(np.tile(np.arange(-20, 20), (3, 1)), axis=1).astype(dtype)
    outputs = [tensor((3, 7), dtype), Tensor((3, 7), np.int32)]
    agree(one_operator("TOPK_V2", [tensor(shape, dtype), Tensor(data=np.asarray(7, np.int32))], outputs, "TopKV2Options"), x)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
@pytest.mark.parametrize("flags", range(4))
def test_cumsum(flags: int, dtype: Any) -> None:
    options = {"Exclusive": bool(flags & 1), "Reverse": bool(flags & 2)}
    model = one_operator(
        "CUMSUM", [tensor(X, dtype), Tensor(data=np.asarray(2, np.int32))], tensor(X, dtype), "CumsumOptions", **options
    )
    agree(model, data(X, dtype))


CASTS = [np.float32, np.int8, np.uint8, np.int16, np.int32, np.int64, np.bool_]


@pytest.mark.parametrize("source", CASTS)
@pytest.mark.parametrize("target", CASTS)
def test_cast(source: Any, target: Any) -> None:
    x = abs(data(X, source)) if np.dtype(target).kind == "u" and np.dtype(source) == np.float32 else data(X, source)
    agree(one_operator("CAST", [Tensor(X, source)], Tensor(X, target), "CastOptions"), x)


def test_one_hot() -> None:
    indices = np.asarray([[0, 2, 1], [3, -1, 7]], np.int32)
    constants = [Tensor(data=np.asarray(4, np.int32)), Tensor(data=np.float32(2)), Tensor(data=np.float32(-1))]
    for axis, shape in ((-1, (2, 3, 4)), (0, (4, 2, 3))):
        model = one_operator("ONE_HOT", [Tensor((2, 3), np.int32), *constants], Tensor(shape), "OneHotOptions", Axis=axis)
        agree(model, indices)


@pytest.mark.parametrize("dtype", [np.float32, np.int8])
def test_depth_and_space(dtype: Any) -> None:
    deep, wide = (2, 3, 2, 12), (2, 6, 4, 3)
    agree(
        one_operator("DEPTH_TO_SPACE", [tensor(deep, dtype)], tensor(wide, dtype), "DepthToSpaceOptions", BlockSize=2),
        data(deep, dtype),
    )
    agree(
        one_operator("SPACE_TO_DEPTH", [tensor(wide, dtype)], tensor(deep, dtype), "SpaceToDepthOptions", BlockSize=2),
        data(wide, dtype),
    )


def test_reverse_sequence() -> None:
    lengths = np.asarray([2, 4, 0], np.int32)
    shape = (5, 3, 2)
    inputs = [tensor(shape, np.float32), Tensor((3,), np.int32)]
    model = one_operator("REVERSE_SEQUENCE", inputs, Tensor(shape), "ReverseSequenceOptions", SeqDim=0, BatchDim=1)
    agree(model, data(shape, np.float32), lengths)


def test_constants_fold_away() -> None:
    """What depends on shapes alone is a constant: RANGE, FILL, SHAPE, RANK, ZEROS_LIKE."""
    model = one_operator(
        "RANGE", [Tensor(data=np.asarray(n, np.int32)) for n in (2, 11, 3)], Tensor((3,), np.int32), "RangeOptions"
    )
    assert not read_tflite(model).nodes
    agree(model)
    agree(one_operator("FILL", [numbers(2, 3), Tensor(data=np.float32(1.5))], Tensor((2, 3)), "FillOptions"))
    for kind, output in (("SHAPE", Tensor((4,), np.int32)), ("RANK", Tensor((), np.int32)), ("ZEROS_LIKE", Tensor(X))):
        table = {"SHAPE": "ShapeOptions", "RANK": "RankOptions", "ZEROS_LIKE": "ZerosLikeOptions"}[kind]
        options = {"OutType": schema.TensorType.INT32} if kind == "SHAPE" else {}
        agree(one_operator(kind, [Tensor(X)], output, table, **options), data(X, np.float32))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (one_operator("TRANSPOSE", [Tensor(X), numbers(0, 0, 1, 2)], Tensor(X)), "TRANSPOSE 't2'.*permutation"),
        (one_operator("SLICE", [Tensor(X), numbers(0, 0, 0, 4), numbers(1, 1, 1, 2)], Tensor((1, 1, 1, 2))), "SLICE 't3'.*outside"),
        (
            one_operator("GATHER", [Tensor(X), numbers(3)], Tensor((2, 1, 4, 5)), "GatherOptions", Axis=1),
            "GATHER 't2'.*outside an axis of 3",
        ),
        (
            one_operator("GATHER", [Tensor(X), numbers(0)], Tensor((2, 1, 4, 5)), "GatherOptions", Axis=9),
            "GATHER 't2'.*axis 9 of rank 4",
        ),
        (
            one_operator("RESHAPE", [Tensor(X), numbers(7, -1)], Tensor((7, 17)), "ReshapeOptions"),
            "RESHAPE 't2'.*does not fit 120 elements",
        ),
        (one_operator("PAD", [Tensor(X), numbers(-1, 0, 0, 0, 0, 0, 0, 0)], Tensor(X), "PadOptions"), "PAD 't2'"),
        (
            one_operator(
                "TOPK_V2", [Tensor((2, 3)), Tensor(data=np.asarray(4, np.int32))], [Tensor((2, 4)), Tensor((2, 4), np.int32)]
            ),
            "TOPK_V2",
        ),
        (one_operator("TILE", [Tensor(X), Tensor((4,), np.int32)], Tensor(X)), "TILE 't2'.*constant"),
    ],
)
def test_what_is_wrong_is_named(model: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_tflite(model)
