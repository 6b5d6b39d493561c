"""Layers to measure: those of known networks, and a sweep of shapes over every kind of operator, each a graph of one node."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolchain.cost import Core
from toolchain.ir import Array, Builder, Graph, Op, Quant, Type, Value, constant
from toolchain.kernels import Kernel
from toolchain.lowering import Inputs, Lowering, Offer
from toolchain.measure import EVICT, nanoseconds
from toolchain.ops.add import Add
from toolchain.ops.argmax import ArgMax
from toolchain.ops.conv import Conv
from toolchain.ops.conv_transpose import ConvTranspose
from toolchain.ops.lookup import Lookup
from toolchain.ops.matmul import MatMul
from toolchain.ops.mul import Mul
from toolchain.ops.normalize import Normalize
from toolchain.ops.pool import AveragePool, MaxPool
from toolchain.ops.prelu import PRelu
from toolchain.ops.quantize import Dequantize, Quantize
from toolchain.ops.reduce import Reduce
from toolchain.ops.softmax import Softmax
from toolchain.ops.transpose import Transpose
from toolchain.ops.unary import FUNCTIONS, Unary
from toolchain.program import Operand
from toolchain.quantize.block_weights import SCHEMES, weights_in_blocks
from toolchain.quantize.elementwise import SOFTMAX_QUANT
from toolchain.spatial import Window, same_pads
from toolchain.targets import Target

INT8, FLOAT = np.dtype(np.int8), np.dtype(np.float32)
QUANT = Quant.of(0.05, -3)
RELU6 = Quant.of(6 / 255, -128)  # as converters store what ReLU6 gives


@dataclass(frozen=True)
class Layer:
    """One layer of a network, with the SAME padding of TFLite (`valid`: none)."""

    name: str
    operator: str
    spatial: tuple[int, int]
    kernel: tuple[int, int]
    channels: tuple[int, int]
    stride: int = 1
    valid: bool = False

    @property
    def window(self) -> Window:
        strides = (self.stride, self.stride)
        pads = ((0, 0), (0, 0)) if self.valid else same_pads(self.spatial, self.kernel, strides, (1, 1))
        return Window(self.kernel, strides, (1, 1), pads)

    @property
    def macs(self) -> int:
        depth = self.channels[0] if self.operator == "conv" else 1
        return math.prod(self.window.out(self.spatial)) * self.channels[1] * math.prod(self.kernel) * depth

    def graph(self, dtype: np.dtype[Any]) -> Graph:
        """The layer in int8 or float32, with random weights."""
        builder = Builder(Graph(name=self.name))
        x = builder.input("x", typed((1, *self.spatial, self.channels[0]), dtype))
        if self.operator == "pool_avg":
            return finish(builder, AveragePool(self.window), x)
        if self.operator == "pool_max":
            return finish(builder, MaxPool(self.window), x)
        groups = 1 if self.operator == "conv" else self.channels[0]
        weights = (self.channels[1], *self.kernel, self.channels[0] // groups)
        return finish(builder, Conv(self.window, groups, 0.0, 6.0), x, *parameters(weights, self.channels[1], dtype), quant=RELU6)


def _conv(name: str, size: int, taps: int, channels: tuple[int, int], stride: int = 1) -> Layer:
    return Layer(name, "conv", (size, size), (taps, taps), channels, stride)


def _depthwise(name: str, size: int, channels: int, stride: int = 1, taps: int = 3) -> Layer:
    return Layer(name, "depthwise", (size, size), (taps, taps), (channels, channels), stride)


def _dense(name: str, channels: tuple[int, int]) -> Layer:
    return Layer(name, "conv", (1, 1), (1, 1), channels)


LAYERS = [
    _conv("ic.conv1", 32, 3, (3, 16)),
    _conv("ic.stage1", 32, 3, (16, 16)),
    _conv("ic.stage2.down", 32, 3, (16, 32), 2),
    _conv("ic.stage2", 16, 3, (32, 32)),
    _conv("ic.stage2.skip", 32, 1, (16, 32), 2),
    _conv("ic.stage3.down", 16, 3, (32, 64), 2),
    _conv("ic.stage3", 8, 3, (64, 64)),
    Layer("ic.pool", "pool_avg", (8, 8), (8, 8), (64, 64), 8, True),
    _conv("vww.conv1", 96, 3, (3, 8), 2),
    _depthwise("vww.dw1", 48, 8),
    _conv("vww.pw1", 48, 1, (8, 16)),
    _depthwise("vww.dw2", 48, 16, 2),
    _conv("vww.pw3", 24, 1, (32, 32)),
    _depthwise("vww.dw5", 12, 64),
    _conv("vww.pw5", 12, 1, (64, 64)),
    _depthwise("vww.dw7", 6, 128),
    _conv("vww.pw7", 6, 1, (128, 128)),
    _conv("vww.pw13", 3, 1, (256, 256)),
    Layer("kws.conv1", "conv", (49, 10), (10, 4), (1, 64), 2),
    Layer("kws.dw", "depthwise", (25, 5), (3, 3), (64, 64)),
    Layer("kws.pw", "conv", (25, 5), (1, 1), (64, 64)),
    Layer("kws.pool", "pool_avg", (25, 5), (25, 5), (64, 64), 25, True),
    _dense("ad.640-128", (640, 128)),
    _dense("ad.128-128", (128, 128)),
    _dense("ad.128-640", (128, 640)),
    _conv("mobilenetv2.expand", 56, 1, (24, 144)),
    _depthwise("mobilenetv2.dw", 56, 144),
    _depthwise("mobilenetv2.dw.down", 112, 96, 2),
    _conv("mobilenetv2.project", 14, 1, (576, 96)),
    _conv("mobilenetv2.last", 7, 1, (320, 1280)),
    _depthwise("big.dw5x5", 28, 240, 1, 5),
    _conv("big.3x3x128", 28, 3, (128, 128)),
    _conv("big.3x3x512", 14, 3, (512, 512)),
    _conv("big.1x1x256", 28, 1, (256, 256)),
    Layer("big.maxpool", "pool_max", (56, 56), (2, 2), (64, 64), 2),
]


def typed(shape: Sequence[int], dtype: np.dtype[Any]) -> Type:
    """float32, or int8 with a quantisation."""
    return Type(tuple(shape), dtype, QUANT if dtype == INT8 else None)


def parameters(shape: Sequence[int], columns: int, dtype: np.dtype[Any]) -> tuple[Value, Value]:
    """Random weights with one row or one scale for each output, and a bias."""
    rng = np.random.default_rng(1)
    if dtype == INT8:
        weights: Array = rng.integers(-127, 128, shape).astype(np.int8)
        quant = Quant((0.002,) * shape[0], (0,) * shape[0], 0)
        return constant(weights, "weights", quant), constant(rng.integers(-999, 999, columns).astype(np.int32), "bias")
    return constant(rng.normal(0, 0.1, shape).astype(np.float32), "weights"), constant(np.zeros(columns, np.float32), "bias")


def finish(builder: Builder, op: Op, *inputs: Value, quant: Quant | None = QUANT) -> Graph:
    """The graph whose output is op's; `quant` is the output's where the input is quantised."""
    builder.output(builder.add(op, *inputs, quant=quant if inputs[0].quantized else None))
    return builder.graph


def _drawn(rng: np.random.Generator, values: Sequence[int]) -> int:
    return int(values[rng.integers(len(values))])


def sweep(count: int) -> Iterator[tuple[str, Graph]]:
    """About `count` convolutions of each kind in drawn shapes, and every other operator in a few sizes."""
    rng = np.random.default_rng(7)
    layers = []
    while len(layers) < 2 * count:
        operator = "conv" if len(layers) < count else ("depthwise", "depthwise", "pool_max", "pool_avg")[len(layers) % 4]
        size, taps, stride = (
            _drawn(rng, (1, 2, 3, 5, 6, 8, 12, 14, 20, 28, 48)),
            _drawn(rng, (1, 1, 3, 3, 5)),
            _drawn(rng, (1, 1, 2)),
        )
        channels = (1, 3, 4, 8, 10, 16, 24, 32, 40, 64, 96, 128, 200, 256, 512, 1280)
        inner, outer = _drawn(rng, channels), _drawn(rng, channels[3:])
        taps = 1 if size < taps else taps
        layer = Layer("", operator, (size, size), (taps, taps), (inner, outer if operator == "conv" else inner), stride)
        if 2_000 <= layer.macs <= 6_000_000:
            name = f"{operator} {size}x{size} {layer.channels[0]}-{layer.channels[1]} {taps}x{taps}/{stride}"
            layers.append(Layer(name, operator, layer.spatial, layer.kernel, layer.channels, stride))
    for length, taps, inner in ((52, 5, 40), (24, 9, 64), (16, 15, 48), (60, 3, 128), (98, 21, 32), (30, 30, 64), (40, 7, 8)):
        layers.append(Layer(f"depthwise {length} {inner} {taps}", "depthwise", (length, 1), (taps, 1), (inner, inner), valid=True))
    for dtype in (INT8, FLOAT):
        for layer in [*LAYERS, *layers]:
            yield f"{layer.name} {dtype}", layer.graph(dtype)
        yield from _others(dtype)
    for scheme in SCHEMES:
        for layer in [*LAYERS, *layers]:
            graph = layer.graph(FLOAT)
            if layer.operator == "conv" and weights_in_blocks(scheme)(graph):
                yield f"{layer.name} {scheme}", graph
    yield from _functions()


def _others(dtype: np.dtype[Any]) -> Iterator[tuple[str, Graph]]:
    """Products, elementwise operators and those that move, in int8 or float32."""
    for rows, depth, columns in (
        *((1, 64, 64), (16, 64, 16), (33, 32, 47), (64, 64, 64), (128, 64, 128), (7, 300, 100)),
        *((5, 16, 20), (50, 40, 50), (96, 24, 96), (2, 200, 256), (100, 10, 30), (12, 96, 12)),
    ):
        for turned in (False, True):
            builder = Builder()
            a = builder.input("a", typed((2, rows, depth), dtype))
            b = builder.input("b", typed((2, columns, depth) if turned else (2, depth, columns), dtype))
            yield "matmul", finish(builder, MatMul(False, turned), a, b)
    for rows, columns in ((4, 64), (16, 256), (64, 64), (3, 1000), (256, 16), (96, 500)):
        shape = (1, rows, columns)
        for binary in (Add(), Mul(), PRelu()):
            for other in (shape, (1, 1, columns), (1, 1, 1)):
                builder = Builder()
                inputs = builder.input("a", typed(shape, dtype)), builder.input("b", typed(other, dtype))
                yield f"{binary.name} {shape}, {other}", finish(builder, binary, *inputs)
        ops: list[tuple[Op, Quant]] = [
            (Softmax(2), SOFTMAX_QUANT),
            (Transpose((0, 2, 1)), QUANT),
            (Reduce("mean", (1,)), QUANT),
            (Reduce("mean", (2,)), QUANT),
            (ArgMax(2), QUANT),
        ]
        if dtype == INT8:
            ops += [(Lookup(bytes(range(255, -1, -1)), "int8"), QUANT), (Dequantize(), QUANT)]
        else:
            ops += [(Quantize("int8"), QUANT), (Normalize((2,), 1e-5), QUANT), (Reduce("max", (2,)), QUANT)]
        for op, quant in ops:
            builder = Builder()
            x = builder.input("x", typed(shape, dtype))
            if isinstance(op, Quantize):
                builder.output(builder.add(op, x, quant=quant))
            else:
                builder.output(
                    builder.add(op, x, quant=quant if dtype == INT8 and not isinstance(op, ArgMax | Dequantize) else None)
                )
            yield f"{op.name} {shape}", builder.graph
    for size, taps, inner, outer, stride in ((4, 2, 32, 16, 2), (7, 3, 16, 24, 2), (14, 4, 8, 8, 2), (10, 3, 40, 20, 1)):
        builder = Builder()
        window = Window((taps, taps), (stride, stride), (1, 1), ((0, 0), (0, 0)))
        out = ((size - 1) * stride + taps,) * 2
        x = builder.input("x", typed((1, size, size, inner), dtype))
        yield "transposed", finish(builder, ConvTranspose(window, out), x, *parameters((outer, taps, taps, inner), outer, dtype))


def _functions() -> Iterator[tuple[str, Graph]]:
    """Every function of floats, in three sizes."""
    for kind in FUNCTIONS:
        for size in (100, 1000, 10_000):
            builder = Builder()
            yield f"{kind} {size}", finish(builder, Unary(kind, 1.0, 1.0), builder.input("x", typed((size,), FLOAT)))


@dataclass(frozen=True)
class Call:
    """A kernel that accepts a step, its params, and the step's operands packed for it."""

    kernel: Kernel
    params: bytes
    inputs: list[Operand]
    outputs: list[Operand]

    @property
    def bytes(self) -> tuple[int, int]:
        """Of all inputs and of all outputs."""
        return sum(o.size for o in self.inputs), sum(o.size for o in self.outputs)

    def estimate(self, core: Core) -> float:
        """Cycles."""
        return core.cycles(self.kernel, self.params, *self.bytes)

    def nanoseconds(self, seconds: float, evict: int = EVICT) -> float:
        return nanoseconds(self.kernel, self.params, self.inputs, self.outputs, seconds, evict)


class Offers(Lowering):
    """A lowering that keeps what was offered for each step: every kernel that accepts it, the chosen one first."""

    def __init__(self, graph: Graph, target: Target) -> None:
        super().__init__(graph, target)
        self.steps: list[list[Call]] = []
        self.lower(graph)

    def choose(
        self, family: str | Sequence[str], params: Mapping[str, Any], inputs: Inputs, outputs: Sequence[Value | Operand]
    ) -> Offer:
        results = [value if isinstance(value, Operand) else self.operand(value) for value in outputs]
        chosen = super().choose(family, params, inputs, outputs)
        rest = [offer for offer in self.offers(family, params, inputs, outputs) if offer[0] != chosen[0]]
        self.steps.append([Call(kernel, kernel.encode(params), operands, results) for kernel, operands in [chosen, *rest]])
        return chosen
