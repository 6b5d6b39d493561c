"""TFLite files to graphs. What an operator means stands in its module under ops/; here is what all of them share."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tflite as schema

from toolchain.errors import InputError
from toolchain.importers.spelling import tflite_readers
from toolchain.ir import Array, Builder, Graph, IrError, Op, Quant, Type, Value, constant
from toolchain.quantize.numerics import dequantize
from toolchain.spatial import Pads, same_pads

_DTYPES = {
    schema.TensorType.FLOAT32: "float32",
    schema.TensorType.FLOAT16: "float16",
    schema.TensorType.FLOAT64: "float64",
    schema.TensorType.INT8: "int8",
    schema.TensorType.UINT8: "uint8",
    schema.TensorType.INT16: "int16",
    schema.TensorType.UINT16: "uint16",
    schema.TensorType.INT32: "int32",
    schema.TensorType.UINT32: "uint32",
    schema.TensorType.INT64: "int64",
    schema.TensorType.UINT64: "uint64",
    schema.TensorType.BOOL: "bool",
}
# Where a zero point may lie; other element types have it at 0.
_ZERO_RANGE = {schema.TensorType.INT8: (-128, 127), schema.TensorType.UINT8: (0, 255), schema.TensorType.INT16: (-32768, 32767)}
_MALFORMED = (struct.error, IndexError, ValueError, TypeError, UnicodeDecodeError, OverflowError, MemoryError, RecursionError)
_OPERATORS: dict[int, str] = {number: name for name, number in vars(schema.BuiltinOperator).items() if name.isupper()}


def load(path: Path) -> Graph:
    """Read a TFLite file; InputError says what is wrong with it or lists every operator that is not supported."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read model '{path}': {error.strerror}") from error
    if data[4:8] != b"TFL3":
        raise InputError(f"'{path}' is not a TFLite model: bytes 4 to 8 are {data[4:8]!r}, expected b'TFL3'")
    try:
        return _Reader(schema.Model.GetRootAs(data, 0), path.stem).read()
    except _MALFORMED as error:
        raise InputError(f"'{path}' is damaged: {type(error).__name__}: {error}") from error


def activation(code: int) -> tuple[float, float]:
    """The clamp that a fused activation code stands for."""
    kinds = schema.ActivationFunctionType
    clamps = {
        kinds.NONE: (-math.inf, math.inf),
        kinds.RELU: (0.0, math.inf),
        kinds.RELU_N1_TO_1: (-1.0, 1.0),
        kinds.RELU6: (0.0, 6.0),
    }
    if code not in clamps:
        raise IrError(f"fused activation {code} is not supported; expected none, relu, relu_n1_to_1 or relu6")
    return clamps[code]


def padding(code: int, spatial: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Pads:
    """The pads that a padding code stands for."""
    if min(*kernel, *stride, *dilation) < 1:
        raise IrError(f"window {kernel} with stride {stride} and dilation {dilation}: expected at least 1 each")
    if code == schema.Padding.VALID:
        return ((0, 0),) * len(kernel)
    return same_pads(spatial, kernel, stride, dilation)


class TfliteNode:
    """One operator of a file, as its reader in ops/ sees it."""

    def __init__(self, reader: _Reader, operator: Any, kind: str) -> None:
        self.builder = reader.builder
        self.kind = kind
        self._reader = reader
        self._operator = operator
        self._inputs = [int(i) for i in operator.InputsAsNumpy()] if operator.InputsLength() else []
        self._outputs = [int(i) for i in operator.OutputsAsNumpy()] if operator.OutputsLength() else []

    @property
    def count(self) -> int:
        """How many inputs are listed."""
        return len(self._inputs)

    @property
    def results(self) -> int:
        """How many outputs are listed."""
        return len(self._outputs)

    @property
    def names(self) -> list[str]:
        """The outputs' names."""
        return [self._reader.name(index) for index in self._outputs]

    def input(self, index: int) -> Value:
        value = self.optional(index)
        if value is None:
            raise IrError(f"input {index} is missing")
        return value

    def optional(self, index: int) -> Value | None:
        """Input `index`, or None where the file leaves it out. Quantised weights of a float operator come dequantised."""
        if index >= len(self._inputs) or self._inputs[index] < 0:
            return None
        value = self._reader.value(self._inputs[index])
        hybrid = value.data is not None and value.quant is not None and value.dtype == np.int8
        if hybrid and self._outputs and self.declared(0).dtype == np.float32 and self.kind != "DEQUANTIZE":
            assert value.quant is not None
            return constant(dequantize(value.constant, value.quant), value.name)
        return value

    def inputs(self) -> list[Value]:
        return [self.input(index) for index in range(self.count)]

    def integers(self, index: int) -> tuple[int, ...]:
        """The constant integers of input `index`; IrError where they depend on the model's inputs."""
        return tuple(int(n) for n in self.input(index).constant.ravel())

    def options(self, table: type[Any]) -> Any:
        """The operator's options as this schema table; all defaults where the file has none."""
        options = table()
        found = self._operator.BuiltinOptions()
        if found is None:
            raise IrError(f"has no {table.__name__}")
        options.Init(found.Bytes, found.Pos)
        return options

    def declared(self, index: int) -> Type:
        """The type that the file declares for output `index`."""
        return self._reader.type(self._outputs[index])

    def add(self, op: Op, *inputs: Value) -> Value:
        """Append the op that computes the node's only output, with the output's declared name and quantisation."""
        (value,) = self.add_all(op, *inputs)
        return value

    def add_all(self, op: Op, *inputs: Value) -> list[Value]:
        """Append the op that computes the node's outputs, with their declared names and quantisation."""
        quants = [self._reader.type(index).quant for index in self._outputs]
        return self.builder.add_all(op, *inputs, name=self.names[0], names=self.names, quants=quants)

    def zero_bias(self, x: Value, w: Value) -> Value:
        """The bias that an operator without one has."""
        return constant(np.zeros(w.shape[0], np.float32 if x.dtype == np.float32 else np.int32), f"{w.name}/bias")


class _Reader:
    def __init__(self, model: Any, name: str) -> None:
        self.model = model
        if model.SubgraphsLength() < 1:
            raise InputError("the model has no subgraph")
        self.subgraph = model.Subgraphs(0)
        self.builder = Builder(Graph(name=name))
        self.values: dict[int, Value] = {}
        self.public: dict[int, Type] = {}

    def read(self) -> Graph:
        operators = [self.subgraph.Operators(i) for i in range(self.subgraph.OperatorsLength())]
        kinds = [self.kind(operator) for operator in operators]
        readers = tflite_readers()
        unknown = [
            f"{kind} '{self.name(int(operator.Outputs(0))) if operator.OutputsLength() else index}'"
            for index, (operator, kind) in enumerate(zip(operators, kinds, strict=True))
            if kind not in readers
        ]
        if unknown:
            raise InputError(f"{len(unknown)} operators are not supported: {', '.join(unknown)}")
        for index in self.subgraph.InputsAsNumpy() if self.subgraph.InputsLength() else []:
            self.values[int(index)] = self.interface_input(int(index))
        for operator, kind in zip(operators, kinds, strict=True):
            node = TfliteNode(self, operator, kind)
            self.builder.scope = self.name(int(operator.Outputs(0))) if operator.OutputsLength() else kind
            where = f"{kind} '{self.name(int(operator.Outputs(0))) if operator.OutputsLength() else ''}'"
            try:
                result = readers[kind](node)
            except IrError as error:
                raise InputError(f"{where}: {error}") from error
            results = [result] if isinstance(result, Value) else result
            for index, value in zip(operator.OutputsAsNumpy(), results, strict=True):
                self.values[int(index)] = value
        self.builder.scope = ""
        for index in self.subgraph.OutputsAsNumpy() if self.subgraph.OutputsLength() else []:
            self.interface_output(int(index))
        if not self.builder.graph.outputs:
            raise InputError("the model has no outputs")
        return self.builder.graph

    def kind(self, operator: Any) -> str:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if number == schema.BuiltinOperator.CUSTOM:
            return f"CUSTOM:{(code.CustomCode() or b'').decode(errors='replace')}"
        return _OPERATORS.get(number, f"operator {number}")

    def tensor(self, index: int) -> Any:
        if not 0 <= index < self.subgraph.TensorsLength():
            raise InputError(f"tensor {index} does not exist; the model has {self.subgraph.TensorsLength()}")
        return self.subgraph.Tensors(index)

    def name(self, index: int) -> str:
        name: bytes = self.tensor(index).Name() or b""
        text: str = name.decode(errors="replace")
        return text or f"tensor_{index}"

    def type(self, index: int) -> Type:
        """The declared type; quantised uint8 is read as int8, its zero point moved by 128."""
        type = self.declared(index)
        return recode(type) if type.dtype == np.uint8 and type.quant is not None else type

    def declared(self, index: int) -> Type:
        tensor = self.tensor(index)
        if tensor.Type() not in _DTYPES:
            raise InputError(f"tensor '{self.name(index)}' has element type {tensor.Type()}, which is not supported")
        shape = tuple(int(n) for n in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
        if any(n < 0 for n in shape):
            raise InputError(f"tensor '{self.name(index)}' has shape {list(shape)}, expected no negative extent")
        return Type(shape, np.dtype(_DTYPES[tensor.Type()]), self.quant(index, tensor, shape))

    def quant(self, index: int, tensor: Any, shape: tuple[int, ...]) -> Quant | None:
        table = tensor.Quantization()
        if table is None or table.ScaleLength() == 0:
            return None
        scale = tuple(float(s) for s in table.ScaleAsNumpy())
        zero = tuple(int(z) for z in table.ZeroPointAsNumpy()) if table.ZeroPointLength() else (0,) * len(scale)
        if not all(math.isfinite(s) and s > 0 for s in scale):
            raise InputError(
                f"tensor '{self.name(index)}' has scale {next(s for s in scale if not s > 0 or math.isinf(s))}, expected > 0"
            )
        least, most = _ZERO_RANGE.get(tensor.Type(), (0, 0))
        if not all(least <= z <= most for z in zero):
            raise InputError(f"tensor '{self.name(index)}' has zero points {zero[:4]}, expected {least} to {most}")
        if len(zero) == 1:
            zero = zero * len(scale)
        if len(zero) != len(scale):
            raise InputError(f"tensor '{self.name(index)}' has {len(scale)} scales and {len(zero)} zero points")
        if len(scale) == 1:
            return Quant(scale, zero)
        axis = table.QuantizedDimension()
        if not 0 <= axis < len(shape) or shape[axis] != len(scale):
            fitting = [i for i, n in enumerate(shape) if n == len(scale)]
            if len(fitting) != 1:
                raise InputError(
                    f"tensor '{self.name(index)}' of shape {list(shape)} has {len(scale)} scales along dimension {axis}, "
                    f"expected one for each index of a dimension"
                )
            axis = fitting[0]
        return Quant(scale, zero, axis)

    def value(self, index: int) -> Value:
        """The value of a tensor: computed already, or constant."""
        if index not in self.values:
            data = self.data(index)
            if data is None:
                raise InputError(f"tensor '{self.name(index)}' is read before anything computes it")
            self.values[index] = Value(self.name(index), self.type(index), data)
        return self.values[index]

    def data(self, index: int) -> Array | None:
        tensor, declared = self.tensor(index), self.declared(index)
        if not 0 <= tensor.Buffer() < self.model.BuffersLength():
            raise InputError(f"tensor '{self.name(index)}' lies in buffer {tensor.Buffer()}, which does not exist")
        buffer = self.model.Buffers(tensor.Buffer())
        if buffer.DataLength() == 0:
            return np.zeros(declared.shape, declared.dtype) if declared.size == 0 else None
        raw = buffer.DataAsNumpy()
        if raw.nbytes != declared.bytes:
            raise InputError(f"tensor '{self.name(index)}' of type {declared} holds {raw.nbytes} bytes, expected {declared.bytes}")
        array: Array = raw.view(declared.dtype).reshape(declared.shape)
        if declared.dtype == np.uint8 and declared.quant is not None:
            return (array.astype(np.int16) - 128).astype(np.int8)
        return array

    def interface_input(self, index: int) -> Value:
        declared = self.declared(index)
        self.public[index] = declared
        value = self.builder.input(self.name(index), declared)
        return self.convert(value, self.type(index))

    def interface_output(self, index: int) -> None:
        value = self.value(index)
        declared = self.declared(index)
        if value.dtype != declared.dtype:
            value = self.convert(value, replace(declared, shape=value.shape))
        self.builder.output(value, self.name(index))

    def convert(self, value: Value, type: Type) -> Value:
        """Between quantised uint8 outside and int8 inside."""
        if value.dtype == type.dtype:
            return value
        from toolchain.ops.lookup import flip_sign

        return self.builder.add(flip_sign(value.dtype), value, name=f"{value.name}/{type.dtype}", quant=type.quant)


def recode(type: Type) -> Type:
    """The int8 type that means the same as a quantised uint8 type."""
    assert type.quant is not None
    return Type(type.shape, np.dtype(np.int8), replace(type.quant, zero=tuple(z - 128 for z in type.quant.zero)))
