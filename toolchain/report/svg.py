"""The plots of a report as inline SVG; colours are the page's CSS variables, so they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from toolchain.report import text
from toolchain.report.content import Report

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 960.0, 64.0, 12.0, 12.0, 34.0


def memory(report: Report) -> str:
    """The arena over the steps: one rectangle a buffer, those live at the peak filled, the lower bound as a line."""
    height = 340.0
    steps = len(report.layers) + 2
    column = (WIDTH - LEFT - RIGHT) / steps
    top = max(report.arena_bytes, 1)
    unit = (height - TOP - BOTTOM) / top
    peak = report.peak_step

    def x(step: int) -> float:
        return LEFT + (step + 1) * column

    def y(offset: float) -> float:
        return height - BOTTOM - offset * unit

    parts = [f'<rect class="band" x="{x(peak):.2f}" y="{TOP}" width="{column:.2f}" height="{height - TOP - BOTTOM:.2f}"/>']
    parts += _axis(height, ticks(top, 1024), y, "B", 1024)
    for buffer in report.buffers:
        live = buffer.first <= peak <= buffer.last
        left, width = x(buffer.first), (buffer.last - buffer.first + 1) * column
        tall = buffer.size * unit
        title = f"{buffer.name}: {text.size(buffer.size)} at {buffer.offset:,}, live {_span(buffer.first, buffer.last, report)}"
        parts.append(
            f'<rect class="{"hot" if live else "block"}" x="{left + 0.5:.2f}" y="{y(buffer.offset + buffer.size):.2f}" '
            f'width="{max(width - 1, 0.5):.2f}" height="{max(tall - 0.5, 0.5):.2f}"><title>{escape(title)}</title></rect>'
        )
        if tall > 13 and width > 44:
            label = text.label(_first(buffer.name), int((width - 8) / 6.6))
            base = y(buffer.offset + buffer.size / 2) + 4
            kind = "on-hot" if live else "on-block"
            parts.append(f'<text class="{kind}" x="{left + width / 2:.2f}" y="{base:.2f}">{escape(label)}</text>')
    if 0 < report.arena_lower_bound <= top:
        at = y(report.arena_lower_bound)
        parts.append(f'<line class="bound" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.2f}" y2="{at:.2f}"/>')
    every = max(1, math.ceil(steps / 24))
    for step in range(0, len(report.layers), every):
        parts.append(f'<text class="tick" x="{x(step) + column / 2:.2f}" y="{height - 16}">{step}</text>')
    parts.append(f'<text class="tick" x="{LEFT + (WIDTH - LEFT - RIGHT) / 2}" y="{height - 2}">layer</text>')
    return _svg(height, parts, "Arena over time")


def bars(names: Sequence[str], values: Sequence[int], unit: str, step: int, title: str) -> str:
    """One bar a layer, the largest filled; the three largest carry their layer's name."""
    height = 220.0
    top = max(*values, 1) if values else 1
    column = (WIDTH - LEFT - RIGHT) / max(len(values), 1)
    scale = (height - TOP - 14 - BOTTOM) / top

    def y(value: float) -> float:
        return height - BOTTOM - value * scale

    parts = _axis(height, ticks(top, step), y, unit, step)
    largest = sorted(range(len(values)), key=lambda i: -values[i])[:3]
    for index, (name, value) in enumerate(zip(names, values, strict=True)):
        left = LEFT + index * column
        gap = min(column * 0.2, 4.0)
        tip = f"{index} {name}: {value:,} {unit}".rstrip()
        parts.append(
            f'<rect class="{"hot" if value == top else "block"}" x="{left + gap / 2:.2f}" y="{y(value):.2f}" '
            f'width="{max(column - gap, 0.5):.2f}" height="{max(value * scale, 0.0):.2f}"><title>{escape(tip)}</title></rect>'
        )
    placed: list[tuple[float, float, float]] = []
    for index in (i for i in largest if values[i]):
        label = text.label(_first(names[index]), 28)
        half = len(label) * 3.1 + 4
        middle = min(max(LEFT + (index + 0.5) * column, LEFT + half), WIDTH - RIGHT - half)
        base = y(values[index]) - 4
        if all(abs(middle - m) > half + h or abs(base - b) > 12 for m, b, h in placed):
            placed.append((middle, base, half))
            parts.append(f'<text class="name" x="{middle:.2f}" y="{base:.2f}">{escape(label)}</text>')
    every = max(1, math.ceil(len(values) / 24))
    for index in range(0, len(values), every):
        parts.append(f'<text class="tick" x="{LEFT + (index + 0.5) * column:.2f}" y="{height - 16}">{index}</text>')
    parts.append(f'<text class="tick" x="{LEFT + (WIDTH - LEFT - RIGHT) / 2}" y="{height - 2}">layer</text>')
    return _svg(height, parts, title)


def ticks(top: float, step: int) -> list[int]:
    """Round values from 0 to at most `top`, about four: powers of two where `step` is 1024, else 1, 2 or 5 times powers of ten."""
    stride, factors = 1, (2, 2, 2) if step == 1024 else (2, 2.5, 2)
    for index in range(200):
        if stride * 5 > top:
            break
        stride = round(stride * factors[index % 3])
    return [stride * i for i in range(int(top / stride) + 1)]


def _axis(height: float, values: Sequence[int], y: Callable[[float], float], unit: str, step: int) -> list[str]:
    parts = []
    for value in values:
        at = y(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.2f}" y2="{at:.2f}"/>')
        parts.append(f'<text class="scale" x="{LEFT - 8}" y="{at + 4:.2f}">{text.short(value, unit, step)}</text>')
    return parts


def _first(name: str) -> str:
    """The first of names joined by ';', as TFLite's converter writes them."""
    return name.partition(";")[0]


def _span(first: int, last: int, report: Report) -> str:
    begin = "from the start" if first < 0 else f"from layer {first}"
    return begin + (" to the end" if last >= len(report.layers) else f" to layer {last}")


def _svg(height: float, parts: Sequence[str], title: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
