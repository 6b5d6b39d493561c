"""Bias correction: what weight rounding shifts in a layer's mean output goes back into its bias.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, with measured input means.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from toolchain.ir import Array, Graph, Node, Value
from toolchain.ops.conv import Conv
from toolchain.ops.fully_connected import FullyConnected
from toolchain.quantize.calibrate import Statistics
from toolchain.quantize.rewrite import quantize_weights


def corrections(graph: Graph, seen: Mapping[Value, Statistics]) -> dict[Node, Array]:
    """For each layer with constant float weights what to add to its bias: (w - int8(w)) times its input's channel means.

    Padding is taken as if it had the channels' means.
    """
    found: dict[Node, Array] = {}
    for node in graph.nodes:
        if isinstance(node.op, (Conv, FullyConnected)) and node.inputs[1].data is not None and node.inputs[0] in seen:
            groups = node.op.groups if isinstance(node.op, Conv) else 1
            found[node] = _shift(node.inputs[1].constant, groups, seen[node.inputs[0]].mean())
    return found


def _shift(w: Array, groups: int, mean: Array) -> Array:
    stored, quant = quantize_weights(w)
    error = w.astype(np.float64) - stored * quant.scales().astype(np.float64).reshape(-1, *[1] * (w.ndim - 1))
    taps = error.reshape(w.shape[0], -1, w.shape[-1]).sum(axis=1)
    per_group = taps.reshape(groups, w.shape[0] // groups, w.shape[-1])
    shift: Array = np.einsum("goc,gc->go", per_group, mean.reshape(groups, w.shape[-1])).ravel()
    return shift
