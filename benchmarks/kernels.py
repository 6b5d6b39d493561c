"""Times every kernel of this machine on layers of known networks, beside the measured multiply-add peak of one core.

python benchmarks/kernels.py [--filter vww] [--kind s8] [--json kernels.json]
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from runtime import _native
from toolchain.ir import Type
from toolchain.kernels import OK, Kernel, families
from toolchain.packing import ceil_div
from toolchain.spatial import Window, same_pads

SOURCE = Path(__file__).with_name("peak.cc")


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
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return (1, *self.spatial, self.channels[0]), (1, *self.window.out(self.spatial), self.channels[1])

    @property
    def macs(self) -> int:
        depth = self.channels[0] if self.operator == "conv" else 1
        return math.prod(self.shapes[1]) * math.prod(self.kernel) * depth


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


def operands(layer: Layer, kernel: Kernel) -> tuple[bytes, list[NDArray[Any]]]:
    """Params, and random operands of the sizes that the kernel's packing has."""
    rng = np.random.default_rng(1)
    integer = kernel.family.endswith("s8")
    dtype = np.dtype(np.int8 if integer else np.float32)
    x_shape, y_shape = layer.shapes
    params = layer.window.params(Type(x_shape, dtype), Type(y_shape, dtype))
    if integer:
        params |= {"out_min": -128, "out_max": 127}
    else:
        params |= {"low": 0.0, "high": 6.0}
    if "in_zero" in (kernel.params.names or ()):
        params |= {"in_zero": -3, "out_zero": 5}
    if layer.operator == "conv":
        params["groups"] = 1
    if "pad_after" in (kernel.params.names or ()):
        params |= {"pad_after": [0, 0, 0], "count_include_pad": 0}

    def values(*shape: int) -> NDArray[Any]:
        return rng.integers(-100, 100, shape).astype(np.int8) if integer else rng.standard_normal(shape, np.float32)

    arrays = [values(*x_shape)]
    if layer.operator in ("conv", "depthwise"):
        taps, channels = math.prod(layer.kernel), layer.channels[0] if layer.operator == "conv" else 1
        columns = ceil_div(layer.channels[1], kernel.nr) * kernel.nr
        lines = layer.kernel[0] if kernel.packing == "n16k4u" else 1
        rows = lines * ceil_div(taps * channels // lines, kernel.kr) * kernel.kr
        arrays.append(values(columns, 36 * channels if kernel.family == "winograd_f32" else rows))
        if integer:
            arrays.append(rng.integers(-1000, 1000, columns).astype(np.int32))
            arrays.append(rng.integers(1 << 30, 1 << 31, columns).astype(np.int32))
            arrays.append(np.full(columns, -9, np.int32))
        else:
            arrays.append(values(columns))
    return kernel.encode(params), [*arrays, np.zeros(y_shape, dtype)]


def peaks() -> dict[str, float]:
    """Multiply-accumulates a second of one core for int8 (as exact int16 pairs; with VNNI where the processor has it) and float; empty
    without a compiler.
    """
    library = SOURCE.parents[1] / "build" / "peak.so"
    library.parent.mkdir(exist_ok=True)
    command = [
        os.environ.get("CXX", "c++"),
        "-std=c++17",
        "-O2",
        "-mavx2",
        "-mfma",
        "-shared",
        "-fPIC",
        str(SOURCE),
        "-o",
        str(library),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        Console(stderr=True).print(f"no peak: {error}")
        return {}
    native = ctypes.CDLL(str(library))
    native.peak_s16.restype = native.peak_f32.restype = native.peak_vnni.restype = ctypes.c_double
    rates = {"s8": native.peak_s16(), "f32": native.peak_f32()}
    if "avx512" in _native.detected_isas():
        rates["s8 avx512"] = native.peak_vnni()
    return rates


def main(
    filter: Annotated[str, typer.Option(help="only layers and kernels whose name contains this")] = "",
    kind: Annotated[str, typer.Option(help="s8, f32 or both")] = "",
    json_path: Annotated[Path | None, typer.Option("--json", help="write the figures there")] = None,
    seconds: Annotated[float, typer.Option(help="time for each kernel and layer")] = 0.05,
    scalar: Annotated[bool, typer.Option(help="portable kernels too")] = False,
) -> None:
    peak = peaks()
    isas = _native.detected_isas()
    results: list[dict[str, Any]] = []
    for layer in track(LAYERS, "timing", transient=True):
        for suffix in ("s8", "f32"):
            names = [f"{layer.operator}_{suffix}"]
            if layer.operator == "conv" and suffix == "f32":
                names.append("winograd_f32")
            for kernel in (kernel for name in names for kernel in families()[name]):
                wanted = filter in layer.name or filter in kernel.name
                if kernel.isa not in isas or (kernel.isa == "scalar" and not scalar) or not wanted or kind not in ("", suffix):
                    continue
                params, arrays = operands(layer, kernel)
                extents = [(array.nbytes, 64, True) for array in arrays]
                if kernel.check(params, extents) != OK:
                    continue
                ns = _native.time_kernel(kernel.name, params, arrays, seconds)
                rate = layer.macs / ns
                limit = peak.get(f"{suffix} {kernel.isa}", peak.get(suffix))
                figures = {"macs": layer.macs, "us": ns / 1e3, "gmacs": rate, "peak": rate * 1e9 / limit if limit else None}
                results.append({"layer": layer.name, "kernel": kernel.name, **figures})
    table = Table("layer", "kernel", "MACs", "µs", "G MAC/s", "of peak")
    for row in results:
        of_peak = f"{row['peak']:.0%}" if row["peak"] is not None else "-"
        table.add_row(row["layer"], row["kernel"], f"{row['macs']:,}", f"{row['us']:.2f}", f"{row['gmacs']:.1f}", of_peak)
    console = Console(width=None if os.isatty(1) else 120)
    console.print(table)
    console.print("peak, G MAC/s: " + ", ".join(f"{name} {rate / 1e9:.1f}" for name, rate in peak.items()))
    if json_path is not None:
        json_path.write_text(json.dumps({"peak": peak, "results": results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
