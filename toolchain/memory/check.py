"""Proof that a placement is sound, pair by pair. It shares no code with the solver."""

from __future__ import annotations

from itertools import combinations

from toolchain.memory.problem import Placement, Problem


class PlacementError(Exception):
    """A placement that would corrupt memory, or that misstates itself."""


def check(problem: Problem, placement: Placement) -> None:
    """Raise PlacementError unless buffers that are live together are disjoint, aligned, and inside a peak that is as stated.

    Two buffers may overlap only where one permits it by `alias`: at the same offset, in the one step that both share, the
    last of one and the first of the other.
    """
    buffers, offsets = problem.buffers, placement.offsets
    if len(offsets) != len(buffers):
        raise PlacementError(f"the placement has {len(offsets)} offsets, expected one for each of {len(buffers)} buffers")
    for buffer, offset in zip(buffers, offsets, strict=True):
        if offset < 0 or offset % buffer.align != 0:
            raise PlacementError(f"'{buffer.name}' lies at {offset}, expected a multiple of {buffer.align} from 0 on")
        if offset + buffer.size > placement.peak:
            end = offset + buffer.size
            raise PlacementError(f"'{buffer.name}' lies at {offset} to {end}, beyond the peak of {placement.peak} bytes")
    reached = max((offset + buffer.size for buffer, offset in zip(buffers, offsets, strict=True)), default=0)
    if reached != placement.peak:
        raise PlacementError(f"the peak is stated as {placement.peak} bytes, but the buffers end at {reached}")
    if placement.peak < placement.lower_bound:
        raise PlacementError(f"the peak of {placement.peak} bytes is below its lower bound of {placement.lower_bound}")
    for i, j in combinations(range(len(buffers)), 2):
        a, b = buffers[i], buffers[j]
        start, end = max(a.first, b.first), min(a.last, b.last)
        low, high = max(offsets[i], offsets[j]), min(offsets[i] + a.size, offsets[j] + b.size)
        if start > end or low >= high:
            continue
        taken_over = (b.alias == i and a.last == b.first) or (a.alias == j and b.last == a.first)
        if taken_over and start == end and offsets[i] == offsets[j]:
            continue
        raise PlacementError(
            f"'{a.name}' at {offsets[i]} and '{b.name}' at {offsets[j]} share bytes {low} to {high} in steps {start} to {end}"
        )
