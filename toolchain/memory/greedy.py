"""Placement by rule: bodies in a fixed order, each into the first gap that is high enough, or into the tightest one."""

from __future__ import annotations

import numpy as np

from toolchain.memory.bodies import Bodies, Integers


def place(bodies: Bodies, order: Integers, *, tightest: bool) -> Integers:
    """Offsets in units. A body counts with its greatest height for as long as it lives."""
    heights = -(-bodies.bytes // bodies.unit)
    offsets = np.zeros(bodies.count, np.int64)
    placed = np.zeros(bodies.count, np.bool_)
    for body in order:
        below = np.flatnonzero(placed & (bodies.start < bodies.end[body]) & (bodies.end > bodies.start[body]))
        below = below[np.argsort(offsets[below], kind="stable")]
        tops = np.maximum.accumulate(np.concatenate([[0], offsets[below] + heights[below]]))
        align = int(bodies.align[body])
        lows = -(-tops // align) * align
        room = offsets[below] - lows[:-1]
        gaps = np.flatnonzero(room >= heights[body])
        if not gaps.size:
            offsets[body] = lows[-1]
        elif tightest:
            offsets[body] = lows[gaps[np.argmin(room[gaps])]]
        else:
            offsets[body] = lows[gaps[0]]
        placed[body] = True
    return offsets


def best(bodies: Bodies, enough: int) -> Integers:
    """The best offsets of several orders, or the first whose peak in bytes is at most `enough`."""
    heights = -(-bodies.bytes // bodies.unit)
    length = bodies.end - bodies.start
    keys = [
        (-heights, -length),
        (-heights * length, -heights),
        (-length, -heights),
        (-bodies.crowding, -heights),
        (bodies.start, -heights),
    ]
    found: Integers | None = None
    for first, second in keys:
        order = np.lexsort((second, first))
        for tightest in (False, True):
            offsets = place(bodies, order, tightest=tightest)
            if found is None or bodies.peak(offsets) < bodies.peak(found):
                found = offsets
            if bodies.peak(found) <= enough:
                return found
    assert found is not None
    return found
