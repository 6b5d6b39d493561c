"""Writes small ONNX models for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Array = NDArray[Any]


@dataclass(frozen=True)
class Op:
    """One node: operator, names of its inputs (empty: left out) and outputs, attributes."""

    kind: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Any] = field(default_factory=dict)


def write(
    ops: Sequence[Op],
    inputs: Mapping[str, Array],
    constants: Mapping[str, Array],
    outputs: Mapping[str, Any],
    opset: int = 17,
) -> onnx.ModelProto:
    """A model whose inputs have these arrays' shapes and types; `outputs` gives each output's type, float32 for None."""

    def info(name: str, dtype: Any, shape: Sequence[int] | None) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype or np.float32)), shape)

    graph = helper.make_graph(
        [helper.make_node(op.kind, list(op.inputs), list(op.outputs), **op.attributes) for op in ops],
        "model",
        [info(name, array.dtype, array.shape) for name, array in inputs.items()],
        [info(name, dtype, None) for name, dtype in outputs.items()],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
