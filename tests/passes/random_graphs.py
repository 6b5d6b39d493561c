"""Random small networks for property tests: what real ones contain, and what makes channel removal hard."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from tests.passes.graphs import conv, dense, float32, int8
from toolchain.ir import Array, Builder, Graph, Quant, Value, constant
from toolchain.ops.add import Add, Sub
from toolchain.ops.clip import Clip
from toolchain.ops.concat import Concat
from toolchain.ops.conv import Conv
from toolchain.ops.conv_transpose import ConvTranspose
from toolchain.ops.lookup import Lookup
from toolchain.ops.mul import Mul
from toolchain.ops.pad import Pad
from toolchain.ops.pool import AveragePool, MaxPool
from toolchain.ops.reduce import Reduce
from toolchain.ops.reshape import Reshape
from toolchain.ops.slice import span
from toolchain.ops.take import Take
from toolchain.ops.unary import Unary
from toolchain.spatial import Window

Draw = Callable[[st.SearchStrategy[int]], int]


class _Maker:
    def __init__(self, draw: Draw, quantized: bool) -> None:
        self.draw = draw
        self.quantized = quantized
        self.builder = Builder()
        self.generator = np.random.default_rng(self.number(0, 1 << 20))

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def zero(self) -> int:
        return (-128, -128, 0, 5, 127)[self.number(0, 4)]

    def clamp(self) -> tuple[float, float]:
        return ((0.0, math.inf), (0.0, 6.0), (-math.inf, math.inf), (-1.0, 1.0))[self.number(0, 3)]

    def window(self, x: Value, kernel: int) -> Window:
        kernels = tuple(min(kernel, n) for n in x.shape[1:-1])
        pads = tuple((self.number(0, k - 1), self.number(0, k - 1)) for k in kernels)
        return Window(kernels, (self.number(1, 2), self.number(1, 2)), (1, 1), pads)

    def weights(self, *shape: int) -> tuple[Array, Array]:
        """Weights and biases with rows and columns of zeros, equal rows, and outputs that a clamp never lets move."""
        w = self.generator.integers(-60, 61, shape)
        b = self.generator.integers(-3000, 3000, shape[0])
        for row in range(shape[0]):
            kind = self.number(0, 5)
            if kind == 0:
                w[row] = 0
            elif kind == 1:
                w[row], b[row] = w[0], b[0]
            elif kind == 2:
                b[row] = self.generator.choice([-(10**7), 10**7, -(2**31), 2**31 - 1])
        w[..., self.generator.random(shape[-1]) < 0.2] = 0
        return (w, b) if self.quantized else (w * 0.02, np.clip(b, -(10**7), 10**7) * 0.001)

    def conv(self, x: Value) -> Value:
        window = self.window(x, self.number(1, 3))
        count = x.shape[-1]
        groups = (1, 1, count, math.gcd(count, 2))[self.number(0, 3)]
        outputs = groups * self.number(1, 5 if groups == 1 else 2)
        w, b = self.weights(outputs, *window.kernel, count // groups)
        scale = (0.3, 0.3, 0.01, 1e-7)[self.number(0, 3)]
        return conv(self.builder, x, w, b, Conv(window, groups, *self.clamp()), zero=self.zero(), scale=scale)

    def pool(self, x: Value) -> Value:
        window = self.window(x, self.number(1, 3))
        return self.builder.add((MaxPool if self.number(0, 1) else AveragePool)(window), x, quant=x.quant)

    def branch(self, x: Value) -> Value:
        """A residual block."""
        w, b = self.weights(x.shape[-1], 1, 1, x.shape[-1])
        y = conv(self.builder, x, w, b, Conv(Window((1, 1), (1, 1), (1, 1), ((0, 0), (0, 0))), 1, *self.clamp()), zero=self.zero())
        quant = Quant.of(0.2, self.zero()) if self.quantized else None
        return self.builder.add(Add(*self.clamp()), x, y, quant=quant)

    def table(self, x: Value) -> Value:
        if not self.quantized:
            return x
        table = self.generator.integers(0, 256, 256, np.uint8).tobytes()
        return self.builder.add(Lookup(table, "int8"), x, quant=x.quant)

    def parts(self, x: Value) -> Value:
        """Channels put together anew: a concatenation of slices and picked channels, with a constant among them."""
        axis, parts = x.type.rank - 1, []
        for _ in range(self.number(1, 3)):
            kind, start = self.number(0, 3), self.number(0, x.shape[-1] - 1)
            if kind == 0:
                stored = self.generator.integers(-128, 128, (*x.shape[:-1], 2))
                parts.append(constant(stored.astype(x.dtype), quant=x.quant))
            elif kind == 1:
                picked = tuple(self.number(0, x.shape[-1] - 1) for _ in range(self.number(1, 4)))
                parts.append(self.builder.add(Take(axis, picked), x, quant=x.quant))
            else:
                size = self.number(1, x.shape[-1] - start)
                parts.append(self.builder.add(span(axis, start, size, x.shape), x, quant=x.quant))
        if all(part.data is not None for part in parts):
            parts.append(x)
        return self.builder.add(Concat(axis), *parts, quant=x.quant)

    def pad(self, x: Value) -> Value:
        fill = constant(np.asarray(self.zero(), x.dtype), quant=x.quant)
        return self.builder.add(Pad(((0, 0), (1, 0), (0, 1), (0, self.number(0, 1)))), x, fill, quant=x.quant)

    def stack(self, x: Value) -> Value:
        """x above itself, clamped, and above a constant."""
        row = self.generator.integers(-128, 128, (1, 1, *x.shape[2:])).astype(x.dtype)
        below = self.builder.add(Clip(*self.clamp()), x, quant=x.quant)
        return self.builder.add(Concat(1), x, *([below] if self.number(0, 1) else [constant(row, quant=x.quant)]), quant=x.quant)

    def gate(self, x: Value) -> Value:
        """x times a function of its means, or of a constant for each channel."""
        quant = Quant.of(0.1, self.zero()) if self.quantized else None
        if self.number(0, 1):
            column = self.generator.integers(-3, 4, x.shape[-1]).astype(x.dtype)
            factor = constant(column, quant=Quant.of(0.5, 0) if self.quantized else None)
        else:
            mean = self.builder.add(Reduce("mean", (1, 2)), x, quant=quant)
            factor = self.builder.add(Unary("sigmoid"), mean, quant=Quant.of(1 / 256, -128) if self.quantized else None)
        op = (Mul, Add, Sub)[self.number(0, 2)](*self.clamp())
        return self.builder.add(op, *((x, factor) if self.number(0, 1) else (factor, x)), quant=quant)

    def transposed(self, x: Value) -> Value:
        """A transposed convolution."""
        groups = math.gcd(x.shape[-1], self.number(1, 2))
        w, b = self.weights(groups * self.number(1, 2), 2, 2, x.shape[-1] // groups)
        out = tuple(2 * n for n in x.shape[1:-1])
        op = ConvTranspose(Window((2, 2), (2, 2), (1, 1), ((0, 0), (0, 0))), out, groups, *self.clamp())
        return conv(self.builder, x, w, b, op, zero=self.zero(), scale=0.3)

    def graph(self) -> Graph:
        shape = (1, self.number(3, 6), self.number(3, 6), self.number(1, 4))
        x = self.builder.input("x", int8(*shape, scale=0.1, zero=self.zero()) if self.quantized else float32(*shape))
        layers = [self.conv, self.conv, self.conv, self.pool, self.branch, self.table, self.parts, self.pad]
        layers += [self.stack, self.gate, self.gate, self.transposed]
        for _ in range(self.number(1, 7)):
            x = layers[self.number(0, len(layers) - 1)](x)
            if self.number(0, 9) == 0:
                self.builder.output(x, f"side{len(self.builder.graph.outputs)}")
        if self.number(0, 1):
            x = self.builder.add(Reshape((1, x.type.size)), x, quant=x.quant)
            w, b = self.weights(self.number(1, 4), x.type.size)
            x = dense(self.builder, x, w, b, zero=self.zero(), scale=1.0)
        self.builder.output(x, "y")
        return self.builder.graph


@st.composite
def networks(draw: Draw, quantized: bool) -> Graph:
    """Networks of convolutions, pools, residual blocks, tables and a dense layer."""
    return _Maker(draw, quantized).graph()
