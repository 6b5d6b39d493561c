"""The benchmark of whole models: turns go round, figures are of what ran, the plot is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from benchmarks import models
from benchmarks.chart import chart, ratios
from benchmarks.rivals import Job, Unavailable
from benchmarks.turns import Ended, Worker, take_turns
from tests.conftest import ROOT, asset


@dataclass
class Fake:
    name: str
    cost: int
    calls: list[tuple[str, int]]

    def turn(self, count: int) -> int:
        self.calls.append((self.name, count))
        return self.cost * count


def test_turns_go_round_and_times_are_theirs() -> None:
    calls: list[tuple[str, int]] = []
    (slow, slow_runs), (fast, fast_runs) = take_turns([Fake("slow", 2_000_000, calls), Fake("fast", 500_000, calls)], 0.08)
    assert set(slow) == {2000.0} and set(fast) == {500.0}
    assert len(slow) == len(fast) == 10 and slow_runs == 20 and fast_runs == 80
    measured = calls[10:]
    assert measured[:4] == [("slow", 2), ("fast", 8), ("fast", 8), ("slow", 2)] and len(measured) == 20


def test_charts_are_well_formed() -> None:
    text = chart([("a & b", [("Sinter", 10.0), ("<rival>", 20.0)]), ("none", [])], "title <x>")
    root = ElementTree.fromstring(text)
    bars = [element for element in root.iter() if element.get("class") in ("own", "rival")]
    widths = [float(bar.get("width", "")) for bar in bars]
    assert [bar.get("class") for bar in bars] == ["own", "rival"] and widths[1] == pytest.approx(2 * widths[0])

    panels = [("int8", [("a", "3 µs", [("<rival>", 2.0), ("other", 0.5)]), ("b", "", [("other", 4.0)])]), ("float", [])]
    root = ElementTree.fromstring(ratios(panels, "title <x>"))
    dots = {d[0].text: float(d.get("cx", "")) for d in root.iter("{http://www.w3.org/2000/svg}circle") if len(d)}
    distance = dots["other 4.00"] - dots["other 0.50"]
    assert distance == pytest.approx(1.5 * (dots["<rival> 2.00"] - dots["other 0.50"]), abs=0.3)


def test_lead_is_on_the_best_rival_of_each_model() -> None:
    def row(model: str, engine: str, isa: str, us: float) -> models.Row:
        return models.Row(model, "int8", 1, engine, isa, "1", us, us / 2, 9, 9, 0.0, "")

    rows = [row("a", "Sinter", "", 10), row("a", "x", "", 20), row("a", "y", "", 90), row("a", "Sinter", "avx2", 16)]
    rows += [row("b", "Sinter", "", 10), row("b", "x", "", 5), row("c", "Sinter", "", 7)]
    best, held = models.summaries(rows)
    assert (best.isa, best.least, best.least_model) == ("", 0.5, "b") and best.by_median == pytest.approx(1)
    assert (held.isa, held.least_model) == ("avx2", "a") and held.by_median == pytest.approx(1.25)
    held = models.summaries([*rows, row("a", "y", "avx2", 40)])[1]
    assert held.by_median == pytest.approx(2.5), "rivals that are held to the same"


def test_worker_says_why_it_cannot_take_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "x.npy", np.zeros(1, np.float32))
    job = Job(
        "LiteRT", "float", 1, (max(os.sched_getaffinity(0)),), None, str(tmp_path / "x.npy"), None, None, None, (0, 0), (0, 0)
    )
    with pytest.raises(Unavailable, match=r"no TFLite file|not installed"):
        Worker(job)
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    with pytest.raises(Unavailable, match="ended with 1"):
        Worker(job)


def test_an_engine_that_ends_while_it_is_timed_takes_only_itself_out(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    class Mortal:
        version, note = "1", ""

        def __init__(self, job: Job, *_: object) -> None:
            self.name, self.turns = job.engine, 0

        def turn(self, count: int) -> int:
            self.turns += 1
            if self.name == "fragile" and self.turns > 6:
                raise Ended("ended by SIGSEGV", self)  # type: ignore[arg-type]
            return 1000 * count

        def result(self) -> np.ndarray:
            return np.ones(3)

        def close(self) -> None:
            closed.append(self.name)

    jobs = [Job(name, "int8", 1, (0,), None, "", None, None, None, (0, 0), (0, 0)) for name in (models.OWN, "fragile", "sound")]
    monkeypatch.setattr(models, "jobs", lambda *_: iter(jobs))
    monkeypatch.setattr(models, "read", lambda _: None)
    monkeypatch.setattr(models, "Worker", Mortal)
    notes: list[str] = []
    rows = models.rows_of(models.Model("m", "int8", Path("m.tflite"), None), 1, (0,), (), 0.01, notes)
    assert [row.engine for row in rows] == [models.OWN, "sound"] and sorted(set(closed)) == sorted((models.OWN, "fragile", "sound"))
    assert notes == ["m int8, one thread: fragile left out, ended by SIGSEGV"]


def test_benchmark_runs(tmp_path: Path) -> None:
    asset("models/ad_int8.tflite")
    figures, plot = tmp_path / "models.json", tmp_path / "models.svg"
    options = ["--only", "ad int8", "--seconds", "0.1", "--isa", "scalar", "--threads", "1", "--threads", "999"]
    command = [sys.executable, "-m", "benchmarks.models", *options, "--json", str(figures), "--plot", str(plot)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text())
    own = found["rows"][0]
    assert own["engine"] == "Sinter" and own["ratio"] == 1.0 and 0 < own["min_us"] <= own["median_us"]
    assert all(row["ratio"] == pytest.approx(row["median_us"] / own["median_us"]) for row in found["rows"])
    (scalar,) = (row for row in found["rows"] if row["isa"] == "scalar")
    assert scalar["engine"] == "Sinter" and scalar["difference"] == 0
    for row in found["rows"]:
        assert row["engine"] in done.stdout and (row["note"] or row["difference"] < 0.02)
    assert any("999 threads" in note for note in found["notes"]) and found["machine"]["processor"]
    assert ElementTree.fromstring(plot.read_text()).tag.endswith("svg")
