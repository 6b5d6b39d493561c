"""How the file formats spell each operator: op modules register the functions that read a node of a file into the graph."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import toolchain.ops
from toolchain.ir import Value

if TYPE_CHECKING:
    from toolchain.importers.onnx import OnnxNode
    from toolchain.importers.tflite import TfliteNode

    OnnxReader = Callable[[OnnxNode], "Value | list[Value]"]
    TfliteReader = Callable[[TfliteNode], "Value | list[Value]"]

F = TypeVar("F", bound=Callable[..., object])

_onnx: dict[tuple[str, str], OnnxReader] = {}
_tflite: dict[str, TfliteReader] = {}


def onnx(*names: str, domain: str = "") -> Callable[[F], F]:
    """Register a function as the reader of these ONNX operators; it returns the node's outputs."""

    def register(reader: F) -> F:
        for name in names:
            if (domain, name) in _onnx:
                raise ValueError(f"ONNX operator {name} has two readers")
            _onnx[domain, name] = reader  # type: ignore[assignment]
        return reader

    return register


def tflite(*names: str) -> Callable[[F], F]:
    """Register a function as the reader of these TFLite builtin operators; it returns the node's outputs."""

    def register(reader: F) -> F:
        for name in names:
            if name in _tflite:
                raise ValueError(f"TFLite operator {name} has two readers")
            _tflite[name] = reader  # type: ignore[assignment]
        return reader

    return register


@cache
def _load_ops() -> None:
    for module in pkgutil.iter_modules(toolchain.ops.__path__):
        importlib.import_module(f"toolchain.ops.{module.name}")


def onnx_readers() -> dict[tuple[str, str], OnnxReader]:
    """Readers by (domain, operator)."""
    _load_ops()
    return _onnx


def tflite_readers() -> dict[str, TfliteReader]:
    """Readers by builtin operator name."""
    _load_ops()
    return _tflite
