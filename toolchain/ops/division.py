"""Quotient and remainder of two tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import tflite as schema
from numpy.typing import NDArray

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Value
from toolchain.ops.arithmetic import Arithmetic, activated

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Div(Arithmetic):
    """a / b with broadcasting; integers truncate towards zero."""

    function: ClassVar[str] = "div"
    kind: ClassVar[str] = "divide"

    def real(self, a: F64, b: F64) -> F64:
        return a / b


@dataclass(frozen=True)
class FloorDiv(Arithmetic):
    """The largest integer not above a / b, with broadcasting."""

    function: ClassVar[str] = "floor_div"
    kind: ClassVar[str] = "floor_divide"

    def real(self, a: F64, b: F64) -> F64:
        return np.asarray(np.floor((a / b).astype(np.float32)), np.float64)


@dataclass(frozen=True)
class Mod(Arithmetic):
    """a - b * floor(a / b) with broadcasting: the divisor's sign."""

    function: ClassVar[str] = "floor_mod"
    kind: ClassVar[str] = "modulo"

    def real(self, a: F64, b: F64) -> F64:
        rest = np.fmod(a, b)
        return np.where((rest != 0) & ((rest < 0) != (b < 0)), rest + b, rest)


@dataclass(frozen=True)
class Fmod(Arithmetic):
    """a - b * trunc(a / b) with broadcasting: the dividend's sign."""

    function: ClassVar[str] = "fmod"
    kind: ClassVar[str] = "remainder"

    def real(self, a: F64, b: F64) -> F64:
        return np.fmod(a, b)


@onnx("Div")
def _div(node: OnnxNode) -> Value:
    return node.add(Div(), node.input(0), node.input(1))


@onnx("Mod")
def _mod(node: OnnxNode) -> Value:
    return node.add(Fmod() if node.attribute("fmod", 0) else Mod(), node.input(0), node.input(1))


@tflite("DIV")
def _div_from_tflite(node: TfliteNode) -> Value:
    return activated(node, Div, node.options(schema.DivOptions).FusedActivationFunction())


@tflite("FLOOR_DIV")
def _floor_div_from_tflite(node: TfliteNode) -> Value:
    return node.add(FloorDiv(), node.input(0), node.input(1))


@tflite("FLOOR_MOD")
def _floor_mod_from_tflite(node: TfliteNode) -> Value:
    return node.add(Mod(), node.input(0), node.input(1))
