"""An artifact against the float model it came from: error and signal-to-noise of every layer, predictions and accuracy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import runtime
from toolchain import data, targets
from toolchain.compiler import compile_graph, read
from toolchain.errors import InputError
from toolchain.execute import infos, open_model
from toolchain.ir import Array, Graph, Value, run
from toolchain.progress import Progress, silent
from toolchain.report import save
from toolchain.report.content import Layer, Report, Result, TensorInfo, tensor_info


@dataclass(frozen=True)
class TensorError:
    """How far one tensor is from the original's, in real values over all samples.

    `snr` is 10 log10(sum r^2 / sum (y - r)^2) in dB, infinite where nothing differs. `lost` is by how much it is worse than that of
    the worst tensor it is computed from.
    """

    name: str
    operator: str
    kernel: str
    type: str
    max_error: float
    rms_error: float
    rms: float
    snr: float
    lost: float = 0.0


@dataclass(frozen=True)
class Predictions:
    """The classes that both choose: the index of the largest value of the first output. Accuracies need labels."""

    samples: int
    changed: int
    accuracy_original: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Comparison:
    """Layers worst first. `narrowed` names those left out because they lost channels, `unmatched` those the original has not.

    `rescaled`: equalisation gave every channel a factor of its own, so that layers are compared up to the factor that fits best.
    """

    samples: int
    layer_samples: int
    outputs: list[TensorError]
    layers: list[TensorError]
    narrowed: list[str]
    unmatched: list[str]
    rescaled: bool
    predictions: Predictions | None


@dataclass
class _Sums:
    """Running sums over pairs of a reference and what came out instead."""

    count: int = 0
    signal: float = 0.0
    noise: float = 0.0
    largest: float = 0.0

    def add(self, reference: Array, actual: Array) -> None:
        difference = actual - reference
        self.count += reference.size
        self.signal += float(np.square(reference).sum())
        self.noise += float(np.square(difference).sum())
        self.largest = max(self.largest, float(np.abs(difference).max(initial=0.0)))

    @property
    def snr(self) -> float:
        if self.noise == 0:
            return math.inf
        return 10 * math.log10(self.signal / self.noise) if self.signal > 0 else -math.inf

    def error(self, name: str, layer: Layer | None, type: str, lost: float = 0.0) -> TensorError:
        n = max(self.count, 1)
        operator, kernel = (layer.operator, layer.kernel) if layer is not None else ("", "")
        rms_error, rms = math.sqrt(self.noise / n), math.sqrt(self.signal / n)
        return TensorError(name, operator, kernel, type, self.largest, rms_error, rms, self.snr, lost)


def compare(
    artifact: Path,
    original: Path,
    source: Path,
    *,
    labels: str | None = None,
    layer_samples: int = 16,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Run both on the samples of a file. Layers are compared on the first `layer_samples` of them, by the reference interpreter.

    Inputs and outputs belong together by their order, all other tensors by their names.
    """
    report, model = save.read(artifact), open_model(artifact)
    if input_shapes is None and original.name == report.model:
        input_shapes = {t.name: t.shape for t in report.inputs}
    graph = read(original, input_shapes)
    _refuse_strangers(report, graph, original)
    inputs = [tensor_info(value.name, value.type) for value in graph.inputs]
    samples = data.samples(source, {value.name: value.type for value in graph.inputs}, labels)

    layers = _Layers(report, graph)
    shown = min(layer_samples, len(samples))
    rescaled = bool(report.tries and report.tries[0].equalized)
    for step in (layers.fit, layers.add) if rescaled else (layers.add,):
        for index in range(shown):
            progress("comparing layers", index, shown)
            step(model, [real(samples.inputs[t.name][index], t) for t in inputs])

    fast = runtime.Model(compile_graph(read(original, input_shapes), targets.load("host")).plan)
    sums = [_Sums() for _ in report.outputs]
    chosen: list[tuple[int, int]] = []
    for index in range(len(samples)):
        progress("comparing outputs", index, len(samples))
        reals = [real(samples.inputs[t.name][index], t) for t in inputs]
        expected, actual = _outputs(fast, reals), _outputs(model, reals)
        for total, r, y in zip(sums, expected, actual, strict=True):
            total.add(r, y)
        chosen.append((int(expected[0].argmax()), int(actual[0].argmax())))
    many = math.prod(report.outputs[0].shape) > 1
    return Comparison(
        samples=len(samples),
        layer_samples=shown,
        outputs=[s.error(t.name, None, t.dtype) for s, t in zip(sums, report.outputs, strict=True)],
        layers=layers.ranked(),
        narrowed=layers.narrowed,
        unmatched=layers.unmatched,
        rescaled=rescaled,
        predictions=_predictions(np.array(chosen), samples.labels) if many else None,
    )


def _refuse_strangers(report: Report, graph: Graph, original: Path) -> None:
    ours = [[math.prod(t.shape) for t in side] for side in (report.inputs, report.outputs)]
    theirs = [[value.type.size for value in side] for side in (graph.inputs, graph.outputs)]
    if ours != theirs:
        raise InputError(
            f"'{original}' is not the original of this artifact: it has {theirs} elements in and out, the artifact {ours}"
        )


def real(array: Array, tensor: TensorInfo) -> Array:
    """What stored values mean: scale * (stored - zero point) in float32; anything not quantised as it is."""
    if not tensor.scale or array.dtype.kind == "f":
        return array
    return (np.float32(tensor.scale) * (array.astype(np.int64) - tensor.zero_point)).astype(np.float32)


def stored(array: Array, value: Value) -> Array:
    """Real values as an input of a graph wants them: quantised halves away from zero where it is quantised."""
    if value.quant is None:
        return array.astype(value.dtype).reshape(value.shape)
    scaled = array.astype(np.float32) / value.quant.scales()
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)) + value.quant.zeros()
    limits = np.iinfo(value.dtype)
    clipped: Array = np.clip(rounded, limits.min, limits.max).astype(value.dtype)
    return clipped.reshape(value.shape)


def _outputs(model: runtime.Model, reals: Sequence[Array]) -> list[Array]:
    results = model.run([x.reshape(tensor.shape) for x, tensor in zip(reals, model.inputs, strict=True)])
    return [real(y, t).astype(np.float64).ravel() for y, t in zip(results, infos(model.outputs), strict=True)]


def _predictions(chosen: Array, labels: Array | None) -> Predictions:
    first, second = chosen[:, 0], chosen[:, 1]
    accuracies = (None, None) if labels is None else (float((first == labels).mean()), float((second == labels).mean()))
    return Predictions(len(chosen), int((first != second).sum()), *accuracies)


@dataclass
class _Layers:
    """Sums for every tensor of the artifact that the original has too."""

    report: Report
    graph: Graph
    narrowed: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        known: dict[tuple[str, tuple[int, ...]], Value] = {}
        for value in (value for node in self.graph.nodes for value in node.outputs):
            known.setdefault((value.name, value.shape), value)
        for ours, theirs in zip(self.report.outputs, self.graph.outputs, strict=True):
            known.setdefault((ours.name, theirs.shape), theirs)
        names = {name for name, _ in known}
        self.pairs: dict[Value, tuple[int, Layer, Result]] = {}
        for index, layer in enumerate(self.report.layers):
            found = [(known[key], r) for r in layer.results if (key := (r.name, tuple(r.shape))) in known]
            self.pairs.update({value: (index, layer, result) for value, result in found})
            if not found:
                known_name = any(r.name in names for r in layer.results)
                (self.narrowed if known_name else self.unmatched).append(layer.name)
        self.sums = {value: _Sums() for value in self.pairs}
        self.fits = {value: (np.zeros(1), np.zeros(1)) for value in self.pairs}

    def fit(self, model: runtime.Model, reals: Sequence[Array]) -> None:
        """Sum up what gives each channel (last axis) its best factor, sum(r y) / sum(y^2)."""
        for value, reference, actual in self._both(model, reals):
            channels = (value.shape[-1] if value.shape else 1) or 1
            r, y = reference.reshape(-1, channels), actual.reshape(-1, channels)
            shared, energy = self.fits[value]
            self.fits[value] = (shared + (r * y).sum(axis=0), energy + (y * y).sum(axis=0))

    def add(self, model: runtime.Model, reals: Sequence[Array]) -> None:
        """Sum up the errors of one sample."""
        for value, reference, actual in self._both(model, reals):
            shared, energy = self.fits[value]
            factors = np.divide(shared, energy, out=np.ones_like(shared), where=energy > 0)
            self.sums[value].add(reference, (actual.reshape(-1, factors.size) * factors).ravel())

    def _both(self, model: runtime.Model, reals: Sequence[Array]) -> Iterator[tuple[Value, Array, Array]]:
        """Each compared tensor of one sample, the original's and the artifact's, flat and in real values."""
        arrays: dict[Value, Array] = {}
        run(self.graph, [stored(x, value) for x, value in zip(reals, self.graph.inputs, strict=True)], keep=arrays)
        written = model.trace([x.reshape(tensor.shape) for x, tensor in zip(reals, model.inputs, strict=True)])
        for value, (index, _, result) in self.pairs.items():
            actual = np.frombuffer(written[index][result.output], np.dtype(result.dtype))
            reference = real(arrays[value], tensor_info(value.name, value.type))
            yield value, reference.astype(np.float64).ravel(), real(actual, result).astype(np.float64)

    def ranked(self) -> list[TensorError]:
        worst = self._worst_sources()
        rows = [
            self.sums[value].error(value.name, layer, result.dtype, max(worst[value] - self.sums[value].snr, 0.0))
            for value, (_, layer, result) in self.pairs.items()
        ]
        return sorted(rows, key=lambda row: row.snr)

    def _worst_sources(self) -> dict[Value, float]:
        """For every value the worst signal-to-noise among the nearest compared tensors it is computed from."""
        before: dict[Value, float] = {}

        def behind(value: Value) -> float:
            return self.sums[value].snr if value in self.sums else before.get(value, math.inf)

        for node in self.graph.nodes:
            worst = min(map(behind, node.inputs), default=math.inf)
            before.update(dict.fromkeys(node.outputs, worst))
        return before
