"""run, bench, inspect, targets and doctor: what they print, and their JSON."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Sinter
from tests.conftest import ROOT
from toolchain.compiler import read
from toolchain.execute import random_arrays
from toolchain.ir import run
from toolchain.report.content import TensorInfo


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, (1, 12, 1, 1)).astype(np.float32)


def test_run_computes_the_model(sinter: Sinter, artifact: Path, model: Path, pixels: np.ndarray) -> None:
    np.savez("x.npz", pixels=pixels)
    result = sinter("run", artifact, "--input", "x.npz", "--output", "y.npz")
    assert result.code == 0 and "scores" in result.out and "float32 1x5x1x1" in result.out
    (expected,) = run(read(model), [pixels])
    with np.load("y.npz") as outputs:
        assert outputs.files == ["scores"]
        np.testing.assert_allclose(outputs["scores"], expected, rtol=1e-5, atol=1e-5)


def test_run_takes_a_lone_array_and_a_plan_file(sinter: Sinter, artifact: Path, pixels: np.ndarray) -> None:
    np.save("x.npy", pixels)
    np.savez("other.npz", anything=pixels)
    first = sinter("run", artifact, "-i", "x.npy", "--json")
    second = sinter("run", artifact / "model.sntr", "-i", "other.npz", "--json")
    assert first.code == second.code == 0 and first.json == second.json
    (output,) = first.json
    assert (output["name"], output["dtype"], output["shape"]) == ("scores", "float32", [1, 5, 1, 1])
    assert len(output["values"]) == 5


def test_run_replaces_an_old_output(sinter: Sinter, artifact: Path, pixels: np.ndarray) -> None:
    np.save("x.npy", pixels)
    Path("y.npz").write_text("old")
    assert sinter("run", artifact, "-i", "x.npy", "-o", "y.npz").code == 0
    first = Path("y.npz").read_bytes()
    assert sinter("run", artifact, "-i", "x.npy", "-o", "y.npz").code == 0
    assert Path("y.npz").read_bytes() == first and first[:2] == b"PK"


def test_verify_runs_what_the_artifact_carries(sinter: Sinter, model: Path) -> None:
    assert sinter("build", model, "--golden", "3", "-o", "checked").code == 0
    result = sinter("verify", "checked")
    assert result.code == 0 and "3 golden examples agree" in result.out
    assert sinter("verify", "checked", "--json").json == {"examples": 3}
    assert sinter("build", model, "-o", "bare").code == 0
    missed = sinter("verify", "bare")
    assert missed.code == 1 and "--golden" in missed.err
    plan = Path("checked/model.sntr")
    data = bytearray(plan.read_bytes())
    (values,) = run(read(model), [random_arrays([TensorInfo("pixels", "float32", [1, 12, 1, 1])])[0]])
    at = data.index(values.tobytes())
    wrong = (values + np.float32(1)).tobytes()
    data[at : at + len(wrong)] = wrong
    plan.write_bytes(mend(data))
    differs = sinter("verify", "checked")
    assert differs.code == 1 and "scores" in differs.err and "Traceback" not in differs.err


def mend(data: bytearray) -> bytes:
    """The plan with checksums that fit its sections again."""
    count = int.from_bytes(data[20:24], "little")
    for section in range(count):
        row = 32 + 32 * section
        offset, size = (int.from_bytes(data[row + i : row + i + 8], "little") for i in (0, 8))
        data[row + 24 : row + 28] = zlib.crc32(data[offset : offset + size]).to_bytes(4, "little")
    data[24:28] = zlib.crc32(data[32 : 32 + 32 * count]).to_bytes(4, "little")
    return bytes(data)


def test_bench_times_every_layer(sinter: Sinter, artifact: Path) -> None:
    result = sinter("bench", artifact, "--seconds", "0.1")
    assert result.code == 0 and "median" in result.out and "G MAC/s" in result.out
    timing = sinter("bench", artifact, "--seconds", "0.1", "--threads", "2", "--json").json
    assert timing["threads"] == 2 and timing["runs"] >= 3
    assert 0 < timing["min_ns"] <= timing["median_ns"]
    assert [layer["name"] for layer in timing["layers"]] == ["first", "second", "scores"]
    assert all(layer["ns"] > 0 and layer["gmacs"] == pytest.approx(layer["macs"] / layer["ns"]) for layer in timing["layers"])


def test_inspect_shows_layers_kernels_and_memory(sinter: Sinter, artifact: Path) -> None:
    result = sinter("inspect", artifact)
    assert result.code == 0
    for part in ("float32 1x1x1x40", "conv_f32", "pixels", "peak: ", "##"):
        assert part in result.out
    assert sinter("inspect", artifact, "--json").out == (artifact / "report.json").read_text()
    assert sinter("inspect", artifact / "model.sntr").out == result.out


def test_targets(sinter: Sinter) -> None:
    result = sinter("targets", "--json")
    assert result.code == 0
    host = next(target for target in result.json if target["name"] == "host")
    assert host["isas"][-1] == "scalar" and set(host) >= {"name", "description", "architecture", "isas"}
    assert "host" in sinter("targets").out


def test_doctor(sinter: Sinter) -> None:
    result = sinter("doctor", "--json")
    assert result.code == 0
    rows = {row["name"]: row for row in result.json}
    assert rows["Python"]["found"] and "scalar" in rows["runtime"]["found"]
    assert all(row["get"] and row["use"] for row in rows.values())
    table = sinter("doctor")
    assert table.code == 0
    for row in rows.values():
        assert row["name"] in table.out and (row["found"] or row["get"] in table.out)


def test_doctor_finds_the_runtime_missing() -> None:
    program = "import sys; sys.modules['runtime._native'] = None; from toolchain.cli import main; main(sys.argv[1:])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for verb, code, text in (("doctor", 1, "cannot work without: runtime"), ("targets", 2, "pip install .")):
        done = subprocess.run([sys.executable, "-c", program, verb], capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == code and text in done.stderr and "Traceback" not in done.stderr


def test_no_arguments_show_the_verbs(sinter: Sinter) -> None:
    result = sinter()
    text = result.out + result.err
    for verb in ("build", "run", "bench", "inspect", "targets", "doctor"):
        assert verb in text
