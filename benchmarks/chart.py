"""Horizontal bars in groups, and dots on scales of ratios, each as an SVG file that stands alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

_STYLE = """
text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #1d2126; }
.title { font-weight: 600; font-size: 14px; } .group { font-weight: 600; } .value { fill: #656d76; }
.own { fill: #c8501e; } .rival { fill: #c9d6e6; } .page { fill: #ffffff; }
.grid { stroke: #e3e6ea; } .span { stroke: #b9c1ca; } .one { stroke: #c8501e; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e6e8; } .value { fill: #969da5; } .own { fill: #e0703c; } .rival { fill: #36475a; } .page { fill: #14171a; }
  .grid { stroke: #2a2f35; } .span { stroke: #4a525b; } .one { stroke: #e0703c; }
}
"""

# Told apart by the colour-blind too (Okabe and Ito, 2008).
_COLOURS = ("#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#999999", "#b8860b")


def chart(groups: Sequence[tuple[str, Sequence[tuple[str, float]]]], title: str) -> str:
    """For each group its bars, on a scale of its own: (label, [(engine, microseconds)]); Sinter's have the strong colour."""
    width, left, right, bar, gap = 760, 210, 90, 18, 14
    y = 44
    parts = []
    for label, bars in groups:
        longest = max((value for _, value in bars), default=1.0) or 1.0
        parts.append(f'<text class="group" x="16" y="{y + 13}">{escape(label)}</text>')
        for engine, value in bars:
            length = value / longest * (width - left - right)
            kind = "own" if engine == "Sinter" else "rival"
            parts.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(engine)}</text>')
            parts.append(f'<rect class="{kind}" x="{left}" y="{y}" width="{length:.1f}" height="{bar - 4}" rx="2"/>')
            parts.append(f'<text class="value" x="{left + length + 6:.1f}" y="{y + 12}">{value:.4g}</text>')
            y += bar
        y += gap
    return _document(width, y, title, parts)


# A panel: its title, and for each group its name, a remark and (engine, ratio).
Panel = tuple[str, Sequence[tuple[str, str, Sequence[tuple[str, float]]]]]


def ratios(panels: Sequence[Panel], title: str) -> str:
    """Panels, two in a row, of lines of dots on one logarithmic scale, whose 1 is marked in the strong colour."""
    every = [value for _, groups in panels for _, _, points in groups for _, value in points if math.isfinite(value)]
    low, high = min([0.8, *every]) / 1.1, max([2.0, *every]) * 1.1
    engines = list(dict.fromkeys(engine for _, groups in panels for _, _, points in groups for engine, _ in points))
    colours = {engine: _COLOURS[i % len(_COLOURS)] for i, engine in enumerate(engines)}
    panel, left, right, line = 560, 170, 30, 26

    def across(value: float) -> float:
        return left + math.log(value / low) / math.log(high / low) * (panel - left - right)

    parts, x = ['<circle class="own" cx="22" cy="49" r="5"/><text x="32" y="53">Sinter</text>'], 100.0
    for engine in engines:
        parts.append(
            f'<circle cx="{x:.0f}" cy="49" r="5" fill="{colours[engine]}"/><text x="{x + 10:.0f}" y="53">{escape(engine)}</text>'
        )
        x += 34 + 7 * len(engine)
    ticks = [t for t in (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0, 20.0, 50.0) if low <= t <= high]
    y = 70
    for first in range(0, len(panels), 2):
        row = panels[first : first + 2]
        tallest = max(len(groups) for _, groups in row) * line
        for column, (name, groups) in enumerate(row):
            parts.append(f'<g transform="translate({column * panel},{y})"><text class="group" x="16" y="14">{escape(name)}</text>')
            bottom = 26 + len(groups) * line
            for tick in ticks:
                at, kind = across(tick), "one" if tick == 1 else "grid"
                parts.append(f'<line class="{kind}" x1="{at:.1f}" x2="{at:.1f}" y1="24" y2="{bottom}"/>')
                parts.append(f'<text class="value" x="{at:.1f}" y="{bottom + 14}" text-anchor="middle">{tick:g}</text>')
            for index, (label, remark, points) in enumerate(groups):
                middle = 26 + (index + 0.5) * line
                ends = [across(value) for _, value in points] + [across(1.0)]
                parts.append(f'<text x="{16}" y="{middle + 4}">{escape(label)}</text>')
                parts.append(f'<text class="value" x="{left - 16}" y="{middle + 4}" text-anchor="end">{escape(remark)}</text>')
                parts.append(f'<line class="span" x1="{min(ends):.1f}" x2="{max(ends):.1f}" y1="{middle}" y2="{middle}"/>')
                dots = [("", 1.0, 'class="own"'), *((e, v, f'fill="{colours[e]}"') for e, v in points)]
                for engine, value, fill in dots:
                    told = f"<title>{escape(engine)} {value:.2f}</title>" if engine else ""
                    parts.append(f'<circle {fill} cx="{across(value):.1f}" cy="{middle}" r="5">{told}</circle>')
            parts.append("</g>")
        y += tallest + 60
    return _document(panel * min(2, max(1, len(panels))), y, title, parts)


def _document(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    head = f'<rect class="page" width="{width}" height="{height}"/><text class="title" x="16" y="26">{escape(title)}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(title)}"><style>{_STYLE}</style>{head}{"".join(parts)}</svg>\n'
    )
