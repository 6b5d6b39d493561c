"""Weights in blocks through the command line, on the bundled digit classifier."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Sinter
from tests.conftest import ROOT

DIGITS = ROOT / "examples" / "digits"


@pytest.mark.parametrize(("scheme", "bits", "accuracy"), [("int4-block32", 4, 0.97), ("int8-block32", 8, 0.985)])
def test_digits_keep_their_accuracy(sinter: Sinter, scheme: str, bits: int, accuracy: float) -> None:
    calibration = DIGITS / "digits_calibration.npz"
    built = sinter("build", DIGITS / "digits.onnx", "--quantize", scheme, "--calibrate", calibration, "--golden", "2")
    assert built.code == 0, built.err
    assert "4 layers hold their weights in blocks" in built.out
    report = json.loads(Path("digits.sinter/report.json").read_text())
    assert [made["method"] for made in report["tries"]] == [scheme, *{"int4-block32", "int8-block32"} - {scheme}]
    kernels = [layer["kernel"].partition("_")[2] for layer in report["layers"] if layer["operator"] == "BlockProduct"]
    assert len([kernel for kernel in kernels if kernel.startswith(f"q{bits}b32")]) == 4
    assert sum(layer["macs"] for layer in report["layers"]) == report["macs"]
    compared = sinter(
        "compare", "digits.sinter", DIGITS / "digits.onnx", "--data", DIGITS / "digits_test.npz", "--labels", "label", "--json"
    )
    assert compared.code == 0, compared.err
    assert json.loads(compared.out)["predictions"]["accuracy"] >= accuracy
    assert sinter("verify", "digits.sinter").code == 0


def test_no_samples_are_needed(sinter: Sinter, model: Path) -> None:
    plain, blocks = sinter("build", model, "-o", "plain"), sinter("build", model, "-o", "blocks", "--quantize", "int4-block32")
    assert plain.code == blocks.code == 0
    sizes = [json.loads(Path(folder, "report.json").read_text())["weight_bytes"] for folder in ("plain", "blocks")]
    assert sizes[1] < sizes[0]


def test_unknown_schemes_are_refused(sinter: Sinter, model: Path) -> None:
    result = sinter("build", model, "--quantize", "int4")
    assert result.code == 2 and "int4-block32" in result.err
