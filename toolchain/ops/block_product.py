"""Products with weights that are stored in blocks of 32, and activations that are quantised in such blocks while running."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from toolchain.ir import Array, Cost, IrError, Node, Op, Type, float32
from toolchain.kernels import Kernel
from toolchain.lowering import Constants, Lowering
from toolchain.ops.conv import Conv
from toolchain.ops.fully_connected import FullyConnected
from toolchain.packing import pad_columns
from toolchain.quantize import blocks
from toolchain.spatial import pointwise

# Bytes of kernels/block32.h's Block32.
_BLOCK_BYTES = 40


@dataclass(frozen=True)
class BlockProduct(Op):
    """A float32 Conv or FullyConnected whose weights are in blocks: x, values int8 [n, *kernel, blocks, 32], scales float16, bias.

    Blocks run along the channels of each tap. The input's channels, too, are rounded to int8 in blocks (quantize/blocks.py);
    the sum of the products is exact before it is rounded to float32.
    """

    product: Conv | FullyConnected
    bits: int

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        x, values, scale, bias = inputs
        if x.rank < 1 or x.shape[-1] % self.groups or values.dtype != np.int8 or scale.dtype != np.float16:
            raise IrError(f"BlockProduct of input {x} in {self.groups} groups with values {values} and scales {scale}")
        depth = x.shape[-1] // self.groups
        if values.shape != (*scale.shape, blocks.DEPTH) or scale.shape[-1] != math.ceil(depth / blocks.DEPTH):
            raise IrError(f"BlockProduct of input {x} with values {values} and scales {scale}: the blocks do not match")
        return self.product.infer(x, float32(*scale.shape[:-1], depth), bias)

    @property
    def groups(self) -> int:
        return self.product.groups if isinstance(self.product, Conv) else 1

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        x, values, scale, bias = inputs
        depth = x.shape[-1] // self.groups
        rounded = blocks.quantize_activations(x.reshape(*x.shape[:-1], self.groups, depth))
        return self.product.evaluate(
            node, blocks.joined(*rounded, depth).reshape(x.shape), blocks.joined(values, scale, depth), bias
        )

    def cost(self, node: Node) -> Cost:
        x, _, scale, _ = node.inputs
        return Cost(node.output.type.size * math.prod(scale.shape[1:-1]) * (x.shape[-1] // self.groups))

    def weight_bytes(self, node: Node) -> tuple[int, int]:
        """The bytes of the weights in blocks with their scales, without a kernel's padding, and in float32."""
        x, values, scale, _ = node.inputs
        floats = math.prod(scale.shape[:-1]) * (x.shape[-1] // self.groups)
        return values.type.size * self.bits // 8 + scale.type.bytes, 4 * floats

    def lower(self, node: Node, low: Lowering) -> None:
        x, values, scale, bias = node.inputs
        groups, depth = self.groups, x.shape[-1] // self.groups
        rows, blank = x.type.size // depth, 0
        if isinstance(self.product, Conv):
            params = self.product.window.params(x.type, node.output.type)
            blank = int(any(any(pads) for pads in self.product.window.pads))
        else:
            params = pointwise(rows, depth, scale.shape[0])
        quantized = low.temporary((rows + blank) * scale.shape[-1] * _BLOCK_BYTES, f"{node.name}/blocks")
        quantization = {"rows": rows, "depth": depth, "blank_rows": blank, "weight_zero": blocks.ZERO[self.bits]}
        low.step("quantize_b32", quantization, [x], [quantized], macs=0)
        stored = values.constant.reshape(groups, scale.shape[0] // groups, -1, blocks.DEPTH)

        def pack(kernel: Kernel) -> Constants:
            weights, scales = blocks.pack(stored, scale.constant.reshape(stored.shape[:-1]), self.bits, kernel.nr)
            columns = pad_columns(bias.constant, groups, kernel.nr)
            return [quantized, low.constant(weights, values.name), low.constant(scales), low.constant(columns, bias.name)]

        clamp = {"low": self.product.low, "high": self.product.high}
        low.step(f"conv_q{self.bits}b32", {**params, "groups": groups, **clamp}, pack, [node.output])
