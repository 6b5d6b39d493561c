"""Products with weights that are stored in blocks of 32, and activations that are quantised in such blocks while running."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx
from toolchain.ir import Array, Cost, IrError, Node, Op, Type, Value, constant, float32
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


@onnx("MatMulNBits", domain="com.microsoft")
def _from_onnx(node: OnnxNode) -> Value:
    """Symmetric weights in blocks of a multiple of 32 stay in blocks, where float16 holds their scales; others become floats."""
    x, stored, scale = (node.input(i) for i in range(3))
    zero, order, bias = (node.optional(i) for i in range(3, 6))
    k, n, bits, block = (node.attribute(name, default) for name, default in (("K", 0), ("N", 0), ("bits", 4), ("block_size", 32)))
    if stored.dtype != np.uint8 or scale.dtype != np.float32 or x.dtype != np.float32:
        raise IrError(f"input {x.type}, weights {stored.type} and scales {scale.type}: expected float, uint8 and float")
    if bits not in blocks.ZERO or block < 16 or block & (block - 1) or k < 1 or n < 1 or order is not None:
        found = f"{bits} bits in blocks of {block}, K {k}, N {n}{'' if order is None else ', a group index'}"
        raise IrError(f"{found}; expected 4 or 8 bits, blocks of a power of two from 16 on, no group index")
    count = math.ceil(k / block)
    if x.type.rank < 1 or x.shape[-1] != k or stored.type.size != n * count * block * bits // 8 or scale.type.size != n * count:
        raise IrError(f"input {x.type}, weights {stored.type} and scales {scale.type}: expected K {k}, N {n}, blocks of {block}")
    raw = stored.constant
    values = (raw if bits == 8 else np.stack((raw & 15, raw >> 4), axis=-1)).reshape(n, count * block)[:, :k].astype(np.int16)
    scales = scale.constant.reshape(n, count)
    bias = constant(np.zeros(n, np.float32)) if bias is None else bias
    with np.errstate(over="ignore"):
        halves = scales.astype(np.float16)
    if zero is None and block % blocks.DEPTH == 0 and np.array_equal(halves.astype(np.float32), scales):
        held = blocks.split((values - blocks.ZERO[bits]).astype(np.int8))
        by = np.repeat(halves, block // blocks.DEPTH, axis=1)[:, : held.shape[1]]
        return node.add(BlockProduct(FullyConnected(), bits), x, constant(held, stored.name), constant(by, scale.name), bias)
    zeros = _zero_points(zero, n, count, bits)
    zeros, scales = (np.repeat(each, block, axis=1)[:, :k] for each in (zeros, scales))
    real = (values - zeros).astype(np.float32) * scales
    return node.add(FullyConnected(), x, constant(real, stored.name), bias)


def _zero_points(zero: Value | None, n: int, count: int, bits: int) -> Array:
    """[n, count]: bytes hold one of 8 bits, or two of 4 bits, each row in whole bytes; floats one each."""
    if zero is None:
        return np.full((n, count), blocks.ZERO[bits], np.float32)
    data = zero.constant
    if data.dtype == np.uint8 and bits == 4:
        if data.size != n * math.ceil(count / 2):
            raise IrError(f"zero points {zero.type}, expected {n} rows of {count} in 4 bits each")
        pairs = data.reshape(n, -1)
        return np.stack((pairs & 15, pairs >> 4), axis=-1).reshape(n, -1)[:, :count].astype(np.float32)
    if data.size != n * count:
        raise IrError(f"zero points {zero.type}, expected {n * count}")
    return data.reshape(n, count).astype(np.float32)
