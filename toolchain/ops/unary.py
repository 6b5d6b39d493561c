"""Elementary functions and activations, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import tflite as schema
from numpy.typing import NDArray

from toolchain.assets import KERNELS
from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Array, IrError, Node, Op, Type, Value, constant
from toolchain.lowering import Lowering
from toolchain.ops.add import Sub
from toolchain.ops.extremum import Maximum, Minimum
from toolchain.ops.lookup import lower_table
from toolchain.quantize import elementwise
from toolchain.records import rows

F64 = NDArray[np.float64]
_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def _sigmoid(x: F64) -> F64:
    e = np.exp(-np.abs(x))
    result: F64 = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
    return result


def _softplus(x: F64) -> F64:
    result: F64 = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return result


def _tanh_gelu(x: F64) -> F64:
    return x * _sigmoid(math.sqrt(8 / math.pi) * (x + 0.044715 * x**3))


def _shrink(x: F64, threshold: float, bias: float) -> F64:
    result: F64 = np.where(x < -threshold, x + bias, np.where(x > threshold, x - bias, 0))
    return result


# By row of UNARY_F32_FUNCTIONS: the function of x, alpha and beta in double.
FUNCTIONS: dict[str, Callable[[F64, float, float], F64]] = {
    "abs": lambda x, a, b: np.abs(x),
    "neg": lambda x, a, b: -x,
    "sign": lambda x, a, b: np.sign(x),
    "floor": lambda x, a, b: np.floor(x),
    "ceil": lambda x, a, b: np.ceil(x),
    "round": lambda x, a, b: np.rint(x),
    "sqrt": lambda x, a, b: np.sqrt(x),
    "rsqrt": lambda x, a, b: 1 / np.sqrt(x),
    "reciprocal": lambda x, a, b: 1 / x,
    "square": lambda x, a, b: x * x,
    "exp": lambda x, a, b: np.exp(x),
    "log": lambda x, a, b: np.log(x),
    "sin": lambda x, a, b: np.sin(x),
    "cos": lambda x, a, b: np.cos(x),
    "tan": lambda x, a, b: np.tan(x),
    "asin": lambda x, a, b: np.arcsin(x),
    "acos": lambda x, a, b: np.arccos(x),
    "atan": lambda x, a, b: np.arctan(x),
    "sinh": lambda x, a, b: np.sinh(x),
    "cosh": lambda x, a, b: np.cosh(x),
    "tanh": lambda x, a, b: np.tanh(x),
    "asinh": lambda x, a, b: np.arcsinh(x),
    "acosh": lambda x, a, b: np.arccosh(x),
    "atanh": lambda x, a, b: np.arctanh(x),
    "erf": lambda x, a, b: _erf(x),
    "sigmoid": lambda x, a, b: _sigmoid(x),
    "softplus": lambda x, a, b: _softplus(x),
    "softsign": lambda x, a, b: x / (1 + np.abs(x)),
    "gelu": lambda x, a, b: 0.5 * x * _erfc(-x / math.sqrt(2)),
    "tanh_gelu": lambda x, a, b: _tanh_gelu(x),
    "swish": lambda x, a, b: x * _sigmoid(a * x),
    "mish": lambda x, a, b: x * np.tanh(_softplus(x)),
    "hard_sigmoid": lambda x, a, b: np.clip(a * x + b, 0, 1),
    "hard_swish": lambda x, a, b: x * np.clip(x + 3, 0, 6) / 6,
    "leaky_relu": lambda x, a, b: np.where(x < 0, a * x, x),
    "elu": lambda x, a, b: np.where(x < 0, a * np.expm1(np.minimum(x, 0)), x),
    "selu": lambda x, a, b: b * np.where(x < 0, a * np.expm1(np.minimum(x, 0)), x),
    "celu": lambda x, a, b: np.maximum(x, 0) + np.minimum(0, a * np.expm1(np.minimum(x, 0) / a)),
    "thresholded_relu": lambda x, a, b: np.where(x > a, x, 0),
    "shrink": _shrink,
    "finite": lambda x, a, b: np.where(np.isfinite(x), x, 0),
}


@dataclass(frozen=True)
class Unary(Op):
    """y = f(x), f being the row of FUNCTIONS called `kind`; int8 to int8 is a table of 256 entries."""

    kind: str
    alpha: float = 0.0
    beta: float = 0.0
    elementwise: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return self.kind.title().replace("_", "")

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if x.quant is None and x.dtype.kind != "f":
            raise IrError(f"{self.name} of {x}, expected floats")
        return (Type(x.shape, x.dtype),)

    def integer(self, node: Node) -> bool:
        x, y = node.inputs[0], node.output
        return x.dtype == y.dtype == np.int8 and x.quant is not None and y.quant is not None

    def function(self, x: Array) -> Array:
        """f in double, rounded to x's precision."""
        with np.errstate(all="ignore"):
            return FUNCTIONS[self.kind](x.astype(np.float64), self.alpha, self.beta).astype(x.dtype)

    def table(self, node: Node) -> NDArray[np.int8]:
        """The int8 function, in the order of elementwise.all_int8: TFLite's integer law where there is one, else by floats."""
        x, y = node.inputs[0].quant, node.output.quant
        assert x is not None and y is not None
        every = elementwise.all_int8()
        if self.kind == "sigmoid" and y == elementwise.SOFTMAX_QUANT:
            return elementwise.sigmoid(every, x)
        if self.kind == "tanh" and y == elementwise.TANH_QUANT:
            return elementwise.hyperbolic_tangent(every, x)
        if self.kind == "leaky_relu":
            return elementwise.leaky_relu(every, x, y, self.alpha)
        if self.kind == "hard_swish" and elementwise.hard_swish_fits(x, y):
            return elementwise.hard_swish(every, x, y)
        return elementwise.tabulate(self.function, x, y)

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        return (self.table(node)[x.view(np.uint8)] if node.inputs[0].quant is not None else self.function(x),)

    def lower(self, node: Node, low: Lowering) -> None:
        x = node.inputs[0]
        if x.quant is not None:
            lower_table(node, low, self.table(node))
            return
        if x.dtype != np.float32:
            raise IrError(f"{self.name} of {x.type}: only float32 and quantised int8 are supported")
        lower_function(node, low, self.kind, self.alpha, self.beta)


def lower_function(node: Node, low: Lowering, kind: str, alpha: float, beta: float) -> None:
    """The step of a node that is a row of UNARY_F32_FUNCTIONS."""
    function = rows(KERNELS / "unary_f32" / "unary_f32.h", "UNARY_F32_FUNCTIONS").index(kind)
    params = {"count": node.output.type.size, "function": function, "alpha": alpha, "beta": beta}
    low.step("unary_f32", params, node.inputs, node.outputs)


_PLAIN = {
    "Floor": "floor",
    "Ceil": "ceil",
    "Round": "round",
    "Sqrt": "sqrt",
    "Reciprocal": "reciprocal",
    "Exp": "exp",
    "Log": "log",
    "Sin": "sin",
    "Cos": "cos",
    "Tan": "tan",
    "Asin": "asin",
    "Acos": "acos",
    "Atan": "atan",
    "Sinh": "sinh",
    "Cosh": "cosh",
    "Tanh": "tanh",
    "Asinh": "asinh",
    "Acosh": "acosh",
    "Atanh": "atanh",
    "Erf": "erf",
    "Sigmoid": "sigmoid",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Mish": "mish",
    "HardSwish": "hard_swish",
}

# ONNX operator: function, and its attributes that are alpha and beta with their defaults.
_WITH_ATTRIBUTES: dict[str, tuple[str, tuple[tuple[str, float], ...]]] = {
    "LeakyRelu": ("leaky_relu", (("alpha", 0.01),)),
    "Elu": ("elu", (("alpha", 1.0),)),
    "Selu": ("selu", (("alpha", 1.67326319217681884765625), ("gamma", 1.05070102214813232421875))),
    "Celu": ("celu", (("alpha", 1.0),)),
    "ThresholdedRelu": ("thresholded_relu", (("alpha", 1.0),)),
    "HardSigmoid": ("hard_sigmoid", (("alpha", 0.2), ("beta", 0.5))),
    "Shrink": ("shrink", (("lambd", 0.5), ("bias", 0.0))),
    "Swish": ("swish", (("alpha", 1.0),)),
}


@onnx(*_PLAIN)
def _plain(node: OnnxNode) -> Value:
    return node.add(Unary(_PLAIN[node.kind]), node.input(0))


@onnx(*_WITH_ATTRIBUTES)
def _with_attributes(node: OnnxNode) -> Value:
    kind, attributes = _WITH_ATTRIBUTES[node.kind]
    return node.add(Unary(kind, *(float(node.attribute(name, default)) for name, default in attributes)), node.input(0))


@onnx("Abs", "Neg", "Sign")
def _signs(node: OnnxNode) -> Value:
    """Functions that integers have too: |x| = max(x, 0 - x), and the sign is x between -1 and 1."""
    x = node.input(0)
    if x.dtype.kind == "f":
        return node.add(Unary(node.kind.lower()), x)
    zero, one = (constant(np.asarray(n, x.dtype)) for n in (0, 1))
    add = node.builder.add
    if node.kind == "Sign":
        lowest = constant(np.asarray(-1 if x.dtype.kind == "i" else 0, x.dtype))
        return add(Maximum(), add(Minimum(), x, one), lowest, name=node.name)
    negative = add(Sub(), zero, x, name=node.name)
    if node.kind == "Neg":
        return negative
    return x if x.dtype.kind == "u" else add(Maximum(), x, negative, name=node.name)


@onnx("Gelu")
def _gelu(node: OnnxNode) -> Value:
    return node.add(Unary("gelu" if node.attribute("approximate", "none") == "none" else "tanh_gelu"), node.input(0))


_TFLITE = {
    "FLOOR": "floor",
    "CEIL": "ceil",
    "ROUND": "round",
    "ABS": "abs",
    "NEG": "neg",
    "SIGN": "sign",
    "EXP": "exp",
    "LOG": "log",
    "SQRT": "sqrt",
    "RSQRT": "rsqrt",
    "SQUARE": "square",
    "SIN": "sin",
    "COS": "cos",
    "LOGISTIC": "sigmoid",
    "TANH": "tanh",
    "HARD_SWISH": "hard_swish",
}


@tflite(*_TFLITE)
def _from_tflite(node: TfliteNode) -> Value:
    return node.add(Unary(_TFLITE[node.kind]), node.input(0))


@tflite("ELU")
def _elu_from_tflite(node: TfliteNode) -> Value:
    return node.add(Unary("elu", 1.0), node.input(0))


@tflite("LEAKY_RELU")
def _leaky_relu_from_tflite(node: TfliteNode) -> Value:
    return node.add(Unary("leaky_relu", node.options(schema.LeakyReluOptions).Alpha()), node.input(0))


@tflite("GELU")
def _gelu_from_tflite(node: TfliteNode) -> Value:
    return node.add(Unary("tanh_gelu" if node.options(schema.GeluOptions).Approximate() else "gelu"), node.input(0))
