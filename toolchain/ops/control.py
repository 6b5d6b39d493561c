"""Control flow whose condition is constant."""

from __future__ import annotations

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx
from toolchain.ir import IrError, Value


@onnx("If")
def _if(node: OnnxNode) -> list[Value]:
    condition = node.input(0)
    if condition.data is None:
        raise IrError(f"the condition '{condition.name}' depends on the model's inputs; only constant conditions are supported")
    return node.subgraph("then_branch" if condition.data.any() else "else_branch")
