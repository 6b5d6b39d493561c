"""Quantisation after training: to int8, calibrate, try what may help, keep what measures best; in blocks, measure the schemes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from toolchain.errors import InputError
from toolchain.ir import Array, Graph, run
from toolchain.progress import Progress, silent
from toolchain.quantize import bias, ranges
from toolchain.quantize.block_weights import SCHEMES, weights_in_blocks
from toolchain.quantize.calibrate import Sample, observe
from toolchain.quantize.equalize import equalize
from toolchain.quantize.rewrite import to_int8

Runner = Callable[[Sample], Sequence[Array]]
# How many samples the tries are compared on.
COMPARED = 32
METHODS = ("auto", *ranges.METHODS)


@dataclass(frozen=True)
class Try:
    """One way to quantise, and the signal-to-noise ratio in dB that its outputs kept on calibration samples."""

    method: str
    equalized: bool
    corrected: bool
    snr: float


@dataclass
class Quantized:
    """The int8 graph, the way that was kept, and every way that was tried."""

    graph: Graph
    kept: Try
    tries: list[Try] = field(default_factory=list)


def quantize(
    graph: Graph, samples: Sequence[Sample], runner: Callable[[Graph], Runner], method: str = "auto", progress: Progress = silent
) -> Quantized:
    """The int8 form of a float graph.

    `method` is one of ranges.METHODS, or auto to take the best of them; cross-layer equalisation and bias correction are kept only
    where they raise the outputs' signal-to-noise ratio. `runner` makes an int8 graph runnable.
    """
    if method not in METHODS:
        raise InputError(f"unknown calibration method '{method}'; expected one of: {', '.join(METHODS)}")
    methods = ranges.METHODS if method == "auto" else (method,)
    compared = _compared(samples)
    expected = [run(graph, sample) for sample in compared]
    equal, pairs = equalize(graph)
    forms = [graph, equal] if pairs else [graph]
    seen = [observe(form, samples, progress) for form in forms]
    tries: list[Try] = []
    best: tuple[Try, Graph] | None = None

    def attempt(method: str, form: int, corrected: bool) -> None:
        nonlocal best
        progress(f"trying {method}{', equalised' if form else ''}{', bias corrected' if corrected else ''}")
        covered = {value: ranges.choose(statistics.histogram, method) for value, statistics in seen[form].items()}
        added = bias.corrections(forms[form], seen[form]) if corrected else {}
        result = to_int8(forms[form], covered, added)
        execute = runner(result)
        snr = signal_to_noise(expected, [execute(sample) for sample in compared])
        made = Try(method, form == 1, corrected, snr)
        tries.append(made)
        if best is None or snr > best[0].snr:
            best = made, result

    for name in methods:
        attempt(name, 0, False)
    assert best is not None
    if pairs:
        attempt(best[0].method, 1, False)
    attempt(best[0].method, int(best[0].equalized), True)
    return Quantized(best[1], best[0], tries)


def compare_schemes(
    graph: Graph, scheme: str, samples: Sequence[Sample], runner: Callable[[Graph], Runner], progress: Progress = silent
) -> tuple[Try, ...]:
    """What each scheme of weights in blocks keeps of a float graph's outputs, `scheme` first."""
    compared = _compared(samples)
    expected = [run(graph, sample) for sample in compared]
    tries = []
    for name in sorted(SCHEMES, key=lambda name: name != scheme):
        progress(f"trying {name}")
        candidate = graph.copy()
        weights_in_blocks(name)(candidate)
        execute = runner(candidate)
        tries.append(Try(name, False, False, signal_to_noise(expected, [execute(sample) for sample in compared])))
    return tuple(tries)


def _compared(samples: Sequence[Sample]) -> Sequence[Sample]:
    return samples[:: max(1, len(samples) // COMPARED)][:COMPARED]


def signal_to_noise(expected: Sequence[Sequence[Array]], actual: Sequence[Sequence[Array]]) -> float:
    """10 log10 of the outputs' energy over their error's, in dB, the mean over outputs; 200 dB where they are equal."""
    ratios = []
    for index in range(len(expected[0])):
        reference = np.concatenate([np.ravel(row[index]).astype(np.float64) for row in expected])
        error = reference - np.concatenate([np.ravel(row[index]).astype(np.float64) for row in actual])
        signal, noise = float((reference**2).sum()), float((error**2).sum())
        ratios.append(min(10 * np.log10(signal / noise), 200.0) if noise > 0 and signal > 0 else (200.0 if noise == 0 else -200.0))
    return float(np.mean(ratios))
