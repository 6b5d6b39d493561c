"""The command line: one function a verb. Results go to stdout, progress and diagnostics to stderr."""

from __future__ import annotations

import json
import math
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from toolchain import arguments, faults
from toolchain.errors import CheckError, InputError
from toolchain.progress import Progress
from toolchain.report.grid import plain

app = typer.Typer(
    name="python -m toolchain",
    help="Sinter compiles trained neural networks for small machines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Exit codes: 0 done, 1 a budget or a check missed, 2 bad input, 3 a fault of Sinter's own.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Artifact = Annotated[Path, typer.Argument(help="An artifact: the folder that build wrote, or a plan file.", show_default=False)]
InputShape = Annotated[list[str] | None, typer.Option(help="Fix the shape of an input, as NAME=1,3,224,224; may be repeated.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Threads = Annotated[int, typer.Option(help="How many threads to run on.", min=1)]


@app.command(
    epilog="Examples:\n\n"
    "  python -m toolchain build model.tflite\n\n"
    "  python -m toolchain build model.onnx --input-shape image=1,3,224,224 --quantize int8 --calibrate images/\n\n"
    "  python -m toolchain build model.onnx --quantize int4-block32\n\n"
    "  python -m toolchain build model.tflite --budget-ram 64K --budget-flash 256K --require-fast"
)
def build(
    model: Annotated[Path, typer.Argument(help="The model: an .onnx or .tflite file.", show_default=False)],
    target: Annotated[str, typer.Option(help="The machine to build for; see the verb targets.")] = "host",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder to write. [dim]\\[default: MODEL's name + .sinter][/dim]")
    ] = None,
    input_shape: InputShape = None,
    quantize: Annotated[
        str | None,
        typer.Option(
            help="Quantise a float model after training: int8, which needs --calibrate, or weights only, in blocks of 32: "
            "int4-block32, int8-block32."
        ),
    ] = None,
    calibrate: Annotated[
        str | None,
        typer.Option(
            help="Samples to quantise with, or to measure blocks on: an .npz file, a folder of images (scaled to 0..1), "
            "or MODULE:CALLABLE."
        ),
    ] = None,
    method: Annotated[
        str, typer.Option(help="How ranges are chosen: minmax, percentile, mse, or auto to measure them all.")
    ] = "auto",
    lossless: Annotated[bool, typer.Option(help="Remove channels whose absence changes no output.")] = True,
    golden: Annotated[int, typer.Option(help="Carry this many golden examples, for the verb verify.", min=0, max=1000)] = 0,
    budget_ram: Annotated[str | None, typer.Option(help="Fail if a run needs more RAM: bytes, or 64K, 2M.")] = None,
    budget_flash: Annotated[str | None, typer.Option(help="Fail if the plan file is larger: bytes, or 256K, 2M.")] = None,
    require_fast: Annotated[
        bool, typer.Option("--require-fast", help="Fail if a layer of any weight runs on a portable kernel for want of a fast one.")
    ] = False,
    tune: Annotated[bool, typer.Option("--tune", help="Choose kernels by timing them on this machine, not by estimates.")] = False,
    as_json: Json = False,
) -> None:
    """Compile a model into an artifact: model.sntr, report.json and report.html in one folder."""
    from toolchain.build import Request
    from toolchain.build import build as build_artifact
    from toolchain.report import tables
    from toolchain.report.content import to_json

    request = Request(
        model=model,
        target=target,
        output=output or Path(f"{model.stem}.sinter"),
        input_shapes=arguments.input_shapes(input_shape or []),
        quantize=quantize,
        calibrate=calibrate,
        method=method,
        lossless=lossless,
        golden=golden,
        budget_ram=arguments.size(budget_ram),
        budget_flash=arguments.size(budget_flash),
        require_fast=require_fast,
        tune=tune,
    )
    with _progress() as progress:
        report = build_artifact(request, progress)
    if as_json:
        print(to_json(report), end="")
    else:
        _print(tables.build(report))
        _note(f"wrote {request.output}")


@app.command(
    epilog="Examples:\n\n  python -m toolchain run model.sinter --input x.npz --output y.npz\n\n"
    "  python -m toolchain run model.sinter --input image.npy"
)
def run(
    artifact: Artifact,
    source: Annotated[
        Path,
        typer.Option("--input", "-i", help="An .npz file with an array for each input by name, or one .npy.", show_default=False),
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The .npz file to write the outputs to.")] = None,
    as_json: Json = False,
) -> None:
    """Run an artifact once on given inputs. Floats for a quantised input are quantised, and its outputs come back as floats."""
    from toolchain import execute
    from toolchain.report import tables

    results = execute.run(artifact, source, output)
    if as_json:
        _print_json(
            [
                {"name": name, "dtype": str(array.dtype), "shape": list(array.shape), "values": array.ravel().tolist()}
                for name, array in results.items()
            ]
        )
    else:
        _print(tables.outputs(results))
        if output is not None:
            _note(f"wrote {output}")


@app.command(epilog="Example:\n\n  python -m toolchain build model.tflite --golden 3\n\n  python -m toolchain verify model.sinter")
def verify(artifact: Artifact, threads: Threads = 1, as_json: Json = False) -> None:
    """Run the golden examples that an artifact carries (build --golden), and fail where an output differs."""
    from toolchain import execute

    count = execute.verify(artifact, threads)
    if as_json:
        _print_json({"examples": count})
    else:
        print(f"{count} golden examples agree")


@app.command(epilog="Example:\n\n  python -m toolchain bench model.sinter --threads 4")
def bench(
    artifact: Artifact,
    threads: Threads = 1,
    seconds: Annotated[float, typer.Option(help="How long to measure.", min=0.01, max=3600)] = 2.0,
    as_json: Json = False,
) -> None:
    """Time an artifact on this machine: whole runs, and every layer."""
    from toolchain import execute
    from toolchain.report import tables

    with _progress() as progress:
        progress("measuring")
        timing = execute.bench(artifact, threads=threads, seconds=seconds)
    if as_json:
        layers = [asdict(layer) | {"gmacs": layer.gmacs} for layer in timing.layers]
        _print_json(asdict(timing) | {"layers": layers})
    else:
        _print(tables.timing(timing))


@app.command(
    epilog="Examples:\n\n  python -m toolchain compare model.sinter model.onnx --data samples.npz\n\n"
    "  python -m toolchain compare model.sinter model.onnx --data test.npz --labels y --layer-samples 100"
)
def compare(
    artifact: Artifact,
    model: Annotated[Path, typer.Argument(help="The float original: an .onnx or .tflite file.", show_default=False)],
    source: Annotated[
        Path, typer.Option("--data", "-d", help="An .npz file with samples [n, ...] for each input.", show_default=False)
    ],
    labels: Annotated[str | None, typer.Option(help="The array of class numbers in the data, to tell accuracies.")] = None,
    layer_samples: Annotated[int, typer.Option(help="On how many samples to compare the layers.", min=1)] = 16,
    input_shape: InputShape = None,
    as_json: Json = False,
) -> None:
    """Compare an artifact with its float original on data: the error of every layer, predictions and accuracy."""
    from toolchain.compare import compare as compare_artifact
    from toolchain.report import tables

    shapes = arguments.input_shapes(input_shape) if input_shape else None
    with _progress() as progress:
        result = compare_artifact(
            artifact, model, source, labels=labels, layer_samples=layer_samples, input_shapes=shapes, progress=progress
        )
    if as_json:
        _print_json(_finite(asdict(result)))
    else:
        _print(tables.comparison(result))


@app.command(epilog="Example:\n\n  python -m toolchain inspect model.sinter")
def inspect(artifact: Artifact, as_json: Json = False) -> None:
    """Show what an artifact holds: layers, types, kernels, what the passes saved, and the memory map."""
    from toolchain.report import save, tables
    from toolchain.report.content import to_json

    report = save.read(artifact)
    if as_json:
        print(to_json(report), end="")
    else:
        _print(tables.inspect(report))


@app.command()
def targets(as_json: Json = False) -> None:
    """List the machines that build knows."""
    from toolchain import targets as known
    from toolchain.report.grid import table

    rows = [known.load(name) for name in known.names()]
    if as_json:
        _print_json([asdict(target) for target in rows])
    else:
        columns = ("target", "architecture", "instruction sets, best first", "#cores", "#GHz", "description")
        cells = [
            (
                t.name,
                t.architecture,
                ", ".join(t.isas),
                str(t.cores),
                f"{t.costs.hertz / 1e9:.2f}" if t.costs else "",
                t.description,
            )
            for t in rows
        ]
        _print(table("Targets", columns, cells))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Tell what is installed of all that Sinter can use, what is missing, and the command that gets it."""
    from toolchain.doctor import as_table, examine

    findings = examine()
    if as_json:
        _print_json([asdict(finding) for finding in findings])
    else:
        _print(as_table(findings))
    if missing := [finding.name for finding in findings if finding.required and not finding.found]:
        raise CheckError(f"Sinter cannot work without: {', '.join(missing)}")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        app(list(arguments) if arguments is not None else None)
    except InputError as error:
        _fail("error", str(error), 2)
    except CheckError as error:
        _fail("missed", str(error), 1)
    except ImportError as error:
        if not (error.name or "").startswith("runtime"):
            _fail("fault", faults.record(error), 3)
        _fail("error", "the C++ runtime is not built; in a checkout of Sinter run: pip install .", 2)
    except MemoryError:
        _fail("error", "there is not enough memory for this", 2)
    except Exception as error:
        _fail("fault", faults.record(error), 3)
    sys.exit(0)


def _fail(kind: str, message: str, code: int) -> NoReturn:
    Console(stderr=True, soft_wrap=True, highlight=False).print(plain(f"{kind}:", "bold red"), plain(message))
    sys.exit(code)


def _print(what: RenderableType) -> None:
    """To stdout; where that is no terminal, at whatever width the content has."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=10_000)
    console.print(what)


def _print_json(data: Any) -> None:
    print(json.dumps(data, indent=1, ensure_ascii=False))


def _finite(data: Any) -> Any:
    """The same with null for the infinities, which JSON does not have."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def _note(message: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(plain(message, "dim"))


@contextmanager
def _progress() -> Iterator[Progress]:
    """A line on stderr that tells what is being done, and a bar where that is counted; nothing where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def show(what: str, done: int = 0, total: int = 0) -> None:
            bar.update(task, description=plain(what).plain, completed=done, total=total or None)

        yield show
