"""Reports and results as tables of the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table

from toolchain.compare import Comparison, TensorError
from toolchain.execute import Timing
from toolchain.ir import Array
from toolchain.report import text
from toolchain.report.content import Report
from toolchain.report.grid import plain, table


def summary(report: Report) -> Table:
    """What the build needs and what it saved."""
    proof = "proven optimal" if report.arena_optimal else f"lower bound {text.size(report.arena_lower_bound)}"
    saved = report.macs_original - report.macs
    less = f"; {text.share(saved, report.macs_original)} of {text.count(report.macs_original)} removed" if saved else ""
    rows = [
        ("RAM", f"{text.size(report.ram_bytes)} with one thread"),
        ("  arena", f"{text.size(report.arena_bytes)}; {proof}"),
        ("  scratch", f"{text.size(report.scratch_bytes)} for each thread"),
    ]
    if report.state_bytes:
        rows.append(("  state", text.size(report.state_bytes)))
    rows += [
        ("flash", f"{text.size(report.plan_bytes)}, of it weights {text.size(report.weight_bytes)}"),
        ("MACs", f"{text.count(report.macs)}{less}"),
    ]
    if report.nanoseconds:
        rows.append(("latency", text.latency(report)))
    result = Table(box=None, show_header=False, pad_edge=False, title_justify="left", title_style="bold")
    result.title = plain(f"{report.model} for {report.target} ({', '.join(report.isas)})")
    for label, value in rows:
        result.add_row(label, plain(value))
    return result


def layers(report: Report) -> Table:
    rows = [
        (
            str(index),
            text.label(layer.name),
            layer.operator,
            layer.kernel,
            ", ".join(text.tensor(tensor) for tensor in layer.results),
            text.count(layer.macs),
            text.count(layer.bytes),
            text.duration(layer.nanoseconds) if report.nanoseconds else "",
            text.share(layer.nanoseconds, report.nanoseconds),
        )
        for index, layer in enumerate(report.layers)
    ]
    columns = ("#", "layer", "operator", "kernel", "result", "#MACs", "#weight bytes", "#estimate", "#share")
    return table("Layers", columns, rows)


def passes(report: Report) -> Table | None:
    """What each pass that changed something saved; None where none did."""
    rows = [
        (
            p.name,
            str(len(p.notes)),
            f"{p.nodes - p.nodes_before:+,}" if p.nodes != p.nodes_before else "",
            f"{p.macs - p.macs_before:+,}" if p.macs != p.macs_before else "",
        )
        for p in report.passes
        if p.notes
    ]
    return table("Passes", ("pass", "#changes", "#nodes", "#MACs"), rows) if rows else None


def tries(report: Report) -> Table:
    """The ways to quantise that were measured, the one kept first."""
    rows = [
        (t.method, "yes" if t.equalized else "", "yes" if t.corrected else "", f"{t.snr:.1f}", "kept" if index == 0 else "")
        for index, t in enumerate(report.tries)
    ]
    return table(f"Quantised to {report.quantize}", ("method", "equalised", "bias corrected", "#SNR dB", ""), rows)


def build(report: Report) -> Group:
    """What build prints."""
    slow = report.slow_layers()
    parts: list[RenderableType] = [summary(report), "", layers(report)]
    if (saved := passes(report)) is not None:
        parts += ["", saved]
    if slow:
        names = ", ".join(sorted({layer.kernel for layer in slow}))
        parts += [
            "",
            plain(f"{len(slow)} of {len(report.layers)} layers run on a portable kernel for want of a fast one: {names}"),
        ]
    if report.tries:
        parts += ["", tries(report)]
    parts += [plain(f"note: {note}") for note in report.notes]
    return Group(*parts)


def inspect(report: Report) -> Group:
    """Everything that report.json holds, as text."""
    interface = [
        (kind, t.name, text.tensor(t), f"{t.scale:.9g} * (q - {t.zero_point})" if t.scale else "")
        for kind, tensors in (("input", report.inputs), ("output", report.outputs))
        for t in tensors
    ]
    return Group(build(report), "", table("Interface", ("", "name", "type", "value"), interface), "", memory_map(report))


def memory_map(report: Report, width: int = 40) -> Table:
    """Where each buffer lies in the arena, and a line of when it is live; ^ marks the peak."""
    steps = len(report.layers) + 2
    columns = min(steps, width)
    peak = (report.peak_step + 1) * columns // steps

    def line(first: int, last: int) -> str:
        begin, end = (first + 1) * columns // steps, (last + 1) * columns // steps
        return "".join("#" if begin <= column <= end else "." for column in range(columns))

    rows = [
        (
            text.count(b.offset),
            text.count(b.size),
            "in" if b.first < 0 else str(b.first),
            "out" if b.last >= len(report.layers) else str(b.last),
            line(b.first, b.last),
            text.label(b.name),
        )
        for b in sorted(report.buffers, key=lambda b: (b.first, b.offset))
    ]
    rows.append(("", "", "", "", " " * peak + "^", f"peak: {text.size(report.arena_bytes)}"))
    return table("Memory", ("#offset", "#bytes", "#from", "#to", "live", "buffer"), rows)


def outputs(results: Mapping[str, Array]) -> Table:
    """A line for each output of a run."""
    rows = []
    for name, array in results.items():
        numbers = array.astype(np.float64) if array.size else np.zeros(1)
        first = " ".join(f"{value:.6g}" for value in numbers.ravel()[:8]) + (" ..." if array.size > 8 else "")
        rows.append(
            (
                name,
                f"{array.dtype} {text.shape(array.shape)}",
                f"{numbers.min():.6g}",
                f"{numbers.max():.6g}",
                str(int(numbers.argmax())),
                first,
            )
        )
    return table("Outputs", ("output", "type", "#min", "#max", "#argmax", "first values"), rows)


def comparison(result: Comparison) -> Group:
    """Predictions, outputs, and the layers, worst first."""

    def row(error: TensorError) -> tuple[str, ...]:
        snr = "exact" if error.snr == math.inf else f"{error.snr:.1f}"
        lost = f"{error.lost:.1f}" if 0 < error.lost < math.inf else ""
        return (
            text.label(error.name),
            error.operator,
            error.type,
            snr,
            lost,
            f"{error.max_error:.4g}",
            f"{error.rms_error:.4g}",
            f"{error.rms:.4g}",
        )

    columns = ("tensor", "operator", "type", "#SNR dB", "#lost here dB", "#max error", "#RMS error", "#RMS")
    parts: list[RenderableType] = []
    if (p := result.predictions) is not None:
        parts.append(f"predictions: {p.changed:,} of {p.samples:,} changed ({text.share(p.changed, p.samples)})")
        if p.accuracy is not None and p.accuracy_original is not None:
            change = 100 * (p.accuracy - p.accuracy_original)
            parts.append(f"accuracy: {100 * p.accuracy:.2f} %, original {100 * p.accuracy_original:.2f} % ({change:+.2f} points)")
        parts.append("")
    parts += [
        table(f"Outputs, on {result.samples:,} samples", columns, [row(error) for error in result.outputs]),
        "",
        table(
            f"Layers, worst first, on {result.layer_samples:,} samples{', up to a factor per channel' if result.rescaled else ''}",
            columns,
            [row(error) for error in result.layers],
        ),
    ]
    for names, why in (
        (result.unmatched, "not in the original by that name"),
        (result.narrowed, "with channels removed, which a build with --no-lossless keeps"),
    ):
        if names:
            parts += ["", plain(f"not compared, {why}: {', '.join(map(text.label, names))}")]
    return Group(*parts)


def timing(result: Timing) -> Group:
    """Times of a model and of its layers."""
    total = sum(layer.ns for layer in result.layers)
    macs = sum(layer.macs for layer in result.layers)
    rows = [
        (
            str(index),
            text.label(layer.name),
            layer.operator,
            layer.kernel,
            text.duration(layer.ns),
            text.share(layer.ns, total),
            text.count(layer.macs),
            f"{layer.gmacs:.2f}" if layer.macs else "",
        )
        for index, layer in enumerate(result.layers)
    ]
    head = (
        f"median {text.duration(result.median_ns)}, minimum {text.duration(result.min_ns)} "
        f"over {result.runs} runs, {result.threads} thread{'s' if result.threads > 1 else ''}; "
        f"{macs / result.median_ns if result.median_ns else 0:.2f} G MAC/s"
    )
    columns = ("#", "layer", "operator", "kernel", "#median", "#share", "#MACs", "#G MAC/s")
    return Group(head, "", table("Layers", columns, rows))
