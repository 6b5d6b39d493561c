"""Times matrix products with weights in blocks of 32 beside onnxruntime's MatMulNBits and ggml: one thread, interleaved.

python -m benchmarks.blocks [--only 4096] [--seconds 2] [--json blocks.json]

All engines get the same float activations [m, k]; those with blocks hold the same 4-bit or 8-bit weights.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import onnx
import typer
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.progress import Progress

import runtime
from benchmarks.ggml import Q4_0, Q8_0, Ggml
from benchmarks.models import processor
from benchmarks.rivals import Array, Unavailable
from benchmarks.turns import take_turns
from toolchain import targets
from toolchain.compiler import BlockQuantization, compile_graph
from toolchain.ir import Builder, constant, float32
from toolchain.ops.fully_connected import FullyConnected
from toolchain.quantize import blocks
from toolchain.report.grid import table

# (rows of activations, depth and columns)
SHAPES = [(rows, size) for rows in (1, 128) for size in (256, 1024, 4096)]


@dataclass
class Row:
    """One engine on one product; `difference` from the exact product of the float weights, relative to its largest value."""

    m: int
    size: int
    engine: str
    weights: str
    median_us: float
    min_us: float
    gmacs: float
    difference: float


@dataclass(frozen=True)
class Product:
    """Activations [m, k] and weights [n, k]."""

    x: Array
    w: Array

    @property
    def macs(self) -> int:
        return self.x.shape[0] * self.w.size


@dataclass(frozen=True)
class Runner:
    """One engine with one product, in this process."""

    engine: str
    run: Callable[[], object]
    result: Callable[[], Array]

    def turn(self, count: int) -> int:
        start = time.perf_counter_ns()
        for _ in range(count):
            self.run()
        return time.perf_counter_ns() - start


def sinter(product: Product, bits: int, isa: str | None) -> Runner:
    """Sinter with weights in blocks, or in float where bits is 32."""
    builder = Builder()
    x = builder.input("x", float32(*product.x.shape))
    bias = constant(np.zeros(len(product.w), np.float32))
    builder.output(builder.add(FullyConnected(), x, constant(product.w), bias, name="y"))
    scheme = None if bits == 32 else BlockQuantization(f"int{bits}-block32")
    model = runtime.Model(compile_graph(builder.graph, targets.load("host"), quantization=scheme).plan, isa=isa)
    out = np.empty((len(product.x), len(product.w)), np.float32)
    return Runner(f"Sinter {isa or runtime._native.detected_isas()[0]}", lambda: model.run(product.x, out), lambda: out)


def onnxruntime(product: Product, bits: int) -> Runner:
    """MatMulNBits with int8 activations (accuracy level 4), or MatMul where bits is 32."""
    import onnxruntime as ort

    n, k = product.w.shape
    if bits == 32:
        node = helper.make_node("MatMul", ["x", "w"], ["y"])
        constants = {"w": np.ascontiguousarray(product.w.T)}
    else:
        values, scale = blocks.quantize_weights(product.w, bits)
        stored = (values.astype(np.int16) + blocks.ZERO[bits]).astype(np.uint8)
        packed = stored if bits == 8 else stored[..., ::2] | stored[..., 1::2] << 4
        attributes = {"K": k, "N": n, "bits": bits, "block_size": blocks.DEPTH, "accuracy_level": 4}
        node = helper.make_node("MatMulNBits", ["x", "w", "scale"], ["y"], domain="com.microsoft", **attributes)
        constants = {"w": packed, "scale": scale.astype(np.float32).ravel()}
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, product.x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [len(product.x), n])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=domains, ir_version=9)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_cpu_input("x", product.x)
    binding.bind_output("y", "cpu")

    def result() -> Array:
        session.run_with_iobinding(binding)
        return np.asarray(binding.copy_outputs_to_cpu()[0])

    return Runner(f"onnxruntime {ort.__version__}", lambda: session.run_with_iobinding(binding), result)


def ggml(product: Product, bits: int) -> Runner:
    """ggml's matrix product; it has none in float among those of blocks."""
    if bits == 32:
        raise Unavailable("only its products with blocks are measured")
    library = Ggml()
    made = library.matmul(Q4_0 if bits == 4 else Q8_0, product.w, product.x)
    return Runner(f"ggml {library.version}", made.run, made.result)


def runners(product: Product, notes: set[str]) -> Iterator[tuple[str, Runner]]:
    """Every engine with every kind of weights; why one is left out goes to `notes`."""
    isas = [isa for isa in runtime._native.detected_isas() if isa != "scalar"]
    for bits, weights in ((4, "int4"), (8, "int8"), (32, "float")):
        for isa in isas or [None]:
            yield weights, sinter(product, bits, isa)
        for rival in (onnxruntime, ggml):
            try:
                yield weights, rival(product, bits)
            except Exception as error:  # a rival's own failure is its result
                notes.add(f"{rival.__name__} {weights} left out: {str(error).splitlines()[0][:200]}")


def rows_of(m: int, size: int, seconds: float, notes: set[str]) -> list[Row]:
    """Every engine's times on one product."""
    rng = np.random.default_rng(size)
    product = Product(rng.standard_normal((m, size), np.float32), rng.standard_normal((size, size), np.float32))
    expected = product.x.astype(np.float64) @ product.w.T.astype(np.float64)
    made = list(runners(product, notes))
    rows = []
    for (weights, runner), (times, _) in zip(made, take_turns([runner for _, runner in made], seconds), strict=True):
        difference = float(np.abs(runner.result() - expected).max() / np.abs(expected).max())
        rate = product.macs / median(times) / 1e3
        rows.append(Row(m, size, runner.engine, weights, median(times), min(times), rate, difference))
    return rows


def main(
    only: Annotated[str, typer.Option(help="Only products whose shape, written 128x4096, contains this.")] = "",
    seconds: Annotated[float, typer.Option(help="How long to measure each product.", min=0.1)] = 2.0,
    json_path: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Time products with weights in blocks in Sinter and onnxruntime, on one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    chosen = [(m, size) for m, size in SHAPES if only in f"{m}x{size}"]
    if not chosen:
        raise typer.BadParameter(f"no product matches '{only}'")
    notes: set[str] = set()
    rows: list[Row] = []
    errors = Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("measuring", total=len(chosen))
        for m, size in chosen:
            rows += rows_of(m, size, seconds, notes)
            bar.advance(task)
    show(rows)
    for note in sorted(notes):
        errors.print(note, style="dim", markup=False)
    if json_path is not None:
        machine = {"processor": processor(), "python": platform.python_version(), "system": platform.platform()}
        found = {"machine": machine, "rows": [asdict(row) for row in rows], "notes": sorted(notes)}
        json_path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def show(rows: list[Row]) -> None:
    """The table: each line of Sinter's with the best rival's time over its own."""
    cells = []
    for row in rows:
        rival = [
            r.median_us
            for r in rows
            if (r.m, r.size, r.weights) == (row.m, row.size, row.weights) and not r.engine.startswith("Sinter")
        ]
        ahead = f"{min(rival) / row.median_us:.2f}" if rival and row.engine.startswith("Sinter") else ""
        times = f"{row.median_us:.1f}", f"{row.min_us:.1f}", f"{row.gmacs:.1f}"
        cells.append((f"{row.m} x {row.size} x {row.size}", row.weights, row.engine, *times, ahead, f"{row.difference:.1e}"))
    columns = ("product", "weights", "engine", "#median µs", "#min µs", "#G MAC/s", "#best rival", "#difference")
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=10_000)
    console.print(table(f"One thread on {processor()}", columns, cells))


if __name__ == "__main__":
    typer.run(main)
