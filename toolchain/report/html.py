"""report.html: one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from toolchain.report import svg, text
from toolchain.report.content import Report

_STYLE = """
:root { color-scheme: light dark; --page: #f7f7f5; --card: #ffffff; --ink: #1d2126; --muted: #656d76; --line: #e2e2de;
  --block: #c9d6e6; --on-block: #33465c; --hot: #c8501e; --on-hot: #ffffff; --band: #f6e3d8; --slow: #a33c12; }
@media (prefers-color-scheme: dark) { :root { --page: #14171a; --card: #1c2024; --ink: #e4e6e8; --muted: #969da5; --line: #32373d;
  --block: #36475a; --on-block: #c6d4e4; --hot: #e0703c; --on-hot: #14171a; --band: #33251d; --slow: #f09a6c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 24px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 0 0 4px; }
p { margin: 0 0 12px; color: var(--muted); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px; margin: 20px 0; }
.figures div, section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.figures div { padding: 12px 16px; }
.figures b { display: block; font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; }
.figures span, .figures small { display: block; color: var(--muted); font-size: 13px; }
section { padding: 18px 20px; margin: 16px 0; overflow-x: auto; }
svg { display: block; width: 100%; min-width: 620px; height: auto; font-size: 11px; }
svg text { fill: var(--muted); text-anchor: middle; }
svg text.scale { text-anchor: end; }
svg text.on-block { fill: var(--on-block); } svg text.on-hot { fill: var(--on-hot); }
svg text.name { fill: var(--ink); paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
svg .grid { stroke: var(--line); } svg .bound { stroke: var(--ink); stroke-dasharray: 5 4; }
svg .block { fill: var(--block); } svg .hot { fill: var(--hot); } svg .band { fill: var(--band); }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th { text-align: left; color: var(--muted); font-weight: 500; white-space: nowrap; }
th, td { padding: 4px 10px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.name { overflow-wrap: anywhere; min-width: 200px; }
code { font: 12px ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; white-space: nowrap; }
.slow { color: var(--slow); }
ul { margin: 0; padding-left: 18px; overflow-wrap: anywhere; }
summary { cursor: pointer; padding: 4px 0; font-size: 13px; color: var(--muted); } details ul { font-size: 13px; }
"""


def page(report: Report) -> str:
    """The whole page; it loads no other resource and runs no script."""
    body = [
        _head(report),
        _memory(report),
        _plots(report),
        _notes(report),
        _tries(report),
        _passes(report),
        _layers(report),
        _interface(report),
    ]
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(report.model)} on {escape(report.target)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{''.join(body)}</main>\n</body>\n</html>\n"
    )


def _head(report: Report) -> str:
    proof = "proven optimal" if report.arena_optimal else f"lower bound {text.size(report.arena_lower_bound)}"
    saved = report.macs_original - report.macs
    figures = [
        ("RAM", report.ram_bytes, "arena, scratch of one thread, state"),
        ("Arena", report.arena_bytes, proof),
        ("Scratch", report.scratch_bytes, "for each thread"),
        ("Weights", report.weight_bytes, f"model.sntr: {text.size(report.plan_bytes)}"),
    ]
    cells = [(label, f"{value:,} B", note) for label, value, note in figures]
    less = (
        f"{text.share(saved, report.macs_original)} of {text.count(report.macs_original)} removed" if saved else "as in the model"
    )
    cells.append(("Multiply-accumulates", text.count(report.macs), less))
    if report.nanoseconds:
        basis = "measured costs" if report.calibrated else "estimate"
        note = f"{basis}, one thread of {report.core} at {report.hertz / 1e9:.2f} GHz"
        cells.append(("Latency", text.duration(report.nanoseconds), note))
    items = "".join(f"<div><span>{a}</span><b>{escape(b)}</b><small>{escape(c)}</small></div>" for a, b, c in cells)
    quantize = f", quantised to {escape(report.quantize)}" if report.quantize else ""
    isas = ", ".join(map(escape, report.isas))
    return f"<h1>{escape(report.model)}</h1><p>for {escape(report.target)} ({isas}){quantize}</p><div class=figures>{items}</div>"


def _memory(report: Report) -> str:
    peak = report.peak_step
    live = report.live_at(peak)
    if peak < 0:
        where = "before the first layer"
    elif peak >= len(report.layers):
        where = "after the last layer"
    else:
        where = f"at layer {peak}, {_name(report.layers[peak].name)} ({escape(report.layers[peak].operator)})"
    rows = [(_name(b.name), text.count(b.size), text.count(b.offset)) for b in live]
    return (
        f"<section><h2>Memory over time</h2><p>The arena holds the most {where}; what is live then has the strong colour. "
        f"The dashed line is the lower bound for this order of layers.</p>{svg.memory(report)}"
        f"{_table(('Live at the peak', '#bytes', '#offset'), rows)}</section>"
    )


def _plots(report: Report) -> str:
    names = [layer.name for layer in report.layers]
    plots = {
        **(
            {"Estimated time of each layer": ([layer.nanoseconds for layer in report.layers], "ns", 1000)}
            if report.nanoseconds
            else {}
        ),
        "Weights of each layer": ([layer.bytes for layer in report.layers], "B", 1024),
        "Multiply-accumulates of each layer": ([layer.macs for layer in report.layers], "", 1000),
    }
    return "".join(
        f"<section><h2>{title}</h2>{svg.bars(names, values, unit, step, title)}</section>"
        for title, (values, unit, step) in plots.items()
        if unit != "ns" or report.nanoseconds
    )


def _notes(report: Report) -> str:
    if not report.notes:
        return ""
    return f"<section><h2>Notes</h2><ul>{''.join(f'<li>{escape(note)}</li>' for note in report.notes)}</ul></section>"


def _tries(report: Report) -> str:
    if not report.tries:
        return ""
    rows = [
        (escape(t.method), "yes" if t.equalized else "", "yes" if t.corrected else "", f"{t.snr:.1f} dB", "" if index else "kept")
        for index, t in enumerate(report.tries)
    ]
    table = _table(("Method", "Equalised", "Bias corrected", "#signal-to-noise of the outputs", ""), rows)
    return f"<section><h2>Ways to quantise that were measured</h2>{table}</section>"


def _passes(report: Report) -> str:
    if not any(p.notes for p in report.passes):
        return ""
    rows = [
        (
            escape(p.name),
            str(len(p.notes)),
            f"{p.nodes_before} → {p.nodes}" if p.nodes_before != p.nodes else str(p.nodes),
            f"{text.count(p.macs_before)} → {text.count(p.macs)}" if p.macs_before != p.macs else text.count(p.macs),
        )
        for p in report.passes
        if p.notes
    ]
    table = _table(("Pass", "#changes", "#nodes", "#multiply-accumulates"), rows)
    changes = "".join(
        f"<details><summary>{escape(p.name)}</summary><ul>{''.join(f'<li>{escape(note)}</li>' for note in p.notes)}</ul></details>"
        for p in report.passes
        if p.notes
    )
    return f"<section><h2>What the passes did</h2>{table}{changes}</section>"


def _layers(report: Report) -> str:
    slow = {id(layer) for layer in report.slow_layers()}
    rows = []
    for index, layer in enumerate(report.layers):
        kernel = f"<code>{escape(layer.kernel)}</code>"
        rows.append(
            (
                str(index),
                _name(layer.name),
                escape(layer.operator),
                f'<span class=slow title="runs on the portable kernel">{kernel}</span>' if id(layer) in slow else kernel,
                "<br>".join(f"<code>{escape(text.tensor(tensor))}</code>" for tensor in layer.results),
                text.count(layer.macs),
                text.count(layer.bytes),
                text.count(layer.read + layer.written),
                text.duration(layer.nanoseconds) if report.nanoseconds else "",
                text.share(layer.nanoseconds, report.nanoseconds),
            )
        )
    titles = ("#", "Layer", "Operator", "Kernel", "Result", "#MACs", "#weight bytes", "#bytes moved", "#estimate", "#share")
    return f"<section><h2>Layers</h2>{_table(titles, rows)}</section>"


def _interface(report: Report) -> str:
    rows = [
        (kind, escape(t.name), escape(text.tensor(t)), f"{t.scale:.9g} * (q - {t.zero_point})" if t.scale else "")
        for kind, tensors in (("input", report.inputs), ("output", report.outputs))
        for t in tensors
    ]
    return f"<section><h2>Interface</h2>{_table(('', 'Name', 'Type', 'Value'), rows)}</section>"


def _name(name: str) -> str:
    return f'<span title="{escape(name)}">{escape(text.label(name))}</span>'


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already; a title that starts with # heads a column of numbers, one called Layer a column of names."""
    kinds = ["n" if title.startswith("#") else "name" if title == "Layer" else "" for title in titles]

    def cell(tag: str, kind: str, content: str) -> str:
        return f'<{tag} class="{kind}">{content}</{tag}>' if kind else f"<{tag}>{content}</{tag}>"

    head = "".join(
        cell("th", kind, title if title == "#" else title.removeprefix("#")) for kind, title in zip(kinds, titles, strict=True)
    )
    body = "".join(f"<tr>{''.join(cell('td', k, c) for k, c in zip(kinds, row, strict=True))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
