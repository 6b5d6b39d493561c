"""Places the hard instances of MiniMalloc (Moffitt, ASPLOS 2023) within their capacity and times each.

python -m benchmarks.memory [--folder planner] [--least] [--json memory.json] [--plot memory.svg]

An instance is a file NAME.CAPACITY.csv with the columns id, lower, upper (excluded) and size. Unless a folder is named, they are
read from that of the assets (SINTER_ASSETS, else ../shared).
"""

from __future__ import annotations

import csv
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.chart import chart
from toolchain.memory import portfolio
from toolchain.memory.check import check
from toolchain.memory.problem import Buffer, Problem
from toolchain.memory.solve import solve
from toolchain.report.grid import table

ASSETS = Path(os.environ.get("SINTER_ASSETS", Path(__file__).resolve().parents[2] / "shared"))


@dataclass(frozen=True)
class Row:
    """One instance placed; sizes in bytes."""

    instance: str
    buffers: int
    capacity: int
    peak: int
    lower_bound: int
    optimal: bool
    seconds: float


def instances(folder: Path) -> list[Path]:
    """The files of a folder that are named like instances."""
    return sorted(path for path in folder.glob("*.*.csv") if path.suffixes[0][1:].isdigit())


def read(path: Path) -> Problem:
    """The instance in a file, with its capacity as the limit."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    buffers = (Buffer(row["id"], int(row["size"]), int(row["lower"]), int(row["upper"]) - 1) for row in rows)
    return Problem(tuple(buffers), int(path.suffixes[0][1:]))


def measure(path: Path, seconds: float, *, least: bool) -> Row:
    """Place an instance within its capacity, or with the least peak, and prove the placement."""
    problem = read(path)
    capacity = problem.limit or 0
    if least:
        problem = Problem(problem.buffers)
    placement = solve(problem, seconds=seconds)
    check(problem, placement)
    bound, optimal = placement.lower_bound, placement.optimal
    return Row(path.name.split(".")[0], len(problem.buffers), capacity, placement.peak, bound, optimal, placement.seconds)


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    folder: Annotated[Path, typer.Option(help="Where the instances lie.")] = ASSETS / "planner",
    seconds: Annotated[float, typer.Option(help="Time limit for each instance.", min=0.1)] = 10.0,
    least: Annotated[bool, typer.Option(help="Look for the least peak, not only for one within the capacity.")] = False,
    json_path: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw the times, into this .svg file.")] = None,
) -> None:
    """Place every instance of a folder; exit with 1 if one did not fit."""
    paths = instances(folder)
    if not paths:
        raise typer.BadParameter(f"'{folder}' holds no file named like A.1048576.csv")
    portfolio.warm_up()
    rows = [measure(path, seconds, least=least) for path in paths]
    cells = [
        (r.instance, f"{r.buffers}", f"{r.peak:,}", f"{r.lower_bound:,}", "proven" if r.optimal else "", f"{r.seconds:.3f}")
        for r in rows
    ]
    columns = ("instance", "#buffers", "#peak bytes", "#lower bound", "least", "#seconds")
    Console().print(table("Placement of the hard instances", columns, cells))
    if json_path is not None:
        json_path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    if plot is not None:
        bars = [(row.instance, row.seconds * 1e3) for row in rows]
        plot.write_text(chart([("milliseconds", bars)], "Time to place each instance"))
    if any(row.peak > row.capacity for row in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
