"""Horizontal bars in groups, as an SVG file that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_STYLE = """
text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #1d2126; }
.title { font-weight: 600; font-size: 14px; } .group { font-weight: 600; } .value { fill: #656d76; }
.own { fill: #c8501e; } .rival { fill: #c9d6e6; } .page { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e6e8; } .value { fill: #969da5; } .own { fill: #e0703c; } .rival { fill: #36475a; } .page { fill: #14171a; }
}
"""


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
    head = f'<rect class="page" width="{width}" height="{y}"/><text class="title" x="16" y="26">{escape(title)}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" role="img" '
        f'aria-label="{escape(title)}"><style>{_STYLE}</style>{head}{"".join(parts)}</svg>\n'
    )
