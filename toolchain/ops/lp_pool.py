"""Pooling by the p-norm, composed of powers and a convolution with ones."""

from __future__ import annotations

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx
from toolchain.ir import IrError, Value, constant
from toolchain.ops.conv import Conv, onnx_window
from toolchain.ops.pool import ceil_window
from toolchain.ops.power import Pow
from toolchain.ops.transpose import Transpose
from toolchain.ops.unary import Unary
from toolchain.spatial import Window, channels_first, channels_last


@onnx("LpPool", "GlobalLpPool")
def _from_onnx(node: OnnxNode) -> Value:
    x, p = node.input(0), node.attribute("p", 2)
    rank = x.type.rank
    if rank < 3 or p < 1:
        raise IrError(f"input {x.type} and p {p}; expected rank 3 or more, p at least 1")
    if node.kind == "GlobalLpPool":
        ones = (1,) * (rank - 2)
        window = Window(x.shape[2:], ones, ones, ((0, 0),) * len(ones))
    else:
        window = ceil_window(node, x, onnx_window(node, x, node.attribute("kernel_shape", ())))
    add, channels = node.builder.add, x.shape[1]
    powers = add(Pow(), add(Unary("abs"), x), constant(np.float32(p)))
    taps = constant(np.ones((channels, *window.kernel, 1), np.float32))
    rows = add(Transpose(channels_last(rank)), powers)
    sums = add(Conv(window, channels), rows, taps, constant(np.zeros(channels, np.float32)))
    return node.add(Pow(), add(Transpose(channels_first(rank)), sums), constant(np.float32(1 / p)))
