"""What a kernel costs on a core: a sum of counts of what it does, each times cycles that were fitted to measurements.

targets/costs/<core>.json holds the cycles; `python -m benchmarks.calibrate` measures them. The counts (`work`) follow from a step's
params and the kernel's own tile, so that lanes which a tile wastes cost as much as the others:

    call     1
    blocks   blocks of mr pixels (rows of a matrix), for each group
    taps     taps of a window that these blocks look up
    inputs   elements that these blocks read, depth rounded up to kr
    tiles    blocks times panels of nr columns
    weights  elements of whole panels, each as often as a block reads it
    macs     multiply-accumulates of all rows by whole panels
    edges    pixels of a window that reaches beyond the input, times panels
    tails    of poolings and depthwise convolutions: taps of channels beyond whole groups of eight;
             of bands (kernels/conv_s8/bands.h): pixels that are stored one by one
    panels   panels of nr channels, whose constants a pooling or depthwise convolution prepares
    lines    bytes of weights that come from beyond the first-level cache
    far      bytes of weights that come from beyond the second-level cache
    runs     innermost loops of a kernel without a tile
    read, written   bytes of a kernel without a tile
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from toolchain.assets import TARGETS
from toolchain.errors import InputError
from toolchain.kernels import Kernel
from toolchain.packing import ceil_div

COUNTS = (
    "call",
    "blocks",
    "taps",
    "inputs",
    "tiles",
    "weights",
    "macs",
    "edges",
    "tails",
    "panels",
    "lines",
    "far",
    "runs",
    "read",
    "written",
)

# A core that nothing is known of: one multiply-accumulate or byte a cycle.
UNKNOWN = {"call": 200.0, "macs": 1.0, "read": 1.0, "written": 1.0, "inputs": 1.0, "runs": 4.0}

Work = dict[str, float]


@dataclass(frozen=True)
class Core:
    """A processor core: how it is recognised, its clock, its caches in bytes, and cycles for each kernel and count.

    `stream` is the cycles that a byte takes longer from beyond the second-level cache than from within.
    `measured` tells times of a machine from a simulator's. A row `<kernel>/<v>` holds for the variant v of its params, a row
    `*__<isa>` for the kernels of an instruction set that have no row of their own.
    """

    name: str
    description: str
    architecture: str
    hertz: float
    l1: int
    l2: int
    stream: float
    measured: bool
    processors: tuple[str, ...] = ()
    kernels: Mapping[str, Mapping[str, float]] = field(default_factory=dict, repr=False)

    def row(self, kernel: Kernel, params: bytes) -> Mapping[str, float] | None:
        """The cycles of a kernel's counts, for the variant that its params are; None where it was not measured."""
        return self.kernels.get(f"{kernel.name}/{variant(kernel, params)}") or self.kernels.get(kernel.name)

    def knows(self, kernel: Kernel) -> bool:
        """Whether the kernel was measured for any params."""
        return any(name.partition("/")[0] == kernel.name for name in self.kernels)

    def cycles(self, kernel: Kernel, params: bytes, read: int, written: int) -> float:
        """Estimated cycles of one call on one thread."""
        row = self.row(kernel, params) or self.kernels.get(f"*__{kernel.isa}", UNKNOWN)
        done = work(kernel, params, read, written, self)
        return sum(row.get(name, 0.0) * count for name, count in done.items())

    def nanoseconds(self, kernel: Kernel, params: bytes, read: int, written: int, far: int = 0) -> float:
        """Estimated time of one call on one thread; `far` bytes of its operands come from beyond the second-level cache."""
        return (self.cycles(kernel, params, read, written) + far * self.stream) / self.hertz * 1e9

    def ranked(self, kernels: Sequence[Kernel], params: bytes, read: int, written: int) -> list[Kernel]:
        """The fastest first, portable ones last. A kernel without a row keeps its place before those that are listed after it."""
        best, keys = {True: math.inf, False: math.inf}, []
        for index, kernel in reversed(list(enumerate(kernels))):
            portable = kernel.isa == "scalar"
            cycles = best[portable]
            if self.row(kernel, params) is not None:
                cycles = self.cycles(kernel, params, read, written)
                best[portable] = min(best[portable], cycles)
            keys.append((portable, cycles, index))
        return [kernels[index] for _, _, index in sorted(keys)]


def variant(kernel: Kernel, params: bytes) -> str:
    """What else the speed depends on: the function's number; `t` where the second matrix or the sum lies along the last axis.

    Kernels of packing n16k4u have ways of their own for one row, and for windows of one tap and few channels, those of packing
    quads that read columns for square windows of whole blocks of channels.
    """
    names = kernel.params.names or ()
    record = np.frombuffer(params, kernel.params)[0]
    if kernel.packing == "n16k4u":
        if record["kernel"].prod() > 1 or record["groups"] > 1:
            return ""
        if record["batch"] * record["out"].prod() == 1:
            return "row"
        return "point" if record["in_channels"] <= 96 and record["in_channels"] % 4 == 0 else ""
    if kernel.packing == "quads" and kernel.mr == 4:
        return "block" if record["kernel"][1] == record["kernel"][2] > 1 and record["in_channels"] >= 64 else ""
    function = next((str(record[name]) for name in ("function", "kind") if name in names), "")
    steps = next((record[name].flat[-1] for name in ("b_depth", "axis_stride") if name in names), None)
    return function + ("" if steps is None else "t" if steps == 1 else "n")


def work(kernel: Kernel, params: bytes, read: int, written: int, core: Core) -> Work:
    """What one call does. `read` and `written` are the bytes of its operands."""
    names = kernel.params.names or ()
    record = np.frombuffer(params, kernel.params)[0]
    p = {name: record[name].tolist() for name in names}
    if {"in_channels", "out_channels", "kernel"} <= p.keys():
        if kernel.family.startswith("winograd"):
            return _winograd(kernel, p, core)
        return _convolution(kernel, p, core) if "groups" in p else _channelwise(kernel, p)
    if {"m", "k", "n"} <= p.keys():
        return _matrix(kernel, math.prod(p["batch"]) * p["m"], 1, p["n"], p["k"], core)
    return {"call": 1.0, "runs": float(_runs(p)), "read": float(read), "written": float(written)}


def _runs(p: Mapping[str, Any]) -> int:
    """Of a kernel without a tile: how often its innermost loop starts."""
    outer: list[int] = [n for n in p.get("shape", ()) if n > 1]
    if "axis_shape" not in p:
        return math.prod(outer[:-1]) if "shape" in p else int(p.get("outer", 0) * p.get("inner", 1))
    axes: list[int] = p["axis_shape"]
    if p["axis_stride"][-1] == 1:
        return math.prod(outer) * math.prod(axes[:-1])
    return math.prod(outer[:-1]) * math.prod(axes)


# Bytes of one weight, scales of blocks included, by the last part of a family's name; 1 for others.
_BYTES = {"f32": 4, "q4b32": 0.5625, "q8b32": 1.0625}


def _matrix(kernel: Kernel, rows: int, groups: int, columns: int, depth: int, core: Core) -> Work:
    """`rows` by `depth` times `depth` by `columns`, for each group."""
    blocks, panels, deep = ceil_div(rows, kernel.mr) * groups, ceil_div(columns, kernel.nr), ceil_div(depth, kernel.kr) * kernel.kr
    weights = int(panels * kernel.nr * deep * _BYTES.get(kernel.family.rsplit("_", 1)[-1], 1))
    passes = blocks if weights > core.l1 else groups
    return {
        "call": 1.0,
        "blocks": float(blocks),
        "inputs": float(rows * groups * deep),
        "tiles": float(blocks * panels),
        "weights": float(blocks * panels * kernel.nr * deep),
        "macs": float(rows * groups * panels * kernel.nr * deep),
        "lines": float(passes * weights),
        "far": float(passes * weights if weights > core.l2 else 0),
    }


# Blocks of kernels/conv_s8/bands.h: channels, pixels, and cycles for a group of 4 of K; the last one's vectors are pixels of a row.
_BAND_BLOCKS = ((64, 6, 24), (32, 8, 16), (16, 8, 8), (8, 8, 5.5))
_LANE_BLOCK = (8, 16, 9)


def _bands(p: Mapping[str, Any]) -> Work:
    """Blocks of pixels by at most 64 channels, from rows of the input that are copied first, 64 bytes at a time."""
    lines, line, step = p["kernel"][1], p["kernel"][2] * p["in_channels"], p["stride"][2] * p["in_channels"]
    together = min({1: 4, 2: 2}.get(line % 4, 1), lines)
    shared = ceil_div(lines, together) if together > 1 and line % 4 * together <= step <= 64 else 0
    quads = lines * (line // 4 if shared else ceil_div(line, 4)) + shared
    rows, width = p["batch"] * p["out"][1], p["out"][2]
    done = {"call": 1.0, "inputs": float((rows * (p["stride"][1] + shared) + lines) * ceil_div(width * step, 64))}
    done |= dict.fromkeys(("blocks", "tiles", "macs", "tails"), 0.0)
    left = p["out_channels"]
    while left > 0:
        block = _BAND_BLOCKS[0 if left > 48 else 1 if left > 16 else 2 if left > 8 else 3]
        blocks = ceil_div(rows * width, block[1])
        if left <= 8 and ceil_div(width, 16) * 64 <= width * 5 and step <= 8:
            block, blocks = _LANE_BLOCK, rows * ceil_div(width, 16)
        done["blocks"] += blocks
        done["tiles"] += blocks * block[0] * block[1] / 64
        done["macs"] += blocks * block[2] * quads
        done["tails"] += rows * width if left < block[0] or (block[0] < 64 and p["out_channels"] > block[0]) else 0
        left -= block[0]
    return done


def _convolution(kernel: Kernel, p: Mapping[str, Any], core: Core) -> Work:
    if kernel.packing == "n16k4u" and kernel.mr == 8:
        return _bands(p)
    pixels, groups, taps = p["batch"] * math.prod(p["out"]), p["groups"], math.prod(p["kernel"])
    done = _matrix(kernel, pixels, groups, p["out_channels"] // groups, taps * (p["in_channels"] // groups), core)
    return done | {"taps": float(pixels * groups * taps), "edges": float(_edges(p) * groups)}


def _winograd(kernel: Kernel, p: Mapping[str, Any], core: Core) -> Work:
    """F(4x4, 3x3): for each of 36 positions a product of the tiles with the transformed weights, between two transforms."""
    tiles = p["batch"] * ceil_div(p["out"][1], 4) * ceil_div(p["out"][2], 4)
    panels, depth = ceil_div(p["out_channels"], kernel.nr), ceil_div(p["in_channels"], kernel.kr) * kernel.kr
    weights = 36 * panels * kernel.nr * depth * (4 if kernel.family.endswith("f32") else 2)
    passes = ceil_div(tiles, kernel.mr)
    return {
        "call": 1.0,
        "blocks": float(passes * panels),
        "inputs": float(tiles * ceil_div(depth, 16)),
        "tiles": float(tiles * panels),
        "macs": float(36 * tiles * panels * kernel.nr * depth),
        "lines": float(passes * weights),
        "far": float(passes * weights if weights > core.l2 else 0),
    }


def _channelwise(kernel: Kernel, p: Mapping[str, Any]) -> Work:
    """Depthwise convolution and pooling: rows of pixels, mr at a time, panels of nr channels."""
    rows, panels = p["batch"] * p["out"][0] * p["out"][1], ceil_div(p["out_channels"], kernel.nr)
    tiles = rows * ceil_div(p["out"][2], kernel.mr) * panels
    if kernel.packing == "quads" and kernel.mr == 4 and p["out"][2] == 1:
        tiles = p["batch"] * ceil_div(p["out"][1], kernel.mr) * panels  # columns.h lays such images down
    taps = ceil_div(math.prod(p["kernel"]), kernel.kr) * kernel.kr
    read = rows * p["kernel"][0] * p["kernel"][1] * p["in"][2] * p["in_channels"]
    return {
        "call": 1.0,
        "blocks": float(rows),
        "inputs": float(read),
        "tiles": float(tiles),
        "weights": float(tiles * kernel.nr * taps),
        "macs": float(rows * p["out"][2] * panels * kernel.nr * taps),
        "panels": float(panels),
        "edges": float(_edges(p) * panels),
        "tails": float(rows * p["out"][2] * math.prod(p["kernel"]) * (p["out_channels"] % min(kernel.nr, 8))),
    }


def _edges(p: Mapping[str, Any]) -> int:
    """Output pixels whose window reaches beyond the input."""
    inside = p["batch"]
    for axis, (n, out) in enumerate(zip(p["in"], p["out"], strict=True)):
        stride, pad, reach = p["stride"][axis], p["pad"][axis], (p["kernel"][axis] - 1) * p["dilation"][axis]
        inside *= max(min((n - 1 - reach + pad) // stride, out - 1) - ceil_div(pad, stride) + 1, 0)
    return int(p["batch"] * math.prod(p["out"]) - inside)


def names() -> list[str]:
    """The cores that have data."""
    return sorted(path.stem for path in (TARGETS / "costs").glob("*.json"))


@cache
def load(name: str) -> Core:
    """The core of this name; InputError lists those that exist."""
    path = TARGETS / "costs" / f"{name}.json"
    if name not in names():
        raise InputError(f"no costs of a core '{name}'; expected one of: {', '.join(names())}")
    data = json.loads(path.read_text(encoding="utf-8"))
    return Core(name=name, **data | {"processors": tuple(data["processors"])})


def dump(core: Core) -> str:
    """The text of a core's file: a line for each kernel."""
    head = {
        "description": core.description,
        "architecture": core.architecture,
        "processors": list(core.processors),
        "hertz": core.hertz,
        "l1": core.l1,
        "l2": core.l2,
        "stream": core.stream,
        "measured": core.measured,
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    rows = [f"  {json.dumps(name)}: {json.dumps(core.kernels[name])}" for name in sorted(core.kernels)]
    return "\n".join(["{", *lines, ' "kernels": {', ",\n".join(rows), " }", "}"]) + "\n"
