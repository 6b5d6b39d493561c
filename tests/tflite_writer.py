"""Writes small TFLite files for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite as schema
from numpy.typing import NDArray

_TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.float16): schema.TensorType.FLOAT16,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.uint8): schema.TensorType.UINT8,
    np.dtype(np.int16): schema.TensorType.INT16,
    np.dtype(np.uint16): schema.TensorType.UINT16,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.uint32): schema.TensorType.UINT32,
    np.dtype(np.int64): schema.TensorType.INT64,
    np.dtype(np.bool_): schema.TensorType.BOOL,
}


@dataclass
class Tensor:
    """One tensor; `data` makes it a constant, whose shape and type it then has. `scale` may be one for each index of `axis`."""

    shape: Sequence[int] = ()
    dtype: Any = np.float32
    scale: float | Sequence[float] | None = None
    zero: int | Sequence[int] = 0
    axis: int = 0
    data: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        if self.data is not None:
            self.shape, self.dtype = self.data.shape, self.data.dtype


@dataclass
class Operator:
    """One builtin operator on tensors by index (-1: left out); `options` are the fields of the options table of that name."""

    kind: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    table: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def write(tensors: Sequence[Tensor], operators: Sequence[Operator], inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
    """A TFLite file with one subgraph."""
    builder = flatbuffers.Builder(1024)
    constants = [tensor.data for tensor in tensors if tensor.data is not None]
    buffers = [_buffer(builder, None), *(_buffer(builder, data) for data in constants)]
    number = iter(range(1, len(buffers)))
    tables = [_tensor(builder, i, tensor, 0 if tensor.data is None else next(number)) for i, tensor in enumerate(tensors)]
    kinds = sorted({operator.kind for operator in operators})
    codes = [_code(builder, getattr(schema.BuiltinOperator, kind)) for kind in kinds]
    rows = [_operator(builder, operator, kinds.index(operator.kind)) for operator in operators]
    subgraph = _table(
        builder,
        "SubGraph",
        Tensors=_offsets(builder, tables),
        Inputs=_integers(builder, inputs),
        Outputs=_integers(builder, outputs),
        Operators=_offsets(builder, rows),
        Name=builder.CreateString("main"),
    )
    model = _table(
        builder,
        "Model",
        Version=3,
        OperatorCodes=_offsets(builder, codes),
        Subgraphs=_offsets(builder, [subgraph]),
        Description=builder.CreateString("test"),
        Buffers=_offsets(builder, buffers),
    )
    builder.Finish(model, b"TFL3")
    return bytes(builder.Output())


def one_operator(kind: str, inputs: Sequence[Tensor], output: Tensor | Sequence[Tensor], table: str = "", **options: Any) -> bytes:
    """A file with one operator, whose constant inputs stand in the file and whose other inputs are the model's."""
    results = [output] if isinstance(output, Tensor) else list(output)
    tensors = [*inputs, *results]
    produced = list(range(len(inputs), len(tensors)))
    free = [i for i, tensor in enumerate(inputs) if tensor.data is None]
    return write(tensors, [Operator(kind, range(len(inputs)), produced, table, options)], free, produced)


def _table(builder: Any, name: str, **fields: Any) -> int:
    getattr(schema, f"{name}Start")(builder)
    for key, value in fields.items():
        getattr(schema, f"{name}Add{key}")(builder, value)
    return int(getattr(schema, f"{name}End")(builder))


def _vector(builder: Any, raw: bytes, items: int, align: int) -> int:
    size = len(raw) // max(items, 1)
    builder.StartVector(size, items, align)
    builder.head -= len(raw)
    builder.Bytes[builder.head : builder.head + len(raw)] = raw
    return int(builder.EndVector())


def _integers(builder: Any, values: Sequence[int]) -> int:
    return _vector(builder, np.asarray(list(values), np.int32).tobytes(), len(values), 4)


def _offsets(builder: Any, tables: Sequence[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return int(builder.EndVector())


def _buffer(builder: Any, data: NDArray[Any] | None) -> int:
    if data is None:
        return _table(builder, "Buffer")
    raw = np.ascontiguousarray(data).tobytes()
    return _table(builder, "Buffer", Data=_vector(builder, raw, len(raw), 16))


def _tensor(builder: Any, index: int, tensor: Tensor, buffer: int) -> int:
    fields: dict[str, Any] = {"Shape": _integers(builder, tensor.shape), "Name": builder.CreateString(f"t{index}")}
    if tensor.scale is not None:
        scales = np.atleast_1d(np.asarray(tensor.scale, np.float32))
        zeros = np.broadcast_to(np.asarray(tensor.zero, np.int64), scales.shape)
        fields["Quantization"] = _table(
            builder,
            "QuantizationParameters",
            Scale=_vector(builder, scales.tobytes(), scales.size, 4),
            ZeroPoint=_vector(builder, zeros.tobytes(), zeros.size, 8),
            QuantizedDimension=tensor.axis,
        )
    return _table(builder, "Tensor", Type=_TYPES[np.dtype(tensor.dtype)], Buffer=buffer, **fields)


def _code(builder: Any, number: int) -> int:
    return _table(builder, "OperatorCode", DeprecatedBuiltinCode=min(number, 127), BuiltinCode=number, Version=1)


def _operator(builder: Any, operator: Operator, code: int) -> int:
    fields: dict[str, Any] = {"Inputs": _integers(builder, operator.inputs), "Outputs": _integers(builder, operator.outputs)}
    if operator.table:
        values = {k: _integers(builder, v) if isinstance(v, (list, tuple)) else v for k, v in operator.options.items()}
        fields["BuiltinOptions"] = _table(builder, operator.table, **values)
        fields["BuiltinOptionsType"] = getattr(schema.BuiltinOptions, operator.table)
    return _table(builder, "Operator", OpcodeIndex=code, **fields)
