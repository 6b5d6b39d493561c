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
class _Pair:
    """A tensor of the artifact beside one of the original, whose axes `order` brings into the artifact's layout."""

    value: Value
    order: tuple[int, ...]
    index: int
    layer: Layer
    result: Result
    sums: _Sums = field(default_factory=_Sums)
    shared: Array = field(default_factory=lambda: np.zeros(1))
    energy: Array = field(default_factory=lambda: np.zeros(1))

    def fit(self, r: Array, y: Array) -> None:
        """Sum up what gives each channel (last axis) its best factor, sum(r y) / sum(y^2)."""
        channels = (y.shape[-1] if y.ndim else 1) or 1
        r, y = r.reshape(-1, channels), y.reshape(-1, channels)
        self.shared, self.energy = self.shared + (r * y).sum(axis=0), self.energy + (y * y).sum(axis=0)

    def add(self, r: Array, y: Array) -> None:
        """Sum up the errors of one sample."""
        factors = np.divide(self.shared, self.energy, out=np.ones_like(self.shared), where=self.energy > 0)
        self.sums.add(r, y * factors if y.ndim else y * factors[0])


class _Layers:
    """Every tensor of the artifact that the original has too, by name; in the layout that agrees better where both fit."""

    def __init__(self, report: Report, graph: Graph) -> None:
        self.graph = graph
        self.pairs: list[_Pair] = []
        self.narrowed: list[str] = []
        self.unmatched: list[str] = []
        named: dict[str, list[Value]] = {}
        for value in (value for node in graph.nodes for value in node.outputs):
            named.setdefault(value.name, []).append(value)
        for ours, theirs in zip(report.outputs, graph.outputs, strict=True):
            named.setdefault(ours.name, [theirs])
        for index, layer in enumerate(report.layers):
            found = [
                _Pair(value, order, index, layer, result)
                for result in layer.results
                for value in named.get(result.name, [])
                for order in _layouts(value.shape)
                if tuple(value.shape[axis] for axis in order) == tuple(result.shape)
            ]
            self.pairs += found
            if not found:
                (self.narrowed if any(r.name in named for r in layer.results) else self.unmatched).append(layer.name)

    def fit(self, model: runtime.Model, reals: Sequence[Array]) -> None:
        for pair, reference, actual in self._both(model, reals):
            pair.fit(reference, actual)

    def add(self, model: runtime.Model, reals: Sequence[Array]) -> None:
        for pair, reference, actual in self._both(model, reals):
            pair.add(reference, actual)

    def _both(self, model: runtime.Model, reals: Sequence[Array]) -> Iterator[tuple[_Pair, Array, Array]]:
        """For each pair the original's tensor and the artifact's, of one sample, in real values."""
        arrays: dict[Value, Array] = {}
        run(self.graph, [stored(x, value) for x, value in zip(reals, self.graph.inputs, strict=True)], keep=arrays)
        written = model.trace([x.reshape(tensor.shape) for x, tensor in zip(reals, model.inputs, strict=True)])
        for pair in self.pairs:
            actual = np.frombuffer(written[pair.index][pair.result.output], np.dtype(pair.result.dtype)).reshape(pair.result.shape)
            reference = real(arrays[pair.value], tensor_info(pair.value.name, pair.value.type)).transpose(pair.order)
            yield pair, reference.astype(np.float64), real(actual, pair.result).astype(np.float64)

    def ranked(self) -> list[TensorError]:
        """The errors of every compared tensor, worst first."""
        best: dict[tuple[int, int], _Pair] = {}
        for pair in self.pairs:
            key = (pair.index, pair.result.output)
            best[key] = max(best.get(key, pair), pair, key=lambda p: p.sums.snr)
        sources = self._worst_sources({pair.value: pair.sums.snr for pair in best.values()})
        rows = [
            pair.sums.error(pair.value.name, pair.layer, pair.result.dtype, max(sources[pair.value] - pair.sums.snr, 0.0))
            for pair in best.values()
        ]
        return sorted(rows, key=lambda row: row.snr)

    def _worst_sources(self, known: Mapping[Value, float]) -> dict[Value, float]:
        """For every value the worst signal-to-noise among the nearest compared tensors it is computed from."""
        before: dict[Value, float] = {}
        for node in self.graph.nodes:
            worst = min((known.get(value, before.get(value, math.inf)) for value in node.inputs), default=math.inf)
            before.update(dict.fromkeys(node.outputs, worst))
        return before


def _layouts(shape: Sequence[int]) -> list[tuple[int, ...]]:
    """The orders of axes a tensor may have been brought into: as it is, and channels moved last or second."""
    rank = len(shape)
    same = tuple(range(rank))
    return [same] if rank < 3 else [same, (0, *range(2, rank), 1), (0, rank - 1, *range(1, rank - 1))]
