"""The benchmark of whole models: turns go round, figures are of what ran, the plot is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from benchmarks import models
from benchmarks.chart import chart
from benchmarks.rivals import Runner
from tests.conftest import ROOT, asset


def test_turns_go_round_and_times_are_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, calls = [0], []

    def runner(name: str, cost: int) -> Runner:
        def run() -> None:
            clock[0] += cost
            calls.append(name)

        return Runner(name, "1", run, lambda: np.zeros(1))

    monkeypatch.setattr("time.perf_counter_ns", lambda: clock[0])
    (slow, slow_runs), (fast, fast_runs) = models.measure([runner("slow", 2_000_000), runner("fast", 500_000)], 0.08)
    assert set(slow) == {2000.0} and set(fast) == {500.0}
    assert len(slow) == len(fast) == 10 and slow_runs == 20 and fast_runs == 80
    measured = calls[10:]
    turns = [name for index, name in enumerate(measured) if index == 0 or measured[index - 1] != name]
    assert turns == ["slow", "fast"] * 5 + ["slow"]


def test_chart_is_well_formed() -> None:
    text = chart([("a & b", [("Sinter", 10.0), ("<rival>", 20.0)]), ("none", [])], "title <x>")
    root = ElementTree.fromstring(text)
    bars = [element for element in root.iter() if element.get("class") in ("own", "rival")]
    widths = [float(bar.get("width", "")) for bar in bars]
    assert [bar.get("class") for bar in bars] == ["own", "rival"] and widths[1] == pytest.approx(2 * widths[0])


def test_benchmark_runs(tmp_path: Path) -> None:
    asset("models/ad_int8.tflite")
    figures, plot = tmp_path / "models.json", tmp_path / "models.svg"
    command = [
        sys.executable,
        "-m",
        "benchmarks.models",
        "--only",
        "ad int8",
        "--seconds",
        "0.1",
        "--json",
        str(figures),
        "--plot",
        str(plot),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text())
    own = found["rows"][0]
    assert own["engine"] == "Sinter" and own["ratio"] == 1.0 and 0 < own["min_us"] <= own["median_us"]
    assert all(row["ratio"] == pytest.approx(row["median_us"] / own["median_us"]) for row in found["rows"])
    for row in found["rows"]:
        assert row["engine"] in done.stdout and (row["note"] or row["difference"] < 0.02)
    assert ElementTree.fromstring(plot.read_text()).tag.endswith("svg")
