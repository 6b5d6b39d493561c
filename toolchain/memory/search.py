"""Depth-first search for a placement within a capacity, compiled by Numba.

The skyline is what has been placed so far, seen from above: one floor for each section. The search looks at its valleys and
decides which body lies lowest at one end of a valley, or that none starts at that height there. Stretches of time that no
unplaced body joins are solved apart, and states that failed are remembered. Only placements whose offsets have the least sum
are sought: in them every body rests on something, and none fits further down. Canonical placement, decomposition and
dominance are ideas of MiniMalloc (Moffitt, ASPLOS 2023).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from toolchain.memory.arrays import Model, State
from toolchain.memory.bodies import Integers

INFEASIBLE, FOUND, RUNNING, FULL = 0, 1, 2, 3
START, _ENTER, _RETURN, _DECIDE = 0, 1, 2, 3
_LEFT, _RIGHT, _BODY = 0, 1, 2
_FLOOR, _BODY_RAISED, _PLACED = 0, 1, 2
_FAR = 1 << 60
_ALL_TRIED = 1 << 40

_OUTER: dict[str, Any] = {"error_model": "numpy"}
_INNER: dict[str, Any] = {**_OUTER, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "forceinline": True}

_Function = TypeVar("_Function", bound=Callable[..., object])


def _jit(function: _Function, options: dict[str, Any]) -> _Function:
    try:
        return cast(_Function, numba.njit(cache=True, **options)(function))
    except RuntimeError:  # no folder that can be written holds the cache
        return cast(_Function, numba.njit(**options)(function))


def _compiled(function: _Function) -> _Function:
    """Compiled for calls from compiled code."""
    return _jit(function, _INNER)


@_compiled
def _log(state: State, kind: int, index: int, first: int, second: int) -> None:
    length = state.cursor[3]
    if length < len(state.trail):
        state.trail[length, 0] = kind
        state.trail[length, 1] = index
        state.trail[length, 2] = first
        state.trail[length, 3] = second
    state.cursor[3] = length + 1


@_compiled
def _undo(model: Model, state: State, length: int) -> None:
    for entry in range(state.cursor[3] - 1, length - 1, -1):
        kind = state.trail[entry, 0]
        index = state.trail[entry, 1]
        if kind == _FLOOR:
            state.floor[index] = state.trail[entry, 2]
            state.top[index] = state.trail[entry, 3]
        elif kind == _BODY_RAISED:
            state.lowest[index] = state.trail[entry, 2]
        else:
            state.offset[index] = -1
            _count(model, state, index, 1)
    state.cursor[3] = length


@_compiled
def _count(model: Model, state: State, body: int, sign: int) -> None:
    start, end, at = model.start[body], model.end[body], model.heights_at[body]
    for section in range(start, end):
        state.total[section] += sign * model.heights[at + section - start]
        if section + 1 < end:
            state.joints[section] += sign


@_compiled
def _raise_floor(model: Model, state: State, section: int, floor: int, top: int) -> bool:
    _log(state, _FLOOR, section, state.floor[section], state.top[section])
    state.floor[section] = floor
    state.top[section] = top
    state.stale[section] |= 1
    if state.total[section] > 0 and floor + state.total[section] > model.capacity:
        state.weight[section] += 1
        return False
    return True


@_compiled
def _raise_body(model: Model, state: State, body: int, offset: int) -> bool:
    align = model.align[body]
    offset = (offset + align - 1) // align * align
    _log(state, _BODY_RAISED, body, state.lowest[body], 0)
    state.lowest[body] = offset
    for section in range(model.start[body], model.end[body]):
        state.stale[section] |= 2
    return bool(offset <= model.highest[body])


@_compiled
def _place(model: Model, state: State, body: int) -> bool:
    offset = state.lowest[body]
    if offset > model.highest[body]:
        return False
    _log(state, _PLACED, body, 0, 0)
    state.offset[body] = offset
    _count(model, state, body, -1)
    start, at = model.start[body], model.heights_at[body]
    fits = True
    for section in range(start, model.end[body]):
        top = offset + model.heights[at + section - start]
        fits = _raise_floor(model, state, section, top, top) and fits
    return fits


@_compiled
def _rests(model: Model, state: State, body: int) -> bool:
    lowest, align = state.lowest[body], model.align[body]
    for section in range(model.start[body], model.end[body]):  # noqa: SIM110
        if 0 <= lowest - state.top[section] < align:
            return True
    return False


@_compiled
def _least_support(model: Model, state: State, body: int) -> int:
    """The least offset at which an unplaced body could carry this one."""
    least = _FAR
    for entry in range(model.near_at[body], model.near_at[body + 1]):
        other = model.near[entry]
        if state.offset[other] < 0:
            least = min(least, state.lowest[other] + model.lowest_height[other])
    return least


@_compiled
def _settle(model: Model, state: State, low: int, high: int) -> bool:
    """Draw all conclusions from stale sections within low to high: floors lift bodies, and bodies lift floors."""
    fits = True
    again = True
    while fits and again:
        for section in range(low, high):
            if state.stale[section] & 1:
                state.stale[section] = 2
                floor = state.floor[section]
                for entry in range(model.members_at[section], model.members_at[section + 1]):
                    body = model.members[entry]
                    if state.offset[body] < 0 and state.lowest[body] < floor:
                        fits = _raise_body(model, state, body, floor) and fits
        again = False
        for section in range(low, high):
            if fits and state.stale[section] != 0:
                state.stale[section] = 0
                if state.total[section] > 0:
                    least = _FAR
                    for entry in range(model.members_at[section], model.members_at[section + 1]):
                        body = model.members[entry]
                        if state.offset[body] < 0:
                            least = min(least, state.lowest[body])
                    if least > state.floor[section]:
                        fits = _raise_floor(model, state, section, least, state.top[section])
                        again = True
    state.stale[low:high] = 0
    return fits


@_compiled
def _on_floor(model: Model, state: State, body: int, low: int, high: int) -> bool:
    """Whether an unplaced body's least offset is the floor of the valley between sections low and high."""
    if state.offset[body] >= 0 or model.start[body] < low or model.end[body] > high:
        return False
    return bool(state.lowest[body] - state.floor[low] < model.align[body])


@_compiled
def _can_lie(model: Model, state: State, body: int, low: int, high: int) -> bool:
    """Whether a body can be placed on the floor of a valley and rests on something there."""
    return _on_floor(model, state, body, low, high) and _rests(model, state, body)


@_compiled
def _choices(model: Model, state: State, side: int, low: int, high: int) -> int:
    """How many bodies can lie lowest at that end of a valley, and one more if nothing needs to."""
    section = low if side == _LEFT else high - 1
    count = 1 if state.floor[section] + state.total[section] < model.capacity else 0
    if side == _LEFT:
        for entry in range(model.left_at[section], model.left_at[section + 1]):
            count += _can_lie(model, state, model.left[entry], low, high)
    else:
        for entry in range(model.right_at[section], model.right_at[section + 1]):
            count += _can_lie(model, state, model.right[entry], low, high)
    return count


@_compiled
def _choose(model: Model, state: State, low: int, high: int, patience: int) -> tuple[int, int, int, int]:
    """The next decision in a part of time: its kind, its section or body, and the valley.

    It is the valley's end with the fewest choices for its weight; beyond `patience` choices, whether the body of best rank lies
    where it can.
    """
    best = np.inf
    side, left, right, choices = _LEFT, low, high, 0
    section = low
    while section < high:
        floor = state.floor[section]
        end = section + 1
        while end < high and state.floor[end] == floor:
            end += 1
        if (section == low or state.floor[section - 1] > floor) and (end == high or state.floor[end] > floor):
            for ends in range(2):
                edge = section if ends == _LEFT else end - 1
                count = _choices(model, state, ends, section, end)
                if count <= 1:
                    return ends, edge, section, end
                score = count / (1 + state.weight[edge])
                if score < best:
                    best, side, left, right, choices = score, ends, section, end, count
        section = end
    if choices > patience:
        body = _best_ranked(model, state, low, high)
        if body >= 0:
            return _BODY, body, low, high
    return side, left if side == _LEFT else right - 1, left, right


@_compiled
def _best_ranked(model: Model, state: State, low: int, high: int) -> int:
    """The body of best rank that can lie on the floor of a valley, or -1."""
    best = -1
    section = low
    while section < high:
        floor = state.floor[section]
        end = section + 1
        while end < high and state.floor[end] == floor:
            end += 1
        if (section == low or state.floor[section - 1] > floor) and (end == high or state.floor[end] > floor):
            for entry in range(model.left_at[section], model.left_at[end]):
                body = model.left[entry]
                better = best < 0 or model.rank[body] < model.rank[best]
                if better and state.lowest[body] == floor and _can_lie(model, state, body, section, end):
                    best = body
        section = end
    return best


@_compiled
def _hash(model: Model, state: State, low: int, high: int) -> np.uint64:
    """Identifies what is left to do in a part of time."""
    factor = np.uint64(0x9E3779B97F4A7C15)
    value = np.uint64(low) * factor + np.uint64(high)
    for section in range(low, high):
        value = (value ^ np.uint64(state.floor[section])) * factor
        value = (value ^ (value >> np.uint64(29)) ^ np.uint64(state.top[section])) * factor
        value ^= value >> np.uint64(32)
        for entry in range(model.left_at[section], model.left_at[section + 1]):
            body = model.left[entry]
            if state.offset[body] < 0:
                value += model.hashes[body] * np.uint64(2 * state.lowest[body] + 1)
    value = (value ^ np.uint64(model.capacity_bytes)) * factor
    return value ^ (value >> np.uint64(31))


@_compiled
def _leave_gap(model: Model, state: State, side: int, section: int, low: int, high: int) -> bool:
    """Let nothing start at the floor of a valley's end: what lies lowest there rests on a body that does not reach the end."""
    if state.floor[section] + state.total[section] >= model.capacity:
        state.weight[section] += 1
        return False
    least = _FAR
    reach, ceiling = section, 0
    for entry in range(model.members_at[section], model.members_at[section + 1]):
        body = model.members[entry]
        if _on_floor(model, state, body, low, high):
            reach = max(reach, model.end[body] - 1) if side == _LEFT else min(reach, model.start[body])
            ceiling = max(ceiling, state.lowest[body] + model.tallest[body])
        elif state.offset[body] < 0:
            least = min(least, state.lowest[body])
    if side == _LEFT:
        for entry in range(model.left_at[section + 1], model.left_at[reach + 1]):
            least = min(least, _support(model, state, model.left[entry], ceiling))
    else:
        for entry in range(model.right_at[reach], model.right_at[section]):
            least = min(least, _support(model, state, model.right[entry], ceiling))
    if least + state.total[section] > model.capacity:
        state.weight[section] += 1
        return False
    return _raise_floor(model, state, section, least, state.top[section])


@_compiled
def _support(model: Model, state: State, body: int, ceiling: int) -> int:
    """The least offset at which an unplaced body that starts below the ceiling could carry another."""
    if state.offset[body] >= 0 or state.lowest[body] >= ceiling:
        return _FAR
    return int(state.lowest[body] + model.lowest_height[body])


@_compiled
def _lift(model: Model, state: State, body: int) -> bool:
    """Keep a body from its least offset: it rests on an unplaced one, and one that is in its way keeps it from there."""
    least = _least_support(model, state, body)
    for entry in range(model.near_at[body], model.near_at[body + 1]):
        other = model.near[entry]
        if state.offset[other] < 0 and state.lowest[other] < state.lowest[body] + model.tallest[body]:
            return least <= model.highest[body] and _raise_body(model, state, body, least)
    return False


@_compiled
def _try_next(model: Model, state: State, frame: Integers) -> tuple[bool, bool]:
    """Take the next choice of a decision: whether there was one, and whether it may fit."""
    kind, subject, low, high, tried = frame[0], frame[1], frame[2], frame[3], frame[4]
    if tried == _ALL_TRIED:
        return False, False
    if kind == _BODY:
        if tried < 0:
            frame[4] = 0
            return True, _place(model, state, subject)
        frame[4] = _ALL_TRIED
        return True, _lift(model, state, subject)
    first, last = model.left_at[subject], model.left_at[subject + 1]
    if kind == _RIGHT:
        first, last = model.right_at[subject], model.right_at[subject + 1]
    for entry in range(first, last):
        body = model.left[entry] if kind == _LEFT else model.right[entry]
        if model.rank[body] > tried and _can_lie(model, state, body, low, high):
            frame[4] = model.rank[body]
            return True, _place(model, state, body)
    frame[4] = _ALL_TRIED
    return True, _leave_gap(model, state, kind, subject, low, high)


@_compiled
def _split(state: State, low: int, high: int, depth: int) -> None:
    """Queue the stretches of sections low to high that no unplaced body joins; they belong to the decision at `depth`."""
    start = low
    for section in range(low, high):
        if state.joints[section] == 0:
            if state.total[section] > 0:
                pending = state.cursor[1]
                state.pending[pending, 0] = start
                state.pending[pending, 1] = section + 1
                state.pending[pending, 2] = depth
                state.cursor[1] = pending + 1
            start = section + 1


@_compiled
def _restart(model: Model, state: State) -> bool:
    _undo(model, state, 0)
    state.cursor[:] = 0
    state.cursor[0] = -1
    sections = len(state.floor)
    _split(state, 0, sections, -1)
    state.cursor[2] = _ENTER
    return bool((model.highest >= 0).all() and (state.total <= model.capacity).all())


def _search(model: Model, state: State, nodes: int, patience: int) -> int:
    """Go on for a number of decisions: FOUND, INFEASIBLE, RUNNING, or FULL when the trail or the frames are too short.

    A state whose cursor is at START begins anew and keeps its weights and failed states. When FOUND, `offset` holds the placement.
    """
    cursor = state.cursor
    if cursor[2] == START and not _restart(model, state):
        return INFEASIBLE
    room = len(state.failed) - 1
    while True:
        if cursor[3] > len(state.trail) or cursor[0] + 2 > len(state.frames):
            return FULL
        if cursor[2] == _ENTER:
            if cursor[1] == 0:
                return FOUND
            if nodes == 0:
                return RUNNING
            nodes -= 1
            cursor[1] -= 1
            low, high, parent = state.pending[cursor[1], 0], state.pending[cursor[1], 1], state.pending[cursor[1], 2]
            code = _hash(model, state, low, high)
            if state.failed[code & np.uint64(room)] == code:
                cursor[0] = parent
                cursor[2] = _RETURN
            else:
                cursor[0] += 1
                frame = state.frames[cursor[0]]
                frame[0], frame[1], frame[2], frame[3] = _choose(model, state, low, high, patience)
                frame[4], frame[5], frame[6], frame[7], frame[8], frame[9] = -1, low, high, parent, cursor[1], cursor[3]
                state.frame_hashes[cursor[0]] = code
                cursor[2] = _DECIDE
        elif cursor[2] == _RETURN:
            if cursor[0] < 0:
                return INFEASIBLE
            frame = state.frames[cursor[0]]
            _undo(model, state, frame[9])
            cursor[1] = frame[8]
            cursor[2] = _DECIDE
        else:
            frame = state.frames[cursor[0]]
            another, fits = _try_next(model, state, frame)
            if not another:
                code = state.frame_hashes[cursor[0]]
                state.failed[code & np.uint64(room)] = code
                cursor[0] = frame[7]
                cursor[2] = _RETURN
            elif fits and _settle(model, state, frame[5], frame[6]):
                _split(state, frame[5], frame[6], cursor[0])
                cursor[2] = _ENTER
            else:
                state.stale[frame[5] : frame[6]] = 0
                cursor[2] = _RETURN


search = _jit(_search, _OUTER)
