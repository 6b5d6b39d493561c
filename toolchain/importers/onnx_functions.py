"""ONNX functions: the bodies that stand for operators, from the model itself or from ONNX's own definitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import onnx
from onnx import defs

from toolchain.ir import IrError, Type, Value

Attributes = dict[str, onnx.AttributeProto]
Local = dict[tuple[str, str], onnx.FunctionProto]


def domain(node: onnx.NodeProto | onnx.FunctionProto) -> str:
    """The domain of an operator, "" for ONNX's own."""
    return "" if node.domain == "ai.onnx" else str(node.domain)


def local_functions(model: onnx.ModelProto) -> Local:
    """The functions that a model defines, by domain and name."""
    return {(domain(f), str(f.name)): f for f in model.functions}


def defined(domain: str, name: str, opset: int) -> bool:
    """Whether ONNX defines this operator by a function of others."""
    schema = _schema(domain, name, opset)
    return schema is not None and bool(_version(schema, opset) or _dependent_version(schema, opset))


def definition(node: onnx.NodeProto, opset: int, inputs: Sequence[Value | None] | None = None) -> onnx.FunctionProto | None:
    """ONNX's definition of this node's operator; without `inputs` only where it does not depend on their types."""
    schema = _schema(domain(node), node.op_type, opset)
    if schema is None:
        return None
    version = _version(schema, opset)
    if version:
        return _parsed(schema.get_function_with_opset_version(version))
    version = _dependent_version(schema, opset)
    if not version or inputs is None:
        return None
    types = [b"" if value is None else _type_proto(value.type).SerializeToString() for value in inputs]
    try:
        return _parsed(schema.get_context_dependent_function_with_opset_version(version, node.SerializeToString(), types))
    except Exception as error:
        raise IrError(f"ONNX has no definition of it for these inputs and attributes: {error}") from error


def resolved(node: onnx.NodeProto, outer: Attributes) -> Attributes:
    """A node's attributes by name; those that refer to an attribute of the enclosing function, `outer`, are replaced by it."""
    result: Attributes = {}
    for attribute in node.attribute:
        if not attribute.ref_attr_name:
            result[attribute.name] = attribute
        elif attribute.ref_attr_name in outer:
            result[attribute.name] = outer[attribute.ref_attr_name]
    return result


def arguments(function: onnx.FunctionProto, given: Attributes) -> Attributes:
    """The attributes that a function's body may refer to: defaults, then what the call gives."""
    where = domain(function)
    versions = [o.version for o in function.opset_import if o.domain in (where, where or "ai.onnx")]
    schema = _schema(where, function.name, max(versions, default=1))
    defaults: dict[str, onnx.AttributeProto] = {}
    if schema is not None and not function.attribute_proto:
        defaults = {name: a.default_value for name, a in schema.attributes.items() if a.default_value.name}
    return {**defaults, **{a.name: a for a in function.attribute_proto}, **given}


def with_attributes(node: onnx.NodeProto, attributes: Attributes) -> onnx.NodeProto:
    """The node with these attributes for its own."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for name, attribute in attributes.items():
        copy.attribute.add().CopyFrom(attribute)
        copy.attribute[-1].name = name
    return copy


def _schema(domain: str, name: str, opset: int) -> Any:  # its stub lacks the functions
    try:
        return defs.get_schema(name, opset, domain)
    except defs.SchemaError:
        return None


def _parsed(data: bytes) -> onnx.FunctionProto:
    function = onnx.FunctionProto()
    function.ParseFromString(data)
    return function


def _latest(versions: Iterable[int], opset: int) -> int:
    return max((version for version in versions if version <= opset), default=0)


def _version(schema: Any, opset: int) -> int:
    return _latest(schema.function_opset_versions, opset)


def _dependent_version(schema: Any, opset: int) -> int:
    return _latest(schema.context_dependent_function_opset_versions, opset)


def _type_proto(type: Type) -> onnx.TypeProto:
    return onnx.helper.make_tensor_type_proto(onnx.helper.np_dtype_to_tensor_dtype(type.dtype), type.shape)
