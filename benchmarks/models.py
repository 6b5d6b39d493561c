"""Times whole models in Sinter and in every rival that is installed: a pinned process each, that take turns on the same input.

python -m benchmarks.models [--only ic] [--threads 1 --threads 2] [--isa avx2] [--json models.json] [--plot models.svg]

The models are MLPerf Tiny's and MobileNetV2 where the folder of assets is there (SINTER_ASSETS, else ../shared), else the bundled
examples. A rival that needs a Python of its own gets it by --python-for MNN=PATH, or by SINTER_MNN_PYTHON=PATH.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import geometric_mean, median
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks import hidden
from benchmarks.chart import ratios
from benchmarks.rivals import ENGINES, HELD, Array, Job, Unavailable
from benchmarks.turns import ROOT, Ended, Worker, take_turns
from runtime import _native
from toolchain import targets
from toolchain.compiler import compile_graph, read
from toolchain.errors import InputError
from toolchain.ir import Graph, Value
from toolchain.report.grid import table

ASSETS = Path(os.environ.get("SINTER_ASSETS", ROOT.parent / "shared")) / "models"
OWN = "Sinter"

# Rounding moves outputs less than this fraction of their largest; an engine that is further off does not run the same network.
WRONG = 0.5


@dataclass(frozen=True)
class Model:
    """A network in the forms its files have; one may be missing."""

    name: str
    precision: str
    tflite: Path | None
    onnx: Path | None


@dataclass
class Row:
    """One engine on one model; times in microseconds a run, `difference` from Sinter's output relative to its largest value.

    `isa` is the instruction set that the engine was held to, empty where it took whatever the processor has.
    """

    model: str
    precision: str
    threads: int
    engine: str
    isa: str
    version: str
    median_us: float
    min_us: float
    turns: int
    runs: int
    difference: float
    note: str

    @property
    def case(self) -> tuple[str, str, int]:
        return self.model, self.precision, self.threads


def models() -> list[Model]:
    """MLPerf Tiny's five and MobileNetV2, float and int8, or the bundled examples."""
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
        ("sww", "sww", "sww_bn.onnx"),
        ("mobilenetv2", "mobilenetv2", "mobilenetv2.onnx"),
    ):
        # kws_f32.tflite holds int8 weights, which LiteRT does not run in float.
        floating = None if name == "kws" else file(f"{stem}_f32.tflite")
        found.append(Model(name, "float", floating, file(onnx)))
        found.append(Model(name, "int8", file(f"{stem}_int8.tflite"), file(onnx)))
    # An int8 model is its TFLite file; from the ONNX file a rival may make an int8 form of its own.
    return [m for m in found if m.tflite or (m.onnx and m.precision == "float")]


def example_input(value: Value) -> Array:
    """A fixed random input."""
    generator = np.random.default_rng(0)
    if value.dtype == np.int8:
        return generator.integers(-128, 127, value.shape, np.int8, endpoint=True)
    return generator.uniform(-1, 1, value.shape).astype(np.float32)


def _quant(value: Value) -> tuple[float, int]:
    return (float(value.quant.scale[0]), int(value.quant.zero[0])) if value.quant is not None else (0.0, 0)


def jobs(model: Model, graph: Graph, threads: int, cores: Sequence[int], held: Sequence[str], folder: Path) -> Iterator[Job]:
    """Sinter's job, the rivals', and those of the engines that can be held to an instruction set."""
    x = folder / "x.npy"
    np.save(x, example_input(graph.inputs[0]))
    forms = (str(model.tflite) if model.tflite else None, str(model.onnx) if model.onnx else None)
    ends = (_quant(graph.inputs[0]), _quant(graph.outputs[0]))
    job = Job(OWN, model.precision, threads, tuple(cores), None, str(x), None, *forms, *ends)

    def own(isa: str | None) -> Job:
        host = targets.load("host")
        plan = folder / f"{isa}.sntr"
        isas = host.isas[host.isas.index(isa) :] if isa else host.isas
        plan.write_bytes(compile_graph(graph, replace(host, isas=isas)).plan)
        return replace(job, plan=str(plan), isa=isa)

    yield own(None)
    yield from (replace(job, engine=name) for name in ENGINES if name != OWN)
    for isa in held:
        yield own(isa)
        yield from (replace(job, engine=name, isa=isa) for name in HELD if isa == "avx2")


def label(engine: str, isa: str | None) -> str:
    return f"{engine} {isa}" if isa else engine


def rows_of(model: Model, threads: int, cores: Sequence[int], held: Sequence[str], seconds: float, notes: list[str]) -> list[Row]:
    """Every engine's times on one model; why others have none goes to `notes`."""
    title = f"{model.name} {model.precision}, {_threads(threads)}"
    workers: list[tuple[Job, Worker]] = []
    path = model.tflite or model.onnx
    assert path is not None
    try:
        with tempfile.TemporaryDirectory() as folder:
            for job in jobs(model, read(path), threads, cores, held, Path(folder)):
                try:
                    environment = hidden.environment(HELD[job.engine]) if job.isa and job.engine != OWN else {}
                    workers.append((job, Worker(job, python_of(job.engine), environment)))
                except (Unavailable, OSError) as why:
                    notes.append(f"{title}: {label(job.engine, job.isa)} left out, {str(why)[:200]}")
        while True:
            try:
                times = take_turns([worker for _, worker in workers], seconds)
                results = [worker.result() for _, worker in workers]
                break
            except Ended as end:
                ended = next(pair for pair in workers if pair[1] is end.worker)
                workers.remove(ended)
                ended[1].close()
                notes.append(f"{title}: {label(ended[0].engine, ended[0].isa)} left out, {end}")
    except InputError as why:
        notes.append(f"{title}: left out, {str(why)[:200]}")
        return []
    finally:
        for _, worker in workers:
            worker.close()
    if not workers or workers[0][0].engine != OWN:
        return []
    expected = results[0]
    scale = float(np.abs(expected).max()) or 1.0
    rows = []
    for (job, worker), (turns, runs), result in zip(workers, times, results, strict=True):
        difference = float(np.abs(result - expected).max()) / scale if result.shape == expected.shape else float("inf")
        if difference > WRONG and not worker.note:
            notes.append(f"{title}: {label(job.engine, job.isa)} left out, its output is wrong by {difference:.2g} of its largest")
            continue
        case, who = (model.name, model.precision, threads), (job.engine, job.isa or "", worker.version)
        rows.append(Row(*case, *who, median(turns), min(turns), len(turns), runs, difference, worker.note))
    return rows


def python_of(engine: str) -> str:
    """The Python that runs an engine."""
    return os.environ.get(f"SINTER_{engine.upper()}_PYTHON", sys.executable)


def ratio(row: Row, rows: Sequence[Row]) -> float:
    """How many times as long as Sinter this engine takes on the same model."""
    own = next(r for r in rows if r.case == row.case and r.engine == OWN and not r.isa)
    return row.median_us / own.median_us


def lead(row: Row, rows: Sequence[Row]) -> tuple[float, float] | None:
    """How many times as long the best rival takes on the same model, by medians and by minima.

    Rivals are held to the same instruction set, or where none is, may use the whole processor.
    """
    rivals = [r for r in rows if r.case == row.case and r.engine != OWN]
    rivals = [r for r in rivals if r.isa == row.isa] or [r for r in rivals if not r.isa]
    if not rivals:
        return None
    return min(r.median_us for r in rivals) / row.median_us, min(r.min_us for r in rivals) / row.min_us


@dataclass(frozen=True)
class Summary:
    """Sinter's lead on the best rival of each model: geometric means, and the least, by medians."""

    precision: str
    threads: int
    isa: str
    by_median: float
    by_minimum: float
    least: float
    least_model: str


def summaries(rows: Sequence[Row]) -> list[Summary]:
    found = []
    for key in dict.fromkeys((r.precision, r.threads, r.isa) for r in rows if r.engine == OWN):
        own = [r for r in rows if r.engine == OWN and (r.precision, r.threads, r.isa) == key]
        leads = {r.model: two for r in own if (two := lead(r, rows)) is not None}
        if leads:
            least = min(leads, key=lambda name: leads[name][0])
            means = (geometric_mean(two[0] for two in leads.values()), geometric_mean(two[1] for two in leads.values()))
            found.append(Summary(*key, *means, leads[least][0], least))
    return found


def machine(cores: Sequence[int]) -> dict[str, object]:
    """What the figures depend on."""
    return {
        "processor": processor(),
        "isas": _native.detected_isas(),
        "cores": list(cores),
        "system": platform.platform(),
        "python": platform.python_version(),
        "libc": " ".join(platform.libc_ver()),
        "load": os.getloadavg()[0],
    }


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    only: Annotated[str, typer.Option(help="Only models whose name and precision contain this, like 'ic' or 'int8'.")] = "",
    seconds: Annotated[float, typer.Option(help="How long to measure each model.", min=0.1)] = 4.0,
    threads: Annotated[list[int] | None, typer.Option(help="How many threads, and cores. May be repeated.", min=1)] = None,
    core: Annotated[list[int] | None, typer.Option(help="A core to run on. May be repeated.")] = None,
    isa: Annotated[list[str] | None, typer.Option(help="Also hold engines to this instruction set, where they can be.")] = None,
    python_for: Annotated[list[str] | None, typer.Option(help="A rival's own Python, like MNN=/opt/mnn/bin/python.")] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw them, into this .svg file.")] = None,
) -> None:
    """Time whole models in Sinter and its rivals."""
    chosen = [m for m in models() if only in f"{m.name} {m.precision}"]
    if not chosen:
        raise typer.BadParameter(f"no model matches '{only}'")
    known = _native.detected_isas()
    if wrong := [name for name in isa or () if name not in known]:
        raise typer.BadParameter(f"this processor has no '{wrong[0]}'; expected one of: {', '.join(known)}")
    for pair in python_for or ():
        engine, _, python = pair.partition("=")
        if engine not in ENGINES or not python:
            raise typer.BadParameter(f"'{pair}' is not like NAME=PATH with a name of: {', '.join(ENGINES)}")
        os.environ[f"SINTER_{engine.upper()}_PYTHON"] = python
    allowed = sorted(os.sched_getaffinity(0))
    if wrong_cores := [c for c in core or () if c not in allowed]:
        raise typer.BadParameter(f"core {wrong_cores[0]} is not allowed; expected one of {allowed}")
    cores = core or allowed
    notes = [f"{_threads(n)}: left out, only {len(cores)} core(s) to run on" for n in threads or () if n > len(cores)]
    cases = [(model, n) for n in threads or [1] if n <= len(cores) for model in chosen]
    rows: list[Row] = []
    errors = Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("measuring", total=len(cases))
        for model, n in cases:
            bar.update(task, description=f"{model.name} {model.precision}, {_threads(n)}")
            rows += rows_of(model, n, cores[-n:], isa or (), seconds, notes)
            bar.advance(task)
    show(rows, notes)
    if json_path is not None:
        found = {
            "machine": machine(cores),
            "rows": [asdict(row) | {"ratio": ratio(row, rows)} for row in rows],
            "summaries": [asdict(summary) for summary in summaries(rows)],
            "notes": notes,
        }
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if plot is not None:
        plot.parent.mkdir(parents=True, exist_ok=True)
        plot.write_text(draw(rows), encoding="utf-8")


def draw(rows: Sequence[Row]) -> str:
    """A panel for each precision and number of threads: each engine's time on each model, Sinter's being 1."""
    panels = []
    for threads, precision in sorted({(r.threads, r.precision) for r in rows}, key=lambda key: (key[0], key[1] != "int8")):
        groups = []
        for name in dict.fromkeys(r.model for r in rows if (r.threads, r.precision) == (threads, precision)):
            group = [r for r in rows if r.case == (name, precision, threads)]
            own = next(r for r in group if r.engine == OWN and not r.isa)
            points = [(label(r.engine, r.isa), ratio(r, rows)) for r in group if r is not own]
            groups.append((name, _microseconds(own.median_us), points))
        panels.append((f"{precision}, {_threads(threads)}", groups))
    return ratios(panels, f"Time of each engine, Sinter's = 1 · medians · {processor()}")


def show(rows: Sequence[Row], notes: Sequence[str]) -> None:
    """A table for each number of threads: beside Sinter's own lines how far ahead of the best rival they are."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=10_000)
    for threads in dict.fromkeys(r.threads for r in rows):
        cells = []
        for row in (r for r in rows if r.threads == threads):
            own = row.engine == OWN
            first = own and not row.isa
            ahead = lead(row, rows) if own else None
            cells.append(
                (
                    row.model if first else "",
                    row.precision if first else "",
                    f"{label(row.engine, row.isa)} {row.version}" if first or not own else label(row.engine, row.isa),
                    f"{row.median_us:.1f}",
                    f"{row.min_us:.1f}",
                    "" if first else f"{ratio(row, rows):.2f}",
                    f"{ahead[0]:.2f}" if ahead else "",
                    f"{ahead[1]:.2f}" if ahead else "",
                    "" if first else f"{row.difference:.1e}",
                    row.note,
                )
            )
        times = ("#median µs", "#min µs", "#times Sinter's")
        columns = ("model", "precision", "engine", *times, "#best rival, median", "#min", "#difference", "note")
        console.print(table(f"{_threads(threads).capitalize()} on {processor()}", columns, cells))
    for s in summaries(rows):
        console.print(
            f"{s.precision}, {_threads(s.threads)}: the best rival takes {s.by_median:.2f} times as long as {label(OWN, s.isa)} in "
            f"geometric mean ({s.by_minimum:.2f} by minima); least {s.least:.2f}, {s.least_model}",
            markup=False,
        )
    for note in notes:
        console.print(note, style="dim", markup=False)


def _threads(count: int) -> str:
    return "one thread" if count == 1 else f"{count} threads"


def _microseconds(value: float) -> str:
    return f"{value:.3g} µs" if value < 1000 else f"{value / 1000:.3g} ms"


def processor() -> str:
    """What the machine calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    app()
