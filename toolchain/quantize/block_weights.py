"""Weights of a float graph into blocks of 32: no calibration, activations stay float32."""

from __future__ import annotations

import numpy as np

from toolchain.ir import Graph, Node, constant
from toolchain.ops.block_product import BlockProduct
from toolchain.ops.conv import Conv
from toolchain.ops.fully_connected import FullyConnected
from toolchain.passes import Pass
from toolchain.quantize import blocks
from toolchain.rewrite import Rewriter, rewrite

# The bits of each scheme's weights.
SCHEMES = {"int4-block32": 4, "int8-block32": 8}
# Layers with fewer channels at a tap stay in float: more than half of a block would be padding.
LEAST_CHANNELS = blocks.DEPTH // 2


def weights_in_blocks(scheme: str) -> Pass:
    """The pass that stores the constant weights of Conv and FullyConnected in blocks, by this scheme."""

    def blockwise(rewriter: Rewriter, node: Node) -> str | None:
        if not isinstance(node.op, Conv | FullyConnected) or node.inputs[0].dtype != np.float32:
            return None
        x, w, bias = node.inputs
        if w.data is None or bias.data is None or w.shape[-1] < LEAST_CHANNELS or not np.isfinite(w.data).all():
            return None
        values, scale = blocks.quantize_weights(w.data, SCHEMES[scheme])
        if not np.isfinite(scale).all():
            return None
        op = BlockProduct(node.op, SCHEMES[scheme])
        stored = (constant(values, w.name), constant(scale, f"{w.name}/scale"))
        rewriter.replace(node.output, rewriter.add(op, x, *stored, bias))
        return f"holds its weights in {op.bits}-bit blocks of {blocks.DEPTH}"

    def weights_in_blocks(graph: Graph) -> list[str]:
        return rewrite(graph, blockwise)

    return weights_in_blocks
