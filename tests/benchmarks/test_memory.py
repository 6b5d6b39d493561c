"""The benchmark of placement: what it reads, what it writes, and its exit code."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from typer.testing import CliRunner

from benchmarks import memory


def test_figures_plot_and_exit_code(tmp_path: Path) -> None:
    rows = "id,lower,upper,size\nx,0,3,4\ny,3,9,4\nz,0,9,4\n"
    (tmp_path / "fits.12.csv").write_text(rows)
    (tmp_path / "notes.csv").write_text("not an instance")
    figures, plot = tmp_path / "figures.json", tmp_path / "plot.svg"
    arguments = ["--folder", str(tmp_path), "--json", str(figures), "--plot", str(plot)]
    assert CliRunner().invoke(memory.app, arguments).exit_code == 0
    (row,) = json.loads(figures.read_text())
    assert (row["instance"], row["buffers"], row["capacity"], row["peak"], row["optimal"]) == ("fits", 3, 12, 8, True)
    assert ElementTree.fromstring(plot.read_text()).tag.endswith("svg")
    (tmp_path / "small.7.csv").write_text(rows)
    assert CliRunner().invoke(memory.app, arguments).exit_code == 1
    assert CliRunner().invoke(memory.app, ["--folder", str(tmp_path / "none")]).exit_code == 2
