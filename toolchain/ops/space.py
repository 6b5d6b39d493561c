"""Blocks of space moved into channels or batches and back, composed of reshapes and transposes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tflite as schema

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx, tflite
from toolchain.importers.tflite import TfliteNode
from toolchain.ir import Builder, IrError, Value, constant
from toolchain.ops.pad import Pad
from toolchain.ops.reshape import Reshape
from toolchain.ops.slice import Slice
from toolchain.ops.transpose import Transpose
from toolchain.spatial import channels_first, channels_last


def rearrange(builder: Builder, x: Value, split: Sequence[int], perm: Sequence[int], shape: Sequence[int]) -> Value:
    """x reshaped, transposed and reshaped again."""
    parts = builder.add(Reshape(tuple(split)), x, quant=x.quant)
    moved = builder.add(Transpose(tuple(perm)), parts, quant=x.quant)
    return builder.add(Reshape(tuple(shape)), moved, quant=x.quant)


def depth_to_space(builder: Builder, x: Value, block: int, *, channel_first: bool = False) -> Value:
    """x [n, h, w, c] to [n, h * block, w * block, c / block^2]; `channel_first` tells what varies slowest in the depth."""
    n, h, w, c = x.shape
    if block < 1 or c % (block * block):
        raise IrError(f"blocks of {block} by {block} from the channels of {x.type}")
    rest = c // (block * block)
    split, perm = ((rest, block, block), (0, 1, 4, 2, 5, 3)) if channel_first else ((block, block, rest), (0, 1, 3, 2, 4, 5))
    return rearrange(builder, x, (n, h, w, *split), perm, (n, h * block, w * block, rest))


def space_to_depth(builder: Builder, x: Value, block: int, *, channel_first: bool = False) -> Value:
    """The inverse of depth_to_space."""
    n, h, w, c = x.shape
    if block < 1 or h % block or w % block:
        raise IrError(f"blocks of {block} by {block} of {x.type}")
    perm = (0, 1, 3, 5, 2, 4) if channel_first else (0, 1, 3, 2, 4, 5)
    split = (n, h // block, block, w // block, block, c)
    return rearrange(builder, x, split, perm, (n, h // block, w // block, c * block * block))


@onnx("DepthToSpace", "SpaceToDepth")
def _from_onnx(node: OnnxNode) -> Value:
    x, block, mode = node.input(0), node.attribute("blocksize", 0), node.attribute("mode", "DCR")
    if x.type.rank != 4 or mode not in ("DCR", "CRD"):
        raise IrError(f"input {x.type} in mode '{mode}', expected rank 4 and DCR or CRD")
    move = depth_to_space if node.kind == "DepthToSpace" else space_to_depth
    inside = node.builder.add(Transpose(channels_last(4)), x, quant=x.quant)
    y = move(node.builder, inside, block, channel_first=mode == "CRD")
    return node.add(Transpose(channels_first(4)), y, quant=x.quant)


@tflite("DEPTH_TO_SPACE", "SPACE_TO_DEPTH")
def _from_tflite(node: TfliteNode) -> Value:
    x, forth = node.input(0), node.kind == "DEPTH_TO_SPACE"
    block = node.options(schema.DepthToSpaceOptions if forth else schema.SpaceToDepthOptions).BlockSize()
    if x.type.rank != 4:
        raise IrError(f"input {x.type}, expected rank 4")
    return (depth_to_space if forth else space_to_depth)(node.builder, x, block)


@tflite("BATCH_TO_SPACE_ND")
def _batch_to_space(node: TfliteNode) -> Value:
    x, blocks, crops = node.input(0), node.integers(1), node.input(2).constant.reshape(-1, 2)
    rank, blocked = x.type.rank, math.prod(blocks)
    if not len(blocks) == len(crops) < rank or min(blocks, default=1) < 1 or x.shape[0] % blocked:
        raise IrError(f"blocks of {list(blocks)} from the batch of {x.type}")
    count = len(blocks)
    split = (*blocks, x.shape[0] // blocked, *x.shape[1:])
    perm = [count]
    for i in range(count):
        perm += [count + 1 + i, i]
    perm += range(2 * count + 1, count + rank)
    spatial = [extent * block for extent, block in zip(x.shape[1 : 1 + count], blocks, strict=True)]
    shape = (x.shape[0] // blocked, *spatial, *x.shape[1 + count :])
    y = rearrange(node.builder, x, split, perm, shape)
    start = (0, *(int(before) for before, _ in crops), *(0,) * (rank - 1 - count))
    size = (
        shape[0],
        *(extent - int(before) - int(after) for extent, (before, after) in zip(spatial, crops, strict=True)),
        *shape[1 + count :],
    )
    return node.add(Slice(start, size, (1,) * rank), y)


@tflite("SPACE_TO_BATCH_ND")
def _space_to_batch(node: TfliteNode) -> Value:
    x, blocks, pads = node.input(0), node.integers(1), node.input(2).constant.reshape(-1, 2)
    rank, count = x.type.rank, len(blocks)
    if not count == len(pads) < rank or min(blocks, default=1) < 1:
        raise IrError(f"blocks of {list(blocks)} of {x.type}")
    zero = constant(x.dtype.type(x.quant.zero[0] if x.quant else 0), "", x.quant)
    around = ((0, 0), *((int(before), int(after)) for before, after in pads), *((0, 0),) * (rank - 1 - count))
    x = node.builder.add(Pad(around), x, zero, quant=x.quant)
    if any(extent % block for extent, block in zip(x.shape[1:], blocks, strict=False)):
        raise IrError(f"blocks of {list(blocks)} do not divide {x.type}")
    split = [x.shape[0]]
    for extent, block in zip(x.shape[1:], blocks, strict=False):
        split += [extent // block, block]
    split += x.shape[1 + count :]
    perm = [*range(2, 2 * count + 1, 2), 0, *range(1, 2 * count, 2), *range(2 * count + 1, len(split))]
    spatial = [extent // block for extent, block in zip(x.shape[1:], blocks, strict=False)]
    shape = (x.shape[0] * math.prod(blocks), *spatial, *x.shape[1 + count :])
    return rearrange(node.builder, x, split, perm, shape)
