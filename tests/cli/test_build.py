"""What build writes and prints, its budgets and its exit codes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Sinter, everything
from tests.cli.models import write_model
from tests.conftest import ROOT

FILES = {"model.sntr", "report.json", "report.html"}


def test_writes_one_folder_named_after_the_model(sinter: Sinter, model: Path) -> None:
    result = sinter("build", model)
    assert result.code == 0
    assert everything(Path()) == {"small.sinter", *(f"small.sinter/{name}" for name in FILES)}


def test_report_tells_what_was_built(sinter: Sinter, model: Path, artifact: Path) -> None:
    report = json.loads((artifact / "report.json").read_text())
    plan = (artifact / "model.sntr").read_bytes()
    assert report["model"] == "small.onnx" and report["target"] == "host"
    assert report["plan_sha256"] == hashlib.sha256(plan).hexdigest() and report["plan_bytes"] == len(plan)
    assert report["macs_original"] == report["macs"] == 12 * 40 + 40 * 40 + 40 * 5
    assert report["arena_bytes"] >= 320 and report["arena_lower_bound"] <= report["arena_bytes"]
    assert [layer["name"] for layer in report["layers"]] == ["first", "second", "scores"]
    assert sum(layer["macs"] for layer in report["layers"]) == report["macs"]
    assert sum(layer["bytes"] for layer in report["layers"]) == report["weight_bytes"]
    assert all(re.fullmatch(r"\w+__\w+", layer["kernel"]) and layer["operator"] == "Conv" for layer in report["layers"])
    assert report["inputs"] == [{"name": "pixels", "dtype": "float32", "shape": [1, 12, 1, 1], "scale": 0.0, "zero_point": 0}]
    assert {"arena_optimal", "scratch_bytes", "state_bytes", "passes", "notes", "isas", "quantize"} <= set(report)


def test_buffers_that_are_live_together_never_overlap(artifact: Path) -> None:
    report = json.loads((artifact / "report.json").read_text())
    buffers = report["buffers"]
    assert len(buffers) == 4
    for index, one in enumerate(buffers):
        assert one["offset"] >= 0 and one["offset"] + one["size"] <= report["arena_bytes"]
        for other in buffers[:index]:
            together = one["first"] <= other["last"] and other["first"] <= one["last"]
            disjoint = one["offset"] + one["size"] <= other["offset"] or other["offset"] + other["size"] <= one["offset"]
            in_place = one["first"] == other["last"] or other["first"] == one["last"]
            assert disjoint or not together or in_place


def test_prints_memory_and_the_kernel_of_every_layer(sinter: Sinter, model: Path) -> None:
    result = sinter("build", model)
    report = json.loads(Path("small.sinter/report.json").read_text())
    for layer in report["layers"]:
        assert re.search(rf"{layer['name']}\s+Conv\s+{layer['kernel']}\s", result.out)
    assert f"{report['arena_bytes']:,} B" in result.out and f"{report['plan_bytes']:,} B" in result.out
    assert "wrote small.sinter" in result.err and "wrote" not in result.out


def test_json_is_the_report(sinter: Sinter, model: Path) -> None:
    result = sinter("build", model, "--json")
    assert result.code == 0
    assert result.out == Path("small.sinter/report.json").read_text()


def test_same_model_gives_the_same_bytes(sinter: Sinter, model: Path) -> None:
    for name in ("one", "two"):
        assert sinter("build", model, "-o", name).code == 0
    assert all(Path("one", name).read_bytes() == Path("two", name).read_bytes() for name in FILES)


def test_page_is_self_contained(artifact: Path) -> None:
    page = (artifact / "report.html").read_text()
    assert not re.search(r"(src|href)\s*=|@import|url\(|<script", page)
    assert "https:" not in page and "http:" not in page
    assert page.count("<svg") == 4
    for layer in ("first", "second", "scores"):
        assert layer in page


def test_names_cannot_break_out_of_the_page(sinter: Sinter, tmp_path: Path) -> None:
    path = write_model(tmp_path / "<script>alert(1)</script>.onnx".replace("/", "_"))
    assert sinter("build", path, "-o", "x").code == 0
    assert "<script" not in Path("x/report.html").read_text()


def test_names_cannot_command_the_terminal(sinter: Sinter, tmp_path: Path) -> None:
    path = write_model(tmp_path / "odd.onnx", names={"first": "a[red]b:heart:c\x1b[2Jd", "conv3": "\x1b]0;x\x07"})
    result = sinter("build", path)
    assert result.code == 0 and "a[red]b:heart:c?[2Jd" in result.out and "\x1b" not in result.out + result.err
    bad = write_model(tmp_path / "bad.onnx", last="Convolve", names={"conv3": "\x1b]0;x\x07"})
    refused = sinter("build", bad)
    assert refused.code == 2 and "?]0;x?" in refused.err and "\x1b" not in refused.err


def test_open_dimensions_are_fixed_by_input_shape(sinter: Sinter, tmp_path: Path) -> None:
    path = write_model(tmp_path / "open.onnx", batch="n", height="h")
    refused = sinter("build", path)
    assert refused.code == 2 and "--input-shape pixels=" in refused.err
    result = sinter("build", path, "--input-shape", "pixels=3,12,1,1", "--json")
    assert result.code == 0 and result.json["inputs"][0]["shape"] == [3, 12, 1, 1]
    assert result.json["macs"] == 3 * 2280


def test_missed_budgets_leave_nothing_behind(sinter: Sinter, model: Path, artifact: Path) -> None:
    report = json.loads((artifact / "report.json").read_text())
    ram = report["arena_bytes"] + report["scratch_bytes"] + report["state_bytes"]
    result = sinter("build", model, "--budget-ram", ram - 1, "--budget-flash", "4K")
    assert result.code == 1 and everything(Path()) == set() and result.out == ""
    assert f"RAM: {ram:,} B" in result.err and f"the budget is {ram - 1:,} B" in result.err
    assert f"flash: {report['plan_bytes']:,} B" in result.err and "the budget is 4,096 B" in result.err
    heaviest = max(report["layers"], key=lambda layer: layer["bytes"])
    assert f"{heaviest['name']} {heaviest['bytes']:,}" in result.err


def test_kept_budgets_pass(sinter: Sinter, model: Path) -> None:
    assert sinter("build", model, "--budget-ram", "2K", "--budget-flash", "1M").code == 0


def test_require_fast_names_the_slow_layers(sinter: Sinter, model: Path, artifact: Path) -> None:
    report = json.loads((artifact / "report.json").read_text())
    slow = [layer for layer in report["layers"] if layer["kernel"].endswith("__scalar")]
    result = sinter("build", model, "--require-fast")
    if slow and report["isas"] != ["scalar"]:
        assert result.code == 1 and all(f"{layer['name']} ({layer['kernel']})" in result.err for layer in slow)
    else:
        assert result.code == 0


def test_tuning_is_for_this_machine(sinter: Sinter, model: Path) -> None:
    assert sinter("build", model, "--tune").code == 0
    refused = sinter("build", model, "--tune", "--target", "raspberry-pi-4")
    assert refused.code == 2 and "--target host" in refused.err


def test_an_old_artifact_is_replaced_whole(sinter: Sinter, artifact: Path, tmp_path: Path) -> None:
    before = (artifact / "model.sntr").read_bytes()
    (artifact / "report.html").unlink()
    other = write_model(tmp_path / "other.onnx", seed=1)
    assert sinter("build", other, "-o", artifact).code == 0
    assert everything(artifact) == FILES and (artifact / "model.sntr").read_bytes() != before
    assert {path.name for path in artifact.parent.iterdir()} == {"small.sinter", "other.onnx", "work"}


def test_missing_folders_above_are_made(sinter: Sinter, model: Path) -> None:
    assert sinter("build", model, "-o", "a/b/c").code == 0
    assert everything(Path("a/b/c")) == FILES


def test_quantised_build_tells_what_was_measured(sinter: Sinter, model: Path) -> None:
    samples = np.random.default_rng(1).normal(0, 1, (20, 12, 1, 1)).astype(np.float32)
    np.savez("samples.npz", pixels=samples)
    result = sinter("build", model, "--quantize", "int8", "--calibrate", "samples.npz", "-o", "q")
    assert result.code == 0 and "kept" in result.out and "conv_s8" in result.out
    report = json.loads(Path("q/report.json").read_text())
    assert report["quantize"] == "int8" and report["macs_original"] == 2280
    tries = [entry["snr"] for entry in report["tries"]]
    assert len(tries) >= 4 and tries == sorted(tries, reverse=True) and tries[0] > 25
    assert [layer["results"][0]["dtype"] for layer in report["layers"] if layer["operator"] == "Conv"] == ["int8"] * 3
    one = sinter("build", model, "--quantize", "int8", "--calibrate", "samples.npz", "--method", "mse", "-o", "one", "--json").json
    assert {entry["method"] for entry in one["tries"]} == {"mse"}


def test_module_runs_in_a_process_of_its_own(model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "toolchain", "build", str(model), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 0 and "Layers" in done.stdout and everything(tmp_path / "out") == FILES


@pytest.mark.parametrize("verb", ["build", "run", "bench", "verify", "inspect", "compare", "targets", "doctor"])
def test_help_of_every_verb(sinter: Sinter, verb: str) -> None:
    result = sinter(verb, "--help")
    assert result.code == 0 and "--json" in result.out
