"""Float operators between Dequantize and Quantize become operators on the stored int8 values."""

from __future__ import annotations

import numpy as np

from toolchain.ir import Builder, Graph, Node, constant
from toolchain.ops.quantize import Dequantize
from toolchain.passes.quantization.operators import store_operator
from toolchain.passes.quantization.products import store_affine
from toolchain.passes.quantization.values import merge_conversions, move_stored_values, recode_uint8, store_before_moving
from toolchain.passes.remove_identities import merge_tables, sink_tables
from toolchain.rewrite import Rewriter, rewrite


def fuse_quantization(graph: Graph) -> list[str]:
    """Compile Dequantize, operator, Quantize to the operator's integer law, to a fixpoint; what is left computes in float32.

    uint8 values become int8 with their zero point moved by 128. Constants still dequantised in the end are folded.
    """
    values = recode_uint8, merge_tables, sink_tables, merge_conversions, move_stored_values, store_before_moving
    notes = rewrite(graph, *values, store_operator, store_affine)
    return notes + rewrite(graph, _fold)


def _fold(rewriter: Rewriter, node: Node) -> str | None:
    stored = node.inputs[0] if isinstance(node.op, Dequantize) else None
    if stored is None or stored.data is None or node.output.type.bytes > Builder.FOLD_LIMIT:
        return None
    (data,) = node.op.evaluate(node, stored.data)
    rewriter.replace(node.output, constant(np.ascontiguousarray(data), stored.name))
    return "computed"
