"""The benchmark of products with weights in blocks: every engine computes the same product."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


def test_benchmark_runs(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    figures = tmp_path / "blocks.json"
    command = [sys.executable, "-m", "benchmarks.blocks", "--only", "1x256", "--seconds", "0.1", "--json", str(figures)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 x 256 x 256" in done.stdout
    rows = json.loads(figures.read_text())["rows"]
    assert {row["weights"] for row in rows} == {"int4", "int8", "float"}
    limits = {"int4": 0.2, "int8": 0.02, "float": 1e-5}
    assert all(row["difference"] < limits[row["weights"]] and row["median_us"] >= row["min_us"] > 0 for row in rows)
