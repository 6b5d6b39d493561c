"""The pipeline: a model file to a planned program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import runtime
from toolchain.emit import plan
from toolchain.errors import InputError
from toolchain.importers import onnx, tflite
from toolchain.ir import Graph, IrError, verify
from toolchain.lowering import Lowering
from toolchain.memory.plan import place
from toolchain.passes import Pass, Saving, apply
from toolchain.passes.fold_constants import fold_constants
from toolchain.passes.fuse_activations import fuse_activations
from toolchain.passes.fuse_pads import fuse_pads
from toolchain.passes.fuse_scales import fuse_scales
from toolchain.passes.fuse_tables import fuse_tables
from toolchain.passes.layout import cancel_transposes
from toolchain.passes.legalize import legalize
from toolchain.passes.lossless import remove_channels
from toolchain.passes.merge_duplicates import merge_duplicates
from toolchain.passes.quantization import fuse_quantization
from toolchain.passes.remove_dead_nodes import remove_dead_nodes
from toolchain.passes.remove_identities import remove_identities
from toolchain.program import Program
from toolchain.progress import Progress, silent
from toolchain.quantize.block_weights import weights_in_blocks
from toolchain.quantize.calibrate import Sample
from toolchain.quantize.post_training import Runner, Try, compare_schemes, quantize
from toolchain.targets import Target


def read(path: Path, input_shapes: Mapping[str, Sequence[int]] | None = None) -> Graph:
    """The graph of a model file; InputError says what is wrong with it. `input_shapes` fixes open dimensions of ONNX inputs."""
    try:
        if path.suffix == ".tflite":
            graph = tflite.load(path)
        elif path.suffix == ".onnx":
            graph = onnx.load(path, input_shapes)
        else:
            raise InputError(f"cannot tell what '{path}' is; expected a name that ends in .onnx or .tflite")
        verify(graph)
    except IrError as error:
        raise InputError(f"'{path}' is not a valid model: {error}") from error
    return graph


def pipeline(*, lossless: bool = True) -> list[Pass]:
    """The passes in the order in which they run. `lossless` allows removing channels that change no output."""
    return [
        *(remove_dead_nodes, fold_constants, merge_duplicates),
        *(cancel_transposes, remove_identities),
        *(fuse_pads, fuse_scales, fuse_activations),
        # Layers that become int8 here meet their padding and clamps as int8.
        *(fuse_quantization, fuse_pads, fuse_activations),
        *(legalize, fuse_tables),
        *([remove_channels] if lossless else []),
        *(fold_constants, merge_duplicates, remove_identities),
    ]


def optimise(graph: Graph, *, lossless: bool = True) -> list[Saving]:
    """Run every pass over the graph, verified after each; what each saved."""
    return [apply(step, graph) for step in pipeline(lossless=lossless)]


@dataclass(frozen=True)
class Quantization:
    """What a float graph is quantised to int8 with: calibration samples, and a method of post_training.METHODS."""

    samples: Sequence[Sample]
    method: str = "auto"


@dataclass(frozen=True)
class BlockQuantization:
    """A scheme of block_weights.SCHEMES for the weights of a float graph, and samples to measure what it loses."""

    scheme: str
    samples: Sequence[Sample] = ()


@dataclass(frozen=True)
class Compiled:
    """What a build makes: the graph as it runs, what each pass saved, the planned program, and the plan file's bytes.

    `tries` holds each way to quantise that was measured, the one kept first, where quantisation was asked for.
    """

    graph: Graph
    savings: list[Saving]
    program: Program
    plan: bytes
    tries: tuple[Try, ...] = ()


def compile_graph(
    graph: Graph,
    target: Target,
    *,
    lossless: bool = True,
    quantization: Quantization | BlockQuantization | None = None,
    tune: bool = False,
    progress: Progress = silent,
) -> Compiled:
    """Optimise, quantise where asked for, lower and plan a graph, which is changed in place unless it is quantised.

    `lossless` allows removing channels that change no output; `tune` chooses kernels by timing them on this machine.
    """
    savings = optimise(graph, lossless=lossless)
    tries: tuple[Try, ...] = ()

    def runner(candidate: Graph) -> Runner:
        return runtime.Model(compile_graph(candidate.copy(), target, lossless=lossless).plan).run

    if isinstance(quantization, Quantization):
        result = quantize(graph, quantization.samples, runner, quantization.method, progress)
        compiled = compile_graph(result.graph, target, lossless=lossless, tune=tune)
        tries = tuple(sorted(result.tries, key=lambda made: -made.snr))
        return replace(compiled, savings=savings + compiled.savings, tries=tries)
    if quantization is not None:
        if quantization.samples:
            tries = compare_schemes(graph, quantization.scheme, quantization.samples, runner, progress)
        savings.append(apply(weights_in_blocks(quantization.scheme), graph))
    program = Lowering(graph, target, tune=tune).lower(graph)
    place(program)
    return Compiled(graph, savings, program, plan.encode(program), tries)
