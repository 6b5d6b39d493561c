"""Other implementations that tests compare with: LiteRT's and TFLM's reference kernels. Tests skip where they are not installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[Any]


def litert(model: bytes, inputs: Sequence[Array]) -> list[Array]:
    """The outputs of a TFLite file by LiteRT's reference kernels."""
    module = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = module.Interpreter(model_content=model, experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [np.array(interpreter.get_tensor(detail["index"])) for detail in interpreter.get_output_details()]


def tflm(model: bytes, inputs: Sequence[Array]) -> list[Array]:
    """The outputs of a TFLite file by TFLM's reference kernels."""
    module = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    interpreter = module.Interpreter.from_bytes(model, arena_size=1 << 22)
    for index, array in enumerate(inputs):
        interpreter.set_input(array, index)
    interpreter.invoke()
    outputs = len(_outputs(model))
    return [np.array(interpreter.get_output(index)) for index in range(outputs)]


def _outputs(model: bytes) -> list[int]:
    import tflite as schema

    return list(schema.Model.GetRootAs(model, 0).Subgraphs(0).OutputsAsNumpy())


def onnxruntime(model: Any, inputs: dict[str, Array]) -> list[Array]:
    """The outputs of an ONNX model by onnxruntime, without its optimisations."""
    module = pytest.importorskip("onnxruntime")
    options = module.SessionOptions()
    options.graph_optimization_level = module.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = module.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [np.asarray(y) for y in session.run(None, inputs)]
