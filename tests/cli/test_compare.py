"""compare: an artifact against its original, and against one that differs in one layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Sinter
from tests.cli.models import write_model
from tests.cli.test_bad_input import refused
from tests.conftest import ROOT
from toolchain.compiler import read
from toolchain.ir import run


@pytest.fixture
def samples(sinter: Sinter, model: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    """Fifty samples, and labels of which the original gets all but the first four right."""
    pixels = np.random.default_rng(2).normal(0, 1, (50, 12, 1, 1)).astype(np.float32)
    graph = read(model)
    labels = np.array([run(graph, [x[None]])[0].argmax() for x in pixels])
    labels[:4] = (labels[:4] + 1) % 5
    path = Path("samples.npz").absolute()
    np.savez(path, pixels=pixels, label=labels)
    return path, pixels, labels


def test_artifact_agrees_with_its_original(
    sinter: Sinter, artifact: Path, model: Path, samples: tuple[Path, np.ndarray, np.ndarray]
) -> None:
    result = sinter("compare", artifact, model, "--data", samples[0], "--labels", "label", "--json")
    assert result.code == 0
    found = result.json
    assert found["predictions"] == {"samples": 50, "changed": 0, "accuracy_original": 0.92, "accuracy": 0.92}
    assert found["outputs"][0]["snr"] is None and found["outputs"][0]["max_error"] == 0
    assert {layer["name"] for layer in found["layers"]} == {"first/Conv", "second/Conv", "scores/Conv"}
    assert all(layer["snr"] is None or layer["snr"] > 110 for layer in found["layers"])
    assert found["unmatched"] == [] and found["samples"] == 50 and found["layer_samples"] == 16
    table = sinter("compare", artifact, model, "--data", samples[0])
    assert table.code == 0 and "0 of 50 changed" in table.out and "accuracy" not in table.out


def test_a_changed_layer_is_found(
    sinter: Sinter, artifact: Path, tmp_path: Path, samples: tuple[Path, np.ndarray, np.ndarray]
) -> None:
    noisy = write_model(tmp_path / "noisy.onnx", noise=0.3)
    found = sinter("compare", artifact, noisy, "--data", samples[0], "--layer-samples", "50", "--json").json
    layers = {layer["name"]: layer for layer in found["layers"]}
    first, second = layers["first/Conv"], layers["second/Conv"]
    assert first["snr"] is None or first["snr"] > 110
    assert second["snr"] < 20 and second["lost"] > 90
    assert [layer["snr"] for layer in found["layers"] if layer["snr"]] == sorted(
        layer["snr"] for layer in found["layers"] if layer["snr"]
    )
    pixels = samples[1]
    errors = np.stack([run(read(noisy), [x[None]])[0] - sinter_run(sinter, artifact, x) for x in pixels[:8]])
    limited = sinter("compare", artifact, noisy, "--data", samples[0], "--layer-samples", "8", "--json").json
    scores = next(layer for layer in limited["layers"] if layer["name"] == "scores/Conv")
    assert scores["max_error"] == pytest.approx(np.abs(errors).max(), rel=1e-4)
    assert scores["rms_error"] == pytest.approx(np.sqrt(np.square(errors).mean()), rel=1e-4)
    assert found["predictions"]["changed"] > 0


def sinter_run(sinter: Sinter, artifact: Path, x: np.ndarray) -> np.ndarray:
    """One run of the artifact through the command line."""
    np.save("one.npy", x[None])
    assert sinter("run", artifact, "-i", "one.npy", "-o", "one.npz").code == 0
    with np.load("one.npz") as outputs:
        return np.asarray(outputs["scores"])


def test_equalised_channels_are_compared_up_to_their_factors(
    sinter: Sinter, model: Path, samples: tuple[Path, np.ndarray, np.ndarray]
) -> None:
    options = ("--quantize", "int8", "--calibrate", samples[0])
    built = sinter("build", model, "-o", "q", *options, "--json").json
    found = sinter("compare", "q", model, "--data", samples[0], "--labels", "label", "--json").json
    assert found["rescaled"] == built["tries"][0]["equalized"]
    assert all(layer["snr"] > 25 for layer in found["layers"]) and len(found["layers"]) == 3
    assert found["outputs"][0]["snr"] > 25 and found["predictions"]["accuracy"] > 0.8
    (output,) = found["outputs"]
    graph, worst = read(model), 0.0
    for x in samples[1]:
        worst = max(worst, float(np.abs(run(graph, [x[None]])[0] - sinter_run(sinter, Path("q"), x)).max()))
    assert output["max_error"] == pytest.approx(worst, rel=1e-4)


def test_data_forms(sinter: Sinter, artifact: Path, model: Path) -> None:
    integers = np.random.default_rng(3).integers(0, 9, (6, 12, 1, 1), np.uint8)
    for name, arrays in {
        "batch": {"x": integers, "y": np.arange(6)},
        "shaped": {"pixels": integers[:, None], "y": np.arange(6)},
        "floats": {"pixels": integers.astype(np.float32)},
    }.items():
        np.savez(f"{name}.npz", **arrays)  # type: ignore[arg-type]
        assert sinter("compare", artifact, model, "--data", f"{name}.npz", "--json").json["samples"] == 6


def test_data_that_does_not_fit(sinter: Sinter, artifact: Path, model: Path, tmp_path: Path) -> None:
    good = np.zeros((3, 12, 1, 1), np.float32)

    def compare(*options: str, **arrays: np.ndarray) -> None:
        np.savez("x.npz", **arrays)  # type: ignore[arg-type]
        refused(sinter("compare", artifact, model, "--data", "x.npz", *options), "x.npz")

    compare(pixels=good[:, :11])
    compare(a=good[:, :11], b=good[:, :10])
    compare(pixels=good[:0])
    compare("--labels", "y", pixels=good)
    compare(pixels=good.astype(np.complex64))
    np.savez("x.npz", pixels=good, y=np.zeros(4, int))
    refused(sinter("compare", artifact, model, "--data", "x.npz", "--labels", "y"), "labels 'y'", "3 samples")
    np.savez("x.npz", pixels=good, y=np.zeros(3))
    refused(sinter("compare", artifact, model, "--data", "x.npz", "--labels", "y"), "float64", "an integer for each")
    np.savez("x.npz", pixels=good)
    refused(sinter("compare", artifact, "nowhere.onnx", "--data", "x.npz"), "nowhere.onnx")
    refused(sinter("compare", artifact, model, "--data", "nowhere.npz"), "nowhere.npz")
    other = write_model(tmp_path / "other.onnx", batch=2)
    refused(sinter("compare", artifact, other, "--data", "x.npz"), "not the original")


def test_tensors_are_found_in_the_other_layout(sinter: Sinter) -> None:
    example = ROOT / "examples" / "digits"
    assert sinter("build", example / "digits.onnx", "--no-lossless", "-o", "digits").code == 0
    data = example / "digits_test.npz"
    found = sinter("compare", "digits", example / "digits.onnx", "--data", data, "--labels", "label", "--json").json
    assert len(found["layers"]) >= 10 and found["narrowed"] == []
    assert all(layer["snr"] is None or layer["snr"] > 110 for layer in found["layers"])
    assert found["predictions"]["changed"] == 0 and found["predictions"]["accuracy"] > 0.95
