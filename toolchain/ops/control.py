"""Control flow that is known beforehand: a constant condition chooses a branch, a constant number of rounds is unrolled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolchain.axes import normal_axis
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx
from toolchain.ir import Builder, IrError, Value, constant
from toolchain.ops.concat import Concat
from toolchain.ops.reshape import Reshape, unsqueezed
from toolchain.ops.slice import span

MOST_ROUNDS = 1 << 12


def stack(builder: Builder, parts: Sequence[Value], axis: int) -> Value:
    """Values of one shape behind one another along a new axis."""
    axis = normal_axis(axis, parts[0].type.rank + 1)
    shape = unsqueezed(parts[0].shape, (axis,))
    return builder.add(Concat(axis), *(builder.add(Reshape(shape), part, quant=part.quant) for part in parts), quant=parts[0].quant)


def unstacked(builder: Builder, x: Value, axis: int, index: int) -> Value:
    """x at one index of an axis, which goes."""
    part = builder.add(span(axis, index, 1, x.shape), x, quant=x.quant)
    return builder.add(Reshape(x.shape[:axis] + x.shape[axis + 1 :]), part, quant=x.quant)


@onnx("If")
def _if(node: OnnxNode) -> list[Value]:
    condition = node.input(0)
    if condition.data is None:
        raise IrError(f"the condition '{condition.name}' depends on the model's inputs; only constant conditions are supported")
    return node.subgraph("then_branch" if condition.data.any() else "else_branch")


@onnx("Scan")
def _scan(node: OnnxNode) -> list[Value]:
    if node.opset < 9:
        raise IrError(f"has the form of opset {node.opset}, expected 9 or later; convert the model with onnx.version_converter")
    count = node.attribute("num_scan_inputs", 0)
    values = node.inputs()
    states, scanned = values[: len(values) - count], values[len(values) - count :]
    if not scanned:
        raise IrError("has no inputs to scan")
    inputs, outputs = (0,) * count, (0,) * (len(node.outputs) - len(states))
    axes = [normal_axis(axis, x.type.rank) for axis, x in zip(node.attribute("scan_input_axes", inputs), scanned, strict=True)]
    backwards = node.attribute("scan_input_directions", inputs)
    rounds = {x.shape[axis] for axis, x in zip(axes, scanned, strict=True)}
    if len(rounds) != 1 or not 1 <= max(rounds) <= MOST_ROUNDS:
        raise IrError(f"scans inputs of {sorted(rounds)} steps, expected one number from 1 to {MOST_ROUNDS:,}")
    length = rounds.pop()
    results: list[list[Value]] = []
    for step in range(length):
        picks = [length - 1 - step if back else step for back in backwards]
        parts = [unstacked(node.builder, x, axis, pick) for x, axis, pick in zip(scanned, axes, picks, strict=True)]
        made = node.subgraph("body", [*states, *parts])
        states, rest = made[: len(states)], made[len(states) :]
        results.append(rest)
    columns = [list(column) for column in zip(*results, strict=True)]
    turned = node.attribute("scan_output_directions", outputs)
    ordered = [column[::-1] if back else column for column, back in zip(columns, turned, strict=True)]
    stacked = [
        stack(node.builder, column, axis) for column, axis in zip(ordered, node.attribute("scan_output_axes", outputs), strict=True)
    ]
    return [*states, *stacked]


@onnx("Loop")
def _loop(node: OnnxNode) -> list[Value]:
    trips, condition = node.integers(0), node.constant(1)
    going = condition is None or bool(condition.any())
    if trips is None and condition is None:
        raise IrError("has neither a number of rounds nor a condition: it never ends")
    states = [node.input(index) for index in range(2, node.count)]
    results: list[list[Value]] = []
    step = 0
    while going and (trips is None or step < trips[0]):
        if step == MOST_ROUNDS:
            raise IrError(f"runs more than {MOST_ROUNDS:,} rounds")
        made = node.subgraph("body", [constant(np.int64(step)), constant(np.bool_(True)), *states])
        if made[0].data is None:
            raise IrError(
                f"its condition '{made[0].name}' depends on the model's inputs; only a constant number of rounds is supported"
            )
        going = bool(made[0].data.any())
        states, rest = made[1 : 1 + len(states)], made[1 + len(states) :]
        results.append(rest)
        step += 1
    if not results and len(node.outputs) > len(states):
        raise IrError("runs no round, and the shape of what it collects is not known")
    return [*states, *(stack(node.builder, column, 0) for column in zip(*results, strict=True))]
