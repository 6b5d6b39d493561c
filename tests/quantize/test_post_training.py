"""Quantisation after training, on small seeded graphs: structure, accuracy, and the choice of what helps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import runtime
from toolchain import targets
from toolchain.compiler import Quantization, compile_graph
from toolchain.errors import InputError
from toolchain.ir import Array, Builder, Graph, constant, float32, run
from toolchain.ops.conv import Conv
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.pool import AveragePool
from toolchain.ops.reshape import Reshape
from toolchain.ops.softmax import Softmax
from toolchain.quantize import calibrate, ranges
from toolchain.quantize.equalize import equalize
from toolchain.quantize.rewrite import quantize_weights
from toolchain.spatial import Window


def network(seed: int = 0, spread: float = 1.0) -> Graph:
    """Two convolutions with ReLU, a depthwise one, a pool, a dense layer; channel gains differ by up to `spread`."""
    rng = np.random.default_rng(seed)

    def weights(*shape: int) -> Array:
        gain = np.exp2(rng.uniform(-1, 1, (shape[0], *[1] * (len(shape) - 1))) * np.log2(spread)) if spread > 1 else 1.0
        return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:])) * gain).astype(np.float32)

    def bias(n: int) -> Array:
        return (rng.standard_normal(n) * 0.1).astype(np.float32)

    three = Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))
    builder = Builder()
    x = builder.input("image", float32(1, 8, 8, 3))
    x = builder.add(Conv(three, low=0.0), x, constant(weights(8, 3, 3, 3)), constant(bias(8)), name="first")
    x = builder.add(Conv(three, groups=8, low=0.0), x, constant(weights(8, 3, 3, 1)), constant(bias(8)), name="depthwise")
    x = builder.add(Conv(three, low=0.0), x, constant(weights(16, 3, 3, 8)), constant(bias(16)), name="second")
    x = builder.add(AveragePool(Window((8, 8), (1, 1), (1, 1), ((0, 0), (0, 0)))), x, name="pool")
    x = builder.add(Reshape((1, 16)), x, name="flat")
    x = builder.add(FullyConnected(), x, constant(weights(5, 16)), constant(bias(5)), name="dense")
    builder.output(builder.add(Softmax(1), x, name="probabilities"))
    return builder.graph


def samples(count: int = 24) -> list[list[Array]]:
    rng = np.random.default_rng(5)
    return [[rng.uniform(0, 1, (1, 8, 8, 3)).astype(np.float32)] for _ in range(count)]


def test_every_layer_runs_on_int8_and_outputs_stay_close() -> None:
    graph = network()
    data = samples()
    expected = [run(graph, x)[0] for x in data]
    compiled = compile_graph(graph, targets.load("host"), quantization=Quantization(data))
    families = [step.kernel.family for step in compiled.program.steps]
    assert families[0] == "quantize" and families[-1] == "dequantize"
    assert all(family.endswith(("_s8", "_x8")) for family in families[1:-1])
    model = runtime.Model(compiled.plan)
    for x, y in zip(data, expected, strict=True):
        assert np.abs(model.run(x)[0] - y).max() < 0.03
    assert compiled.tries[0].snr == max(made.snr for made in compiled.tries) > 25
    assert {made.method for made in compiled.tries} == set(ranges.METHODS)


def test_runtime_and_reference_interpreter_give_the_same_bytes() -> None:
    compiled = compile_graph(network(), targets.load("host"), quantization=Quantization(samples(), "minmax"))
    for isa in (None, "scalar"):
        model = runtime.Model(compiled.plan, isa=isa)
        for x in samples(5):
            assert model.run(x)[0].tobytes() == run(compiled.graph, x)[0].tobytes()


def test_equalisation_keeps_the_float_meaning_and_helps_uneven_channels() -> None:
    graph = network(spread=16.0)
    equal, pairs = equalize(graph)
    assert pairs == 2
    for x in samples(4):
        np.testing.assert_allclose(run(equal, x)[0], run(graph, x)[0], rtol=1e-6)

    def unevenness(graph: Graph) -> float:
        values: dict[str, Array] = {}
        kept: dict[object, Array] = {}
        run(graph, samples(1)[0], keep=kept)  # type: ignore[arg-type]
        values = {value.name: array for value, array in kept.items()}  # type: ignore[attr-defined]
        peaks = values["depthwise"].reshape(-1, 8).max(axis=0)
        return float(peaks.max() / peaks[peaks > 0].min())

    assert unevenness(equal) < unevenness(graph)


def test_weights_are_symmetric_per_channel_and_within_half_a_step() -> None:
    w = np.random.default_rng(1).standard_normal((4, 3, 3, 2)).astype(np.float32)
    w[2] = 0
    stored, quant = quantize_weights(w)
    scale = np.asarray(quant.scale).reshape(-1, 1, 1, 1)
    assert stored.min() >= -127 and quant.zero == (0,) * 4 and quant.scale[2] == 1.0
    assert (np.abs(stored * scale - w) <= scale * 0.5001).all()


@pytest.mark.parametrize("method", ranges.METHODS)
def test_ranges_cover_zero_and_lie_inside_what_was_seen(method: str) -> None:
    histogram = calibrate.Histogram()
    rng = np.random.default_rng(2)
    for _ in range(5):
        histogram.add(rng.standard_normal(4000).astype(np.float32) * 0.3)
    histogram.add(np.array([40.0], np.float32))
    low, high = ranges.choose(histogram, method)
    assert histogram.low <= low <= 0 <= high <= histogram.high
    assert (high < 20) == (method == "percentile")
    assert int(histogram.counts.sum()) == 20001


def test_histogram_keeps_counts_when_its_radius_doubles() -> None:
    histogram = calibrate.Histogram()
    histogram.add(np.array([0.5, -0.25, 0.1], np.float32))
    histogram.add(np.array([100.0, -3.0], np.float32))
    assert histogram.counts.sum() == 5 and histogram.low == -3.0 and histogram.high == 100.0
    centres = histogram.centres()[histogram.counts > 0]
    assert abs(centres[-1] - 100) < 2 * histogram.radius / calibrate.BINS * 2


def test_calibration_data_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    inputs = network().inputs
    path = tmp_path / "data.npz"
    with pytest.raises(InputError, match=r"no \.npz file"):
        calibrate.load(str(tmp_path / "missing.txt"), inputs)
    with pytest.raises(InputError, match="cannot read"):
        calibrate.load(str(path), inputs)
    np.savez(path, image=np.zeros((4, 8, 8), np.float32))
    with pytest.raises(InputError, match="expected"):
        calibrate.load(str(path), inputs)
    np.savez(path, other=np.zeros((4, 8, 8, 3), np.uint8))
    loaded = calibrate.load(str(path), inputs)
    assert len(loaded) == 4 and loaded[0][0].shape == (1, 8, 8, 3) and loaded[0][0].dtype == np.float32
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match="no samples"):
        calibrate.load(str(tmp_path / "images"), inputs)
    with pytest.raises(InputError, match="failed"):
        calibrate.load("no_such_module_here:call", inputs)


def test_unknown_method_is_refused() -> None:
    with pytest.raises(InputError, match="unknown calibration method"):
        compile_graph(network(), targets.load("host"), quantization=Quantization(samples(2), "magic"))
