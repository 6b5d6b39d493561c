"""Tensors of ONNX files: their element types and their data, inside the file or beside it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from toolchain.errors import InputError
from toolchain.ir import DTYPES, Array


def dtype_of(code: int, name: str) -> np.dtype[Any]:
    """The element type of an ONNX type code; InputError names `name` where it is not supported."""
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(code))
    except (KeyError, TypeError):
        dtype = np.dtype(object)
    if dtype not in DTYPES:
        label = onnx.TensorProto.DataType.Name(code) if code in onnx.TensorProto.DataType.values() else str(code)
        raise InputError(
            f"'{name}' has element type {label}, which is not supported; expected one of {', '.join(map(str, DTYPES))}"
        )
    return dtype


def working(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The element type that is computed in: float32 for every float."""
    return np.dtype(np.float32) if dtype.kind == "f" else dtype


def widened(data: Array) -> Array:
    """Data in the type that is computed in."""
    with np.errstate(over="ignore"):
        return data.astype(working(data.dtype), copy=False)


def read(tensor: onnx.TensorProto, folder: Path | None) -> Array:
    """A tensor's data in the type that is computed in; external data lies inside the model's folder only. InputError."""
    dtype_of(tensor.data_type, tensor.name)
    shape = list(tensor.dims)
    if any(n < 0 for n in shape) or math.prod(shape) >= 1 << 31:
        raise InputError(f"constant '{tensor.name}' has shape {shape}, expected fewer than 2^31 elements")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return widened(_external(tensor, folder))
    try:
        return widened(np.asarray(numpy_helper.to_array(tensor)))
    except (ValueError, TypeError) as error:
        raise InputError(f"constant '{tensor.name}' of shape {shape} is damaged: {error}") from error


def _external(tensor: onnx.TensorProto, folder: Path | None) -> Array:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if folder is None:
        raise InputError(f"constant '{tensor.name}' lies outside the model, in '{location}', and the model has no folder")
    inside = Path(os.path.realpath(folder))
    if "\0" in location:
        raise InputError(f"constant '{tensor.name}' lies in {location!r}, which is no path")
    path = Path(os.path.realpath(inside / location))
    if not location or not path.is_relative_to(inside):
        raise InputError(f"constant '{tensor.name}' lies in '{location}', outside the model's folder; move it there")
    dtype = dtype_of(tensor.data_type, tensor.name)
    expected = math.prod(tensor.dims) * dtype.itemsize
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", expected))
        if offset < 0 or length != expected:
            raise InputError(f"constant '{tensor.name}' has {length} external bytes at {offset}, expected {expected}")
        if path.exists() and not path.is_file():
            raise InputError(f"cannot read '{path}' with constant '{tensor.name}': it is not a regular file")
        with path.open("rb") as file:
            file.seek(offset)
            raw = file.read(expected)
    except OSError as error:
        raise InputError(f"cannot read '{path}' with constant '{tensor.name}': {error.strerror}") from error
    if len(raw) != expected:
        raise InputError(f"'{path}' holds {len(raw)} bytes of constant '{tensor.name}', expected {expected}")
    return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype).reshape(tuple(tensor.dims))
