"""ONNX files to graphs. What an operator means stands in its module under ops/; here is what all of them share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from toolchain.errors import InputError
from toolchain.importers import onnx_functions as functions
from toolchain.importers import onnx_tensors as tensors
from toolchain.importers.spelling import onnx_readers
from toolchain.ir import DTYPES, Array, Builder, Graph, IrError, Op, Quant, Type, Value, constant

OLDEST_OPSET = 7
DEEPEST_CALL = 32
MOST_NODES = 1 << 18
T = TypeVar("T")


def load(path: Path, input_shapes: Mapping[str, Sequence[int]] | None = None) -> Graph:
    """Read an ONNX file, with the shapes given for its inputs; InputError as in `convert`.

    External data is read from the model's own folder and never from outside it.
    """
    try:
        model = onnx.load_model(path, load_external_data=False)
    except OSError as error:
        raise InputError(f"cannot read model '{path}': {error.strerror}") from error
    except (DecodeError, ValueError, RuntimeError) as error:
        raise InputError(f"'{path}' is not an ONNX model, or it is damaged: {error}") from error
    return convert(model, input_shapes, folder=path.parent, name=path.stem)


def convert(
    model: onnx.ModelProto,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    *,
    constants: Mapping[str, Array] | None = None,
    folder: Path | None = None,
    name: str = "model",
) -> Graph:
    """The graph of a model; `constants` binds inputs to values. InputError lists what is unsupported or wrong."""
    opsets = _opsets(model.opset_import)
    if opsets.get("", OLDEST_OPSET) < OLDEST_OPSET:
        raise InputError(
            f"the model uses opset {opsets['']}, expected {OLDEST_OPSET} or later; convert it with onnx.version_converter"
        )
    reader = _Reader(opsets, folder, dict(input_shapes or {}), dict(constants or {}), functions.local_functions(model))
    try:
        unknown = reader.unsupported(model.graph.node, opsets.get("", OLDEST_OPSET))
        if unknown:
            count = "1 operator is" if len(unknown) == 1 else f"{len(unknown)} operators are"
            raise InputError(f"{count} not supported: {', '.join(unknown)}")
        return reader.read(model.graph, name)
    except IrError as error:
        raise InputError(str(error)) from error
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError, RecursionError) as error:
        raise InputError(f"the model is damaged: {type(error).__name__}: {error}") from error


class OnnxNode:
    """One node of a file, as its reader in ops/ sees it."""

    def __init__(self, reader: _Reader, node: onnx.NodeProto) -> None:
        self.builder = reader.builder
        self.kind = node.op_type
        self.opset = reader.opsets.get(functions.domain(node), 1)
        self.outputs = list(node.output)
        self.name = node.name or (self.outputs[0] if self.outputs else node.op_type)
        self._reader = reader
        self._node = node
        self._attributes = functions.resolved(node, reader.attributes)

    @property
    def count(self) -> int:
        """How many inputs are listed, left-out ones in between included."""
        return len(self._node.input)

    def input(self, index: int) -> Value:
        value = self.optional(index)
        if value is None:
            raise IrError(f"input {index} is missing")
        return value

    def optional(self, index: int) -> Value | None:
        """Input `index`, or None where the node leaves it out."""
        if index >= len(self._node.input) or not self._node.input[index] or self._node.input[index] in self._reader.absent:
            return None
        return self._reader.value(self._node.input[index])

    def inputs(self) -> list[Value]:
        return [self.input(index) for index in range(self.count)]

    def constant(self, index: int) -> Array | None:
        """The data of input `index`, None where it is left out; IrError where its value depends on the model's inputs."""
        value = self.optional(index)
        if value is None:
            return None
        if value.data is None:
            raise IrError(f"input {index} ('{value.name}') depends on the model's inputs, where a constant is needed")
        return value.data

    def integers(self, index: int) -> tuple[int, ...] | None:
        """A constant integer input as a tuple, None where it is left out."""
        data = self.constant(index)
        return None if data is None else tuple(int(n) for n in data.ravel())

    def attribute(self, name: str, default: T) -> T:
        """An attribute by name: an integer, float, string, tuple of those, or array; IrError where it is no such as `default`."""
        if name not in self._attributes:
            return default
        value = onnx.helper.get_attribute_value(self._attributes[name])
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        elif isinstance(value, onnx.TensorProto):
            value = tensors.read(value, self._reader.folder)
        elif not isinstance(value, (int, float, str, onnx.GraphProto)):
            value = tuple(item.decode(errors="replace") if isinstance(item, bytes) else item for item in value)
        if default is not None and not isinstance(value, type(default)):
            raise IrError(f"attribute '{name}' is of type {type(value).__name__}, expected {type(default).__name__}")
        return cast(T, value)

    def dtype(self, name: str, default: np.dtype[Any]) -> np.dtype[Any]:
        """The element type that an attribute names; IrError where it is not supported."""
        if name not in self._attributes:
            return default
        try:
            return tensors.dtype_of(self.attribute(name, 0), self.name)
        except InputError as error:
            raise IrError(str(error)) from error

    def has(self, name: str) -> bool:
        return name in self._attributes

    def subgraph(self, name: str, inputs: Sequence[Value] = ()) -> list[Value]:
        """The outputs of a subgraph attribute for these inputs, read in place: its names see the outer graph's."""
        return self._reader.inline(self.attribute(name, onnx.GraphProto()), inputs)

    def definition(self) -> onnx.FunctionProto | None:
        """The function that stands for this operator, from the model or from ONNX; None where there is none."""
        local = self._reader.functions.get((functions.domain(self._node), self.kind))
        if local is not None:
            return local
        values = [self.optional(index) for index in range(self.count)]
        return functions.definition(functions.with_attributes(self._node, self._attributes), self.opset, values)

    def call(self, function: onnx.FunctionProto) -> list[Value | None]:
        """The outputs of a function's body, read in place for this node's inputs and attributes; None where it has none."""
        values = [self.optional(index) for index in range(self.count)]
        return self._reader.expand(function, values, functions.arguments(function, self._attributes))

    def add(self, op: Op, *inputs: Value, quant: Quant | None = None) -> Value:
        """Append an op with one output, named after this node's first output."""
        return self.builder.add(op, *inputs, name=self.outputs[0] if self.outputs else "", quant=quant)

    def add_all(self, op: Op, *inputs: Value) -> list[Value]:
        """Append an op with several outputs, named after this node's outputs."""
        return self.builder.add_all(op, *inputs, name=self.name, names=self.outputs)


class _Reader:
    def __init__(
        self,
        opsets: dict[str, int],
        folder: Path | None,
        shapes: dict[str, Sequence[int]],
        constants: dict[str, Array],
        local: functions.Local,
    ) -> None:
        self.opsets = opsets
        self.functions = local
        self.folder = folder
        self.shapes = shapes
        self.constants = constants
        self.builder = Builder()
        self.values: dict[str, Value] = {}
        self.attributes: functions.Attributes = {}
        self.absent: set[str] = set()
        self.depth = self.count = 0

    def unsupported(self, nodes: Iterable[onnx.NodeProto], opset: int) -> list[str]:
        """Every node, those of subgraphs and functions included, that nothing reads."""
        readers = onnx_readers()
        unknown: list[str] = []
        visited: set[tuple[str, str]] = set()

        def visit(nodes: Iterable[onnx.NodeProto], opset: int, within: str) -> None:
            for node in nodes:
                key = (functions.domain(node), str(node.op_type))
                where = within or f"{node.op_type} '{node.name or ', '.join(node.output)}'"
                for attribute in node.attribute:
                    if attribute.type == onnx.AttributeProto.GRAPH:
                        visit(attribute.g.node, opset, within)
                function = self.functions.get(key)
                if function is None and key in readers:
                    continue
                version = opset if not key[0] else self.opsets.get(key[0], 1)
                function = function or functions.definition(node, version)
                if function is None and not functions.defined(*key, version):
                    unknown.append(where if not within else f"{node.op_type} in {within}")
                if function is not None and key not in visited:
                    visited.add(key)
                    visit(function.node, _opsets(function.opset_import).get("", opset), where)

        visit(nodes, opset, "")
        return unknown

    def read(self, graph: onnx.GraphProto, name: str) -> Graph:
        self.builder.graph.name = name
        _refuse_duplicates(graph)
        self.read_initializers(graph)
        known = {value.name for value in graph.input}
        for given in self.shapes:
            if given not in known:
                raise InputError(f"the model has no input '{given}'; its inputs are: {', '.join(sorted(known))}")
        for value in graph.input:
            if value.name in self.constants:
                data = np.asarray(self.constants[value.name])
                if data.dtype not in DTYPES:
                    raise InputError(f"input '{value.name}' is bound to {data.dtype}, which is not supported")
                self.values[value.name] = constant(tensors.widened(data), value.name)
            elif value.name not in self.values:
                outside = self.builder.input(value.name, self.input_type(value))
                self.values[value.name] = self.convert(outside, tensors.working(outside.dtype))
        self.read_nodes(graph.node)
        self.builder.scope = ""
        for value in graph.output:
            self.builder.output(self.interface_output(value), value.name)
        if not graph.output:
            raise InputError("the model has no outputs")
        return self.builder.graph

    def convert(self, value: Value, dtype: np.dtype[Any]) -> Value:
        """Between float16 or float64 outside and float32 inside."""
        from toolchain.ops.cast import Cast

        return value if value.dtype == dtype else self.builder.add(Cast(str(dtype)), value, name=f"{value.name}/{dtype}")

    def interface_output(self, output: onnx.ValueInfoProto) -> Value:
        value, declared = self.value(output.name), output.type.tensor_type.elem_type
        if not output.type.HasField("tensor_type") or not declared:
            return value
        dtype = tensors.dtype_of(declared, output.name)
        return self.convert(value, dtype) if tensors.working(dtype) == value.dtype else value

    def inline(self, graph: onnx.GraphProto, inputs: Sequence[Value]) -> list[Value]:
        if len(graph.input) != len(inputs):
            raise IrError(f"its body '{graph.name}' takes {len(graph.input)} inputs, it is given {len(inputs)}")
        outer = dict(self.values)
        self.read_initializers(graph)
        self.values.update({formal.name: value for formal, value in zip(graph.input, inputs, strict=True)})
        self.read_nodes(graph.node)
        results = [self.value(value.name) for value in graph.output]
        self.values = outer
        return results

    def read_initializers(self, graph: onnx.GraphProto) -> None:
        for tensor in graph.initializer:
            self.values[tensor.name] = constant(tensors.read(tensor, self.folder), tensor.name)
        if graph.sparse_initializer:
            raise InputError("the model has sparse initializers, which are not supported; make them dense")

    def expand(
        self, function: onnx.FunctionProto, inputs: Sequence[Value | None], attributes: functions.Attributes
    ) -> list[Value | None]:
        outer = self.values, self.absent, self.opsets, self.attributes, self.builder.scope
        formal = dict(zip(function.input, (*inputs, *(None,) * len(function.input)), strict=False))
        self.values = {name: value for name, value in formal.items() if value is not None}
        self.absent = {name for name, value in formal.items() if value is None}
        self.opsets = {**self.opsets, **_opsets(function.opset_import)}
        self.attributes = attributes
        unknown = self.unsupported(function.node, self.opsets.get("", OLDEST_OPSET))
        if unknown:
            raise IrError(f"its definition needs what is not supported: {', '.join(unknown)}")
        self.depth += 1
        if self.depth > DEEPEST_CALL:
            raise IrError(f"functions call each other more than {DEEPEST_CALL} deep")
        self.read_nodes(function.node)
        results = [self.values.get(name) for name in function.output]
        self.depth -= 1
        self.values, self.absent, self.opsets, self.attributes, self.builder.scope = outer
        return results

    def read_nodes(self, nodes: Iterable[onnx.NodeProto]) -> None:
        readers = onnx_readers()
        for node in nodes:
            self.count += 1
            if self.count > MOST_NODES:
                raise IrError(f"functions and loops unroll to more than {MOST_NODES:,} nodes")
            view = OnnxNode(self, node)
            key = (functions.domain(node), str(node.op_type))
            if not self.depth:
                self.builder.scope = next(filter(None, view.outputs), view.name)
            try:
                result: Value | Sequence[Value | None]
                if key in readers and key not in self.functions:
                    result = readers[key](view)
                else:
                    function = view.definition()
                    if function is None:
                        raise IrError("is not supported for these inputs")
                    result = view.call(function)
            except IrError as error:
                raise IrError(f"{node.op_type} '{view.name}': {error}") from error
            results = [result] if isinstance(result, Value) else result
            for index, name in enumerate(node.output):
                if not name:
                    continue
                value = results[index] if index < len(results) else None
                if value is None:
                    raise InputError(f"{node.op_type} '{view.name}': output {index} ('{name}') is not supported")
                self.values[name] = value

    def value(self, name: str) -> Value:
        if name not in self.values:
            raise InputError(f"'{name}' is read before anything computes it")
        return self.values[name]

    def input_type(self, value: onnx.ValueInfoProto) -> Type:
        if not value.type.HasField("tensor_type"):
            raise InputError(f"input '{value.name}' is no tensor; sequences, maps and optionals are not supported")
        tensor = value.type.tensor_type
        dtype = tensors.dtype_of(tensor.elem_type, value.name)
        known = tensor.HasField("shape")
        shape = [d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else d.dim_param or "?" for d in tensor.shape.dim]
        if value.name in self.shapes:
            given = list(self.shapes[value.name])
            fits = len(given) == len(shape) and all(isinstance(d, str) or d == g for d, g in zip(shape, given, strict=True))
            if (known and not fits) or min(given, default=1) < 0:
                raise InputError(f"input '{value.name}' has shape {shape}, which {given} does not fit")
            return Type(tuple(given), dtype)
        if not known or any(isinstance(d, str) for d in shape[1:]):
            found = f"shape {shape}" if known else "rank"
            raise InputError(f"input '{value.name}' has open {found}; fix it with --input-shape {value.name}=1,...")
        return Type(tuple(1 if isinstance(d, str) else int(d) for d in shape), dtype)


def _refuse_duplicates(graph: onnx.GraphProto) -> None:
    """InputError where a name stands for two values, or for two outputs."""
    inputs, initializers = [value.name for value in graph.input], [tensor.name for tensor in graph.initializer]
    computed = [name for node in graph.node for name in node.output if name]
    outputs = [value.name for value in graph.output]
    for names in (inputs, initializers, [*{*inputs, *initializers}, *computed], outputs):
        name, count = next(iter(Counter(names).most_common(1)), ("", 0))
        if count > 1:
            what = "outputs" if names is outputs else "values"
            raise InputError(f"the model is damaged: {count} of its {what} are named '{name}'")


def _opsets(imports: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    return {"" if opset.domain == "ai.onnx" else str(opset.domain): int(opset.version) for opset in imports}
