"""A float graph to its int8 form, given the range of every value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from toolchain.ir import Array, Builder, Graph, IrError, Node, Quant, Type, Value, constant
from toolchain.ops.conv import Conv
from toolchain.ops.conv_transpose import ConvTranspose
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.quantize import Dequantize, Quantize
from toolchain.quantize import ranges
from toolchain.quantize.ranges import Range

WEIGHTED = (Conv, ConvTranspose, FullyConnected)
# Outputs whose quantisation an operator's integer law fixes: softmax and logistic, tanh.
_FIXED = (Quant.of(1 / 256, -128), Quant.of(1 / 128, 0))


def to_int8(graph: Graph, covered: Mapping[Value, Range], corrections: Mapping[Node, Array]) -> Graph:
    """The int8 form: operators with an integer law or a table run on int8, the rest stays float32 between conversions.

    `covered` gives the range of each float32 value, `corrections` what to add to the bias of a node with weights. The
    interface keeps its types; weights are symmetric per output channel.
    """
    return _Rewrite(graph, covered, corrections).run()


def quantize_weights(w: Array) -> tuple[Array, Quant]:
    """Weights [n, ...] in float32 to int8 in -127..127 and their scales per n."""
    largest = np.abs(w.reshape(w.shape[0], -1)).max(axis=1, initial=0.0).astype(np.float64)
    scale = np.where(largest > 0, largest / 127, 1.0).astype(np.float32)
    stored = np.clip(np.round(w / scale.reshape(-1, *[1] * (w.ndim - 1)).astype(np.float64)), -127, 127).astype(np.int8)
    return stored, Quant(tuple(map(float, scale)), (0,) * w.shape[0], 0)


class _Rewrite:
    def __init__(self, graph: Graph, covered: Mapping[Value, Range], corrections: Mapping[Node, Array]) -> None:
        self.graph = graph
        self.covered = covered
        self.corrections = corrections
        self.builder = Builder(Graph(name=graph.name))
        self.real: dict[Value, Value] = {}
        self.stored: dict[Value, Value] = {}

    def run(self) -> Graph:
        for value in self.graph.inputs:
            self.real[value] = self.builder.input(value.name, value.type)
        for node in self.graph.nodes:
            if not self.integer(node):
                inputs = [self.as_real(value) for value in node.inputs]
                outputs = self.builder.add_all(node.op, *inputs, name=node.name, names=[v.name for v in node.outputs])
                self.real.update(zip(node.outputs, outputs, strict=True))
        for value, name in zip(self.graph.outputs, self.graph.output_names, strict=True):
            self.builder.output(self.as_real(value), name)
        return self.builder.graph

    def integer(self, node: Node) -> bool:
        """Append the int8 form of a node, if there is one."""
        floats = [value for value in node.inputs if value.dtype == np.float32]
        if len(node.outputs) != 1 or node.output.dtype != np.float32 or not floats or node.output not in self.covered:
            return False
        if all(value.data is not None or value not in self.covered for value in floats):
            return False
        if node.op.movement and not any(value in self.stored for value in floats):
            return False
        quants = [ranges.quant(self.covered[node.output]), *_FIXED]
        first = next(value for value in floats if value.data is None)
        quants.insert(1, self.quant_of(first))
        for quant in quants:
            twin = self.twin(node, quant)
            if twin is not None and twin.op.integer(twin):
                inputs = self.weighted(node) if isinstance(node.op, WEIGHTED) else [self.as_stored(v) for v in node.inputs]
                self.stored[node.output] = self.builder.add(node.op, *inputs, name=node.output.name, quant=quant)
                return True
        return False

    def twin(self, node: Node, quant: Quant) -> Node | None:
        """The node as it would be on int8, apart from the graph."""
        if isinstance(node.op, WEIGHTED) and any(value.data is None for value in node.inputs[1:]):
            return None
        inputs = []
        for index, value in enumerate(node.inputs):
            if value.dtype != np.float32:
                inputs.append(value)
            elif isinstance(node.op, WEIGHTED) and index == 1:
                type = Type(value.shape, np.dtype(np.int8), Quant((1.0,) * value.shape[0], (0,) * value.shape[0], 0))
                inputs.append(Value(value.name, type, np.zeros(value.shape, np.int8)))
            elif isinstance(node.op, WEIGHTED) and index == 2:
                inputs.append(constant(np.zeros(value.shape, np.int32)))
            elif value.data is not None:
                inputs.append(self.as_stored(value))
            elif value in self.covered:
                inputs.append(Value(value.name, Type(value.shape, np.dtype(np.int8), self.quant_of(value))))
            else:
                return None
        try:
            (inferred,) = node.op.infer(*(value.type for value in inputs))
        except IrError:
            return None
        return Node(node.op, inputs, [Value(node.output.name, replace(inferred, quant=quant))], node.name)

    def quant_of(self, value: Value) -> Quant:
        if value in self.stored:
            quant = self.stored[value].quant
            assert quant is not None
            return quant
        return ranges.quant(self.covered[value])

    def weighted(self, node: Node) -> list[Value]:
        """int8 input, int8 weights and an int32 bias at the product of their scales, wide enough that no bias overflows."""
        x, w, b = node.inputs
        source = self.as_stored(x)
        assert source.quant is not None
        bias = b.constant.astype(np.float64) + self.corrections.get(node, 0.0)
        stored, quant = quantize_weights(w.constant)
        scale = np.float64(source.quant.scale[0]) * quant.scales().astype(np.float64)
        limit = 2.0**30
        too_large = np.abs(bias) > limit * scale
        if too_large.any():
            wider = np.where(too_large, np.abs(bias) / limit / source.quant.scale[0], quant.scales()).astype(np.float32)
            stored = np.round(stored * (quant.scales() / wider).reshape(-1, *[1] * (w.type.rank - 1))).astype(np.int8)
            quant = replace(quant, scale=tuple(map(float, wider)))
            scale = np.float64(source.quant.scale[0]) * wider.astype(np.float64)
        return [source, constant(stored, w.name, quant), constant(np.round(bias / scale).astype(np.int32), b.name)]

    def as_stored(self, value: Value) -> Value:
        """The int8 form of a float32 value; anything else as it is."""
        if value.dtype != np.float32:
            return self.real.get(value, value)
        if value not in self.stored:
            if value.data is not None:
                quant = ranges.quant((min(float(value.data.min(initial=0)), 0.0), max(float(value.data.max(initial=0)), 0.0)))
                self.stored[value] = self.builder.add(Quantize("int8"), value, name=value.name, quant=quant)
            else:
                name = f"{value.name}/int8"
                self.stored[value] = self.builder.add(
                    Quantize("int8"), self.real[value], name=name, quant=ranges.quant(self.covered[value])
                )
        return self.stored[value]

    def as_real(self, value: Value) -> Value:
        """The float32 form of a value."""
        if value.data is not None:
            return value
        if value not in self.real:
            self.real[value] = self.builder.add(Dequantize(), self.stored[value], name=f"{value.name}/float32")
        return self.real[value]
