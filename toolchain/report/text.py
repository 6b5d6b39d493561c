"""Numbers and tensors as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from toolchain.report.content import Report, TensorInfo


def count(n: int) -> str:
    """1234567 as '1,234,567'."""
    return f"{n:,}"


def size(n: int) -> str:
    """Bytes, exactly, and in KiB or MiB where that is shorter."""
    exact = f"{n:,} B"
    if n >= 1 << 20:
        return f"{exact} ({n / (1 << 20):.2f} MiB)"
    return f"{exact} ({n / 1024:.1f} KiB)" if n >= 1024 else exact


def short(n: float, unit: str, step: int) -> str:
    """A number of at most about three digits and its prefix: step 1024 for bytes, 1000 for counts and nanoseconds."""
    if unit == "ns":
        return duration(n)
    prefixes = ("", "Ki", "Mi", "Gi", "Ti") if step == 1024 else ("", "k", "M", "G", "T")
    index = 0
    while n >= step and index + 1 < len(prefixes):
        n /= step
        index += 1
    digits = f"{n:.0f}" if index == 0 or n >= 100 else f"{n:.3g}"
    return f"{digits} {prefixes[index]}{unit}".rstrip()


def duration(ns: float) -> str:
    """Nanoseconds in the unit that suits."""
    for limit, factor, unit in ((1e3, 1.0, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms")):
        if ns < limit:
            return f"{ns / factor:.3g} {unit}" if unit != "ns" else f"{ns:.0f} ns"
    return f"{ns / 1e9:.3g} s"


def latency(report: Report) -> str:
    """The estimated time of a run, and what it rests on."""
    basis = "measured on such a core" if report.calibrated else "an estimate"
    return f"{duration(report.nanoseconds)} on one thread of {report.core} at {report.hertz / 1e9:.2f} GHz, {basis}"


def tensor(info: TensorInfo) -> str:
    """'int8 1x32x32x16'."""
    return f"{info.dtype} {shape(info.shape)}"


def label(name: str, width: int = 60) -> str:
    """A name in at most `width` characters: the first of names joined by ';', and of a path the end, where paths differ."""
    first, joined, _ = name.partition(";")
    short = first + (";…" if joined else "")
    return short if len(short) <= width else "…" + short[len(short) - max(width - 1, 0) :]


def shape(extents: Sequence[int]) -> str:
    return "x".join(map(str, extents)) if extents else "scalar"


def share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""
