"""The graph that every stage of the compiler reads and rewrites: Type, Quant, Value, Op, Node, Graph; `verify` and `run`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from toolchain.lowering import Lowering

Array = NDArray[Any]
MAX_RANK = 8
MAX_SIZE = (1 << 31) - 1

# Element types, in the order of kernels/dtype.h.
DTYPES: tuple[np.dtype[Any], ...] = tuple(
    map(
        np.dtype,
        ("float32", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool", "float16", "float64"),
    )
)


class IrError(Exception):
    """A graph that breaks a rule: a wrong type, an unknown shape, an order that cannot run."""


@dataclass(frozen=True)
class Quant:
    """Affine quantisation: real = scale * (stored - zero), one pair for the tensor or one for each index of `axis`."""

    scale: tuple[float, ...]
    zero: tuple[int, ...]
    axis: int | None = None

    @staticmethod
    def of(scale: float, zero: int) -> Quant:
        """Quantisation of a whole tensor; the scale is rounded to float32, as files store it."""
        return Quant((float(np.float32(scale)),), (int(zero),))

    def scales(self) -> NDArray[np.float32]:
        return np.asarray(self.scale, np.float32)

    def zeros(self) -> NDArray[np.int32]:
        return np.asarray(self.zero, np.int32)


@dataclass(frozen=True)
class Type:
    """Static shape, element type and, for stored integers that mean reals, their quantisation."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    quant: Quant | None = None

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.size * self.dtype.itemsize

    def with_shape(self, shape: Iterable[int]) -> Type:
        return replace(self, shape=tuple(int(n) for n in shape))

    def with_dtype(self, dtype: Any, quant: Quant | None = None) -> Type:
        return Type(self.shape, np.dtype(dtype), quant)

    def __str__(self) -> str:
        quant = "" if self.quant is None else f" x {self.quant.scale[0]:.6g} - {self.quant.zero[0]}"
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]{quant}"


def float32(*shape: int) -> Type:
    """The type of a float32 tensor."""
    return Type(tuple(shape), np.dtype(np.float32))


@dataclass(eq=False)
class Value:
    """One tensor of a graph; `data` is set for constants only."""

    name: str
    type: Type
    data: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.type.dtype

    @property
    def quant(self) -> Quant | None:
        return self.type.quant

    @property
    def quantized(self) -> bool:
        return self.type.quant is not None

    @property
    def constant(self) -> Array:
        """The data of a constant; IrError for any other value."""
        if self.data is None:
            raise IrError(f"value '{self.name}' is computed, where a constant is needed")
        return self.data


def constant(data: Any, name: str = "", quant: Quant | None = None) -> Value:
    """A constant value holding `data`."""
    array = np.ascontiguousarray(data).reshape(np.shape(data))
    return Value(name, Type(array.shape, array.dtype, quant), array)


@dataclass(frozen=True)
class Cost:
    """What one node costs: multiply-accumulates."""

    macs: int = 0


class Op:
    """One operator. A subclass is a frozen dataclass whose fields are the attributes."""

    # False where evaluating on constants while importing would lose what a later pass reads.
    folds: ClassVar[bool] = True
    # True where an output element depends on nothing but the elements at its own place of the inputs, which broadcast.
    elementwise: ClassVar[bool] = False
    # True where every output element is a copy of an input element, chosen by its place alone; `evaluate` takes any element type.
    movement: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return type(self).__name__

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        """Output types; a quantised output has quant None here, since its scale is the graph's choice. IrError if ill-typed."""
        raise NotImplementedError(f"{self.name}.infer")

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        """The meaning of the op on arrays, float and integer; types and quantisation are read from the node."""
        raise NotImplementedError(f"{self.name}.evaluate")

    def lower(self, node: Node, low: Lowering) -> None:
        """Append the kernel steps of this node; IrError where no kernel does it."""
        raise IrError(f"operator {self.name} cannot be compiled for these types")

    def integer(self, node: Node) -> bool:
        """Whether `evaluate` defines the op on this node's quantised integers; others run in float between conversions."""
        return False

    def permuted(self, node: Node, axes: tuple[int, ...]) -> Op | None:
        """The op that does the same to inputs transposed by `axes`, giving outputs transposed by `axes`; None if there is none.

        Every input has the rank of the outputs; lower ranks are brought to it before.
        """
        return self if self.elementwise else None

    def channelwise(self, node: Node) -> bool:
        """Whether channel c of the output (last axis) depends on channel c of each input only, and no attribute counts channels."""
        return self.elementwise

    def aliases(self, node: Node) -> Iterable[tuple[Value, Value, int]]:
        """Values that may lie inside another one's memory: (inner, outer, byte offset of inner in outer)."""
        return ()

    def cost(self, node: Node) -> Cost:
        return Cost()


@dataclass(eq=False)
class Node:
    """One application of an op."""

    op: Op
    inputs: list[Value]
    outputs: list[Value]
    name: str = ""

    @property
    def output(self) -> Value:
        return self.outputs[0]

    def __str__(self) -> str:
        return f"{self.op.name} '{self.name}'"


@dataclass
class Graph:
    """Nodes in a runnable order. The interface keeps the source's names, whichever values stand behind them."""

    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    output_names: list[str] = field(default_factory=list)
    name: str = "model"

    def producers(self) -> dict[Value, Node]:
        return {value: node for node in self.nodes for value in node.outputs}

    def consumers(self) -> dict[Value, list[Node]]:
        """For each value the nodes that read it, a node twice if it reads it twice; graph outputs do not count."""
        readers: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                readers.setdefault(value, []).append(node)
        return readers

    def replace(self, old: Value, new: Value) -> None:
        """Make every reader of `old`, and the interface, read `new`."""
        for node in self.nodes:
            node.inputs = [new if value is old else value for value in node.inputs]
        self.outputs = [new if value is old else value for value in self.outputs]

    def copy(self) -> Graph:
        """The same graph with values and nodes of its own; the constants' arrays are shared."""
        values: dict[Value, Value] = {}

        def own(value: Value) -> Value:
            return values.setdefault(value, Value(value.name, value.type, value.data))

        nodes = [Node(n.op, [own(v) for v in n.inputs], [own(v) for v in n.outputs], n.name) for n in self.nodes]
        outputs = [own(v) for v in self.outputs]
        return Graph([own(v) for v in self.inputs], outputs, nodes, list(self.output_names), self.name)

    def macs(self) -> int:
        return sum(node.op.cost(node).macs for node in self.nodes)

    def sort(self) -> None:
        """Reorder the nodes into a runnable order that keeps today's order where it can; IrError where there is a cycle."""
        producer = self.producers()
        order: dict[Node, bool] = {}  # True once everything that the node needs stands before it.
        for root in self.nodes:
            stack = [root]
            while stack:
                node = stack[-1]
                if order.get(node):
                    stack.pop()
                    continue
                waiting = [producer[v] for v in node.inputs if v in producer and not order.get(producer[v])]
                if not waiting:
                    order.pop(node, None)
                    order[stack.pop()] = True
                elif node in order or node in waiting:
                    raise IrError(f"the graph has a cycle through {node}")
                else:
                    order[node] = False
                    stack.extend(reversed(waiting))
        self.nodes = list(order)


def same_meaning(declared: Type, inferred: Type) -> bool:
    """Whether an inferred type fits a declared one: equal shape and element type, whatever the quantisation."""
    return declared.shape == inferred.shape and declared.dtype == inferred.dtype


def verify(graph: Graph) -> None:
    """Check every rule of the IR; IrError names the node and what it found."""
    known: set[Value] = set(graph.inputs)
    if len(known) != len(graph.inputs):
        raise IrError("a value is listed twice among the graph's inputs")
    if len(graph.output_names) != len(graph.outputs):
        raise IrError(f"{len(graph.outputs)} outputs have {len(graph.output_names)} names")
    for node in graph.nodes:
        for value in node.inputs:
            if value.data is None and value not in known:
                raise IrError(f"{node} reads '{value.name}' before anything computes it")
            _verify_value(value)
        inferred = node.op.infer(*(value.type for value in node.inputs))
        if len(inferred) != len(node.outputs):
            raise IrError(f"{node} has {len(node.outputs)} outputs, expected {len(inferred)}")
        for value, expected in zip(node.outputs, inferred, strict=True):
            if value in known or value.data is not None:
                raise IrError(f"{node} computes '{value.name}', which exists already")
            if not same_meaning(value.type, expected):
                raise IrError(f"{node} has output type {value.type}, expected {expected}")
            _verify_value(value)
            known.add(value)
    for value in graph.outputs:
        if value.data is None and value not in known:
            raise IrError(f"output '{value.name}' is not computed by any node")


def _verify_value(value: Value) -> None:
    if value.type.rank > MAX_RANK:
        raise IrError(f"'{value.name}' has rank {value.type.rank}, at most {MAX_RANK} is supported")
    if value.data is not None and (value.data.shape != value.type.shape or value.data.dtype != value.type.dtype):
        raise IrError(f"constant '{value.name}' holds {value.data.dtype}{value.data.shape}, its type says {value.type}")
    quant = value.type.quant
    if quant is None:
        return
    if len(quant.scale) != len(quant.zero):
        raise IrError(f"'{value.name}' has {len(quant.scale)} scales and {len(quant.zero)} zero points")
    expected = 1 if quant.axis is None else value.type.shape[quant.axis]
    if len(quant.scale) != expected:
        raise IrError(f"'{value.name}' of type {value.type} has {len(quant.scale)} scales, expected {expected}")


def run(graph: Graph, inputs: Sequence[Array], *, keep: dict[Value, Array] | None = None) -> list[Array]:
    """The meaning of the graph: its outputs for these inputs, by the ops' own `evaluate`. `keep` receives every value."""
    arrays: dict[Value, Array] = dict(zip(graph.inputs, inputs, strict=True))
    for value, array in arrays.items():
        if array.shape != value.shape or array.dtype != value.dtype:
            raise IrError(f"input '{value.name}' got {array.dtype}{list(array.shape)}, expected {value.type}")

    def read(value: Value) -> Array:
        return value.data if value.data is not None else arrays[value]

    for node in graph.nodes:
        for value, result in zip(node.outputs, node.op.evaluate(node, *map(read, node.inputs)), strict=True):
            if result.shape != value.shape or result.dtype != value.dtype:
                raise IrError(f"{node} evaluated to {result.dtype}{list(result.shape)}, its type says {value.type}")
            arrays[value] = result
    if keep is not None:
        keep.update(arrays)
    return [read(value) for value in graph.outputs]


class Builder:
    """Appends nodes to a graph, inferring types and folding what is constant already.

    While `scope` is set, nodes without a name are called after it, and values without one `scope/Op`.
    """

    # Constants beyond this many bytes are not folded: a hostile file could ask for any size.
    FOLD_LIMIT: ClassVar[int] = 1 << 28

    def __init__(self, graph: Graph | None = None) -> None:
        self.graph = graph if graph is not None else Graph()
        self.scope = ""

    def input(self, name: str, type: Type) -> Value:
        if type.rank > MAX_RANK or type.size > MAX_SIZE:
            raise IrError(
                f"input '{name}' has shape {list(type.shape)}; expected rank at most {MAX_RANK}, fewer than 2^31 elements"
            )
        value = Value(name, type)
        self.graph.inputs.append(value)
        return value

    def output(self, value: Value, name: str | None = None) -> None:
        self.graph.outputs.append(value)
        self.graph.output_names.append(value.name if name is None else name)

    def add_all(
        self, op: Op, *inputs: Value, name: str = "", names: Sequence[str] = (), quants: Sequence[Quant | None] = ()
    ) -> list[Value]:
        """Apply `op`; one value for each of its outputs. `names` and `quants` are the outputs' names and quantisation."""
        types = op.infer(*(value.type for value in inputs))
        inner = name or (f"{self.scope}/{op.name}" if self.scope else "")
        outputs = []
        for index, type in enumerate(types):
            if any(n < 0 for n in type.shape) or type.rank > MAX_RANK or type.size > MAX_SIZE:
                raise IrError(
                    f"{op.name} '{name}' would have output shape {list(type.shape)}; "
                    f"expected rank at most {MAX_RANK}, no negative extent, fewer than 2^31 elements"
                )
            if index < len(quants) and quants[index] is not None:
                type = replace(type, quant=quants[index])
            label = names[index] if index < len(names) else (inner if index == 0 else f"{inner}:{index}")
            outputs.append(Value(label, type))
        node = Node(op, list(inputs), outputs, name or self.scope or (outputs[0].name if outputs else ""))
        small = sum(value.type.bytes for value in outputs) <= self.FOLD_LIMIT
        if op.folds and small and all(value.data is not None for value in inputs):
            for value, data in zip(outputs, op.evaluate(node, *(value.constant for value in inputs)), strict=True):
                value.data = np.ascontiguousarray(data).reshape(data.shape)
            return outputs
        self.graph.nodes.append(node)
        return outputs

    def add(self, op: Op, *inputs: Value, name: str = "", quant: Quant | None = None) -> Value:
        """Apply an op that has one output."""
        (output,) = self.add_all(op, *inputs, name=name, quants=(quant,))
        return output
