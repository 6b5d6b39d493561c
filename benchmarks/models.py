"""Times whole models in Sinter and in every rival that is installed: one thread, one core, interleaved in one run.

python -m benchmarks.models [--only ic] [--seconds 4] [--json models.json] [--plot models.svg]

The models are MLPerf Tiny's where the folder of assets is there (SINTER_ASSETS, else ../shared), else the bundled examples.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks.chart import chart
from benchmarks.rivals import ENGINES, Array, Model, Runner, Unavailable
from toolchain.compiler import read
from toolchain.errors import InputError
from toolchain.report.grid import table

ROOT = Path(__file__).resolve().parents[1]
ASSETS = Path(os.environ.get("SINTER_ASSETS", ROOT.parent / "shared")) / "models"

# Each engine runs for about this long before the next one has its turn, so that drift of the machine meets all of them alike.
TURN_NS = 4_000_000


@dataclass
class Row:
    """One engine on one model; times in microseconds a run, `difference` from Sinter's output relative to its largest value."""

    model: str
    precision: str
    engine: str
    version: str
    median_us: float
    min_us: float
    turns: int
    runs: int
    difference: float
    note: str


def models() -> list[Model]:
    """MLPerf Tiny's four, float and int8, or the bundled examples."""
    if not ASSETS.is_dir():
        return [Model(path.stem, "float", None, path) for path in sorted((ROOT / "examples").glob("*/*.onnx"))]

    def file(name: str) -> Path | None:
        return ASSETS / name if (ASSETS / name).exists() else None

    found = []
    for name, stem, onnx in (
        ("ic", "ic_resnet8", "ic_resnet8_bn.onnx"),
        ("vww", "vww", "vww_bn.onnx"),
        ("kws", "kws", "kws.onnx"),
        ("ad", "ad", "ad_bn.onnx"),
    ):
        # kws_f32.tflite holds int8 weights, which LiteRT does not run in float.
        floating = None if name == "kws" else file(f"{stem}_f32.tflite")
        found.append(Model(name, "float", floating, file(onnx)))
        found.append(Model(name, "int8", file(f"{stem}_int8.tflite"), file(onnx)))
    return found


def example_input(model: Model) -> Array:
    """A fixed random input."""
    path = model.tflite or model.onnx
    assert path is not None
    value = read(path).inputs[0]
    generator = np.random.default_rng(0)
    if value.dtype == np.int8:
        return generator.integers(-128, 127, value.shape, np.int8, endpoint=True)
    return generator.uniform(-1, 1, value.shape).astype(np.float32)


def prepare(model: Model, notes: list[str]) -> list[Runner]:
    """The engines that can run the model; why the others cannot goes to `notes`."""
    runners: list[Runner] = []
    try:
        x = example_input(model)
    except InputError as why:
        notes.append(f"{model.name} {model.precision}: left out, {str(why)[:200]}")
        return runners
    for name, make in ENGINES:
        try:
            runner = make(model, x)
            runner.run()
            runners.append(runner)
        except (Unavailable, InputError) as why:
            notes.append(f"{model.name} {model.precision}: {name} left out, {str(why)[:200]}")
        except Exception as error:  # a rival's own failure is its result
            notes.append(f"{model.name} {model.precision}: {name} left out, {type(error).__name__}: {str(error).splitlines()[0]}")
    return runners


def measure(runners: Sequence[Runner], seconds: float) -> list[tuple[list[float], int]]:
    """For each runner the microseconds a run of every turn, and how many runs there were. Turns go round in a changing order."""
    batches = []
    for runner in runners:
        once = min(_timed(runner, 1) for _ in range(5))
        batches.append(max(1, int(TURN_NS / once)))
    rounds = max(7, int(seconds * 1e9 / TURN_NS / max(len(runners), 1)))
    times: list[list[float]] = [[] for _ in runners]
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds):
            for step in range(len(runners)):
                index = (turn + step) % len(runners)
                runners[index].run()
                times[index].append(_timed(runners[index], batches[index]) / batches[index] / 1e3)
    finally:
        gc.enable()
    return [(t, b * len(t)) for t, b in zip(times, batches, strict=True)]


def _timed(runner: Runner, count: int) -> int:
    run = runner.run
    start = time.perf_counter_ns()
    for _ in range(count):
        run()
    return time.perf_counter_ns() - start


def rows_of(model: Model, seconds: float, notes: list[str]) -> list[Row]:
    """Every engine's times on one model."""
    runners = prepare(model, notes)
    if not runners or runners[0].engine != "Sinter":
        return []
    expected = runners[0].result()
    scale = float(np.abs(expected).max()) or 1.0
    rows = []
    for runner, (times, runs) in zip(runners, measure(runners, seconds), strict=True):
        difference = float(np.abs(runner.result() - expected).max()) / scale
        rows.append(
            Row(
                model.name,
                model.precision,
                runner.engine,
                runner.version,
                median(times),
                min(times),
                len(times),
                runs,
                difference,
                runner.note,
            )
        )
    return rows


def ratio(row: Row, rows: Sequence[Row]) -> float:
    """How many times as long as Sinter this engine takes on the same model."""
    own = next(r for r in rows if (r.model, r.precision, r.engine) == (row.model, row.precision, "Sinter"))
    return row.median_us / own.median_us


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    only: Annotated[str, typer.Option(help="Only models whose name and precision contain this, like 'ic' or 'int8'.")] = "",
    seconds: Annotated[float, typer.Option(help="How long to measure each model.", min=0.1)] = 4.0,
    core: Annotated[int | None, typer.Option(help="The core to run on. [dim]\\[default: the last one allowed][/dim]")] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw them, into this .svg file.")] = None,
) -> None:
    """Time whole models in Sinter and its rivals."""
    chosen = [m for m in models() if only in f"{m.name} {m.precision}" and (m.tflite or m.onnx)]
    if not chosen:
        raise typer.BadParameter(f"no model matches '{only}'")
    allowed = sorted(os.sched_getaffinity(0))
    used = allowed[-1] if core is None else core
    if used not in allowed:
        raise typer.BadParameter(f"core {used} is not allowed; expected one of {allowed}")
    os.sched_setaffinity(0, {used})
    notes: list[str] = []
    rows: list[Row] = []
    errors = Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("measuring", total=len(chosen))
        for model in chosen:
            bar.update(task, description=f"{model.name} {model.precision}")
            rows += rows_of(model, seconds, notes)
            bar.advance(task)
    show(rows, notes)
    if json_path is not None:
        machine = {"processor": processor(), "core": used, "python": platform.python_version(), "system": platform.platform()}
        found = {"machine": machine, "rows": [asdict(row) | {"ratio": ratio(row, rows)} for row in rows], "notes": notes}
        json_path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if plot is not None:
        groups = [(f"{m.name} {m.precision}", [r for r in rows if (r.model, r.precision) == (m.name, m.precision)]) for m in chosen]
        bars = [(label, [(r.engine, r.median_us) for r in group]) for label, group in groups]
        plot.write_text(chart(bars, f"Microseconds a run, median, one thread, {processor()}"), encoding="utf-8")


def show(rows: Sequence[Row], notes: Sequence[str]) -> None:
    """The table: the best rival's ratio stands beside Sinter's own line."""
    cells = []
    for row in rows:
        rivals = [ratio(r, rows) for r in rows if (r.model, r.precision) == (row.model, row.precision) and r.engine != "Sinter"]
        own = row.engine == "Sinter"
        best = f"{min(rivals):.2f}" if own and rivals else ""
        cells.append(
            (
                row.model if own else "",
                row.precision if own else "",
                f"{row.engine} {row.version}",
                f"{row.median_us:.1f}",
                f"{row.min_us:.1f}",
                "" if own else f"{ratio(row, rows):.2f}",
                best,
                "" if own else f"{row.difference:.1e}",
                row.note,
            )
        )
    columns = ("model", "precision", "engine", "#median µs", "#min µs", "#times Sinter's", "#best rival", "#difference", "note")
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=10_000)
    console.print(table(f"One thread on {processor()}", columns, cells))
    for note in notes:
        console.print(note, style="dim", markup=False)


def processor() -> str:
    """What the machine calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    app()
