"""The build verb: a model file to an artifact, with the budgets and checks that were asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from toolchain import targets
from toolchain.compiler import BlockQuantization, Quantization, compile_graph, read
from toolchain.emit import plan
from toolchain.errors import CheckError, InputError
from toolchain.execute import random_arrays
from toolchain.files import staged
from toolchain.ir import Graph, run
from toolchain.ops.block_product import BlockProduct
from toolchain.progress import Progress, silent
from toolchain.quantize import calibrate
from toolchain.quantize.block_weights import SCHEMES
from toolchain.report import save, text
from toolchain.report.content import Report, describe, tensor_info


@dataclass(frozen=True)
class Request:
    """What to build. Budgets are bytes: RAM is arena, scratch of one thread and state; flash is the plan file."""

    model: Path
    target: str
    output: Path
    input_shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    quantize: str | None = None
    calibrate: str | None = None
    method: str = "auto"
    lossless: bool = True
    golden: int = 0
    budget_ram: int | None = None
    budget_flash: int | None = None
    require_fast: bool = False
    tune: bool = False


def build(request: Request, progress: Progress = silent) -> Report:
    """Write the artifact and return its report; nothing is written where InputError or CheckError is raised."""
    target = targets.load(request.target)
    _refuse_contradictions(request, target)
    with staged(request.output, folder_of=save.FILES) as folder:
        progress("reading the model")
        graph = read(request.model, request.input_shapes)
        macs_original = graph.macs()
        progress("compiling")
        quantization = _quantization(request, graph)
        compiled = compile_graph(
            graph, target, lossless=request.lossless, quantization=quantization, tune=request.tune, progress=progress
        )
        if request.golden:
            examples = golden_examples(compiled.graph, request.golden, progress)
            compiled = replace(compiled, plan=plan.encode(compiled.program, examples))
        report = describe(compiled, target, model=request.model.name, macs_original=macs_original, quantize=request.quantize)
        check(report, request)
        save.write(folder, compiled.plan, report)
    return report


def golden_examples(graph: Graph, count: int, progress: Progress = silent) -> list[plan.Golden]:
    """Seeded random inputs, and what the graph makes of them by the reference interpreter."""
    # Floats that two kernels round apart may meet different steps of the activations that blocks quantise.
    tolerance = 1e-2 if any(isinstance(node.op, BlockProduct) for node in graph.nodes) else plan.Golden.tolerance
    examples = []
    for index in range(count):
        progress("computing golden examples", index, count)
        inputs = random_arrays([tensor_info(value.name, value.type) for value in graph.inputs], seed=index)
        examples.append(plan.Golden(inputs, run(graph, inputs), tolerance))
    return examples


def _refuse_contradictions(request: Request, target: targets.Target) -> None:
    if request.tune and target.architecture != "native":
        raise InputError(f"--tune times kernels on this machine, not on '{target.name}'; use it with --target host")
    if request.quantize not in (None, "int8", *SCHEMES):
        raise InputError(f"cannot quantise to '{request.quantize}'; expected one of: int8, {', '.join(SCHEMES)}")
    if request.quantize == "int8" and request.calibrate is None:
        raise InputError("--quantize int8 needs samples: give --calibrate an .npz file, a folder of images or MODULE:CALLABLE")
    if request.quantize is None and request.calibrate is not None:
        raise InputError("--calibrate is for quantising: add --quantize int8")


def _quantization(request: Request, graph: Graph) -> Quantization | BlockQuantization | None:
    if request.quantize is None:
        return None
    if quantised := next((value for node in graph.nodes for value in node.outputs if value.quantized), None):
        raise InputError(
            f"'{request.model}' is quantised already ('{quantised.name}' is {quantised.type}); build it without --quantize"
        )
    samples = [] if request.calibrate is None else calibrate.load(request.calibrate, graph.inputs)
    if request.quantize == "int8":
        return Quantization(samples, request.method)
    return BlockQuantization(request.quantize, samples)


def check(report: Report, request: Request) -> None:
    """CheckError tells every budget that the build exceeds, and every layer without a fast kernel if those are required."""
    missed = []
    if request.budget_ram is not None and report.ram_bytes > request.budget_ram:
        live = ", ".join(f"{text.label(b.name)} {text.count(b.size)}" for b in report.live_at(report.peak_step)[:6])
        missed.append(
            f"RAM: {text.size(report.ram_bytes)} needed, the budget is {text.size(request.budget_ram)}; "
            f"arena {text.count(report.arena_bytes)}, scratch {text.count(report.scratch_bytes)}, "
            f"state {text.count(report.state_bytes)}; live at the peak: {live}"
        )
    if request.budget_flash is not None and report.plan_bytes > request.budget_flash:
        heavy = sorted(report.layers, key=lambda layer: -layer.bytes)[:3]
        missed.append(
            f"flash: {text.size(report.plan_bytes)} needed, the budget is {text.size(request.budget_flash)}; "
            f"most is held by {', '.join(f'{text.label(layer.name)} {text.count(layer.bytes)}' for layer in heavy)}"
        )
    if request.require_fast and (slow := report.slow_layers()):
        missed.append(
            f"fast kernels: {len(slow)} of {len(report.layers)} layers run on a portable kernel: "
            + ", ".join(f"{text.label(layer.name)} ({layer.kernel})" for layer in slow)
        )
    if missed:
        raise CheckError("nothing was written, since the build misses what was asked for:\n" + "\n".join(f"  {m}" for m in missed))
