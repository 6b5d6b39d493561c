"""What the solver places: buffers that share an offset as one body, over the sections of time that matter."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.memory.problem import Buffer

Integers = NDArray[np.int64]


def permissions(buffers: Sequence[Buffer]) -> dict[int, int]:
    """Buffers that may take over another's memory, and whose: the alias ends in the step in which the buffer starts."""
    return {
        index: buffer.alias
        for index, buffer in enumerate(buffers)
        if buffer.alias is not None
        and buffer.size > 0
        and buffers[buffer.alias].size > 0
        and buffers[buffer.alias].last == buffer.first
    }


def lower_bound(buffers: Sequence[Buffer], shared: Collection[int]) -> int:
    """Bytes that no placement can do without, when of all buffers only those in `shared` may take over their alias's memory.

    For each divisor of alignments, the buffers that have it stand on its multiples: in every step, all of them but the topmost
    fill whole ones.
    """
    taken = permissions(buffers)
    best = 0
    divisors: set[int] = set()
    for buffer in buffers:
        if buffer.align not in divisors:
            divisors |= {math.gcd(buffer.align, divisor) for divisor in divisors} | {buffer.align}
    for align in sorted(divisors):
        chosen = [index for index, buffer in enumerate(buffers) if buffer.size > 0 and buffer.align % align == 0]
        if not chosen:
            continue
        sizes = np.array([buffers[index].size for index in chosen], np.int64)
        whole = -(-sizes // align) * align
        moments, start = np.unique([buffers[index].first for index in chosen], return_inverse=True)
        end = np.searchsorted(moments, [buffers[index].last for index in chosen], side="right")
        change = np.zeros(len(moments) + 1, np.int64)
        np.add.at(change, start, whole)
        np.subtract.at(change, end, whole)
        live = np.cumsum(change[:-1])
        slack = np.zeros(len(moments), np.int64)
        for padded in np.flatnonzero(whole > sizes):
            span = slice(start[padded], end[padded])
            np.maximum(slack[span], whole[padded] - sizes[padded], out=slack[span])
        saving: dict[int, int] = {}
        place = {index: position for position, index in enumerate(chosen)}
        for index, position in place.items():
            parent = taken.get(index) if index in shared else None
            if parent is not None and parent in place:
                saving[parent] = max(saving.get(parent, 0), int(min(whole[position], whole[place[parent]])))
        for parent, saved in saving.items():
            live[np.searchsorted(moments, buffers[parent].last)] -= saved
        best = max(best, int((live - slack).max()))
    return best


@dataclass(frozen=True)
class Bodies:
    """Flat-bottomed bodies in units of their common alignment. Body i spans sections start[i] to end[i] (excluded).

    A section is a span of time whose live bodies no neighbour's include. heights[at[i] + s - start[i]] is body i's height in
    section s; it varies where buffers of different sizes share an offset.
    """

    members: list[list[int]]
    unit: int
    bytes: Integers
    align: Integers
    start: Integers
    end: Integers
    at: Integers
    heights: Integers
    sections: int

    @property
    def count(self) -> int:
        return len(self.members)

    @property
    def totals(self) -> Integers:
        """The heights of all bodies in each section."""
        totals = np.zeros(self.sections, np.int64)
        for body in range(self.count):
            totals[self.start[body] : self.end[body]] += self.heights[self.at[body] : self.at[body + 1]]
        return totals

    @property
    def crowding(self) -> Integers:
        """For each body the greatest total of a section in which it is live."""
        totals = self.totals
        return np.array([totals[start:end].max() for start, end in zip(self.start, self.end, strict=True)], np.int64)

    def offsets(self, units: Integers, buffers: int) -> tuple[int, ...]:
        """Offsets in bytes of that many buffers; those of no body have no size and lie at 0."""
        result = [0] * buffers
        for body, members in enumerate(self.members):
            for member in members:
                result[member] = int(units[body]) * self.unit
        return tuple(result)

    def peak(self, units: Integers) -> int:
        return int((units * self.unit + self.bytes).max()) if self.members else 0


def join(buffers: Sequence[Buffer], shared: Collection[int]) -> Bodies:
    """The bodies that arise when each buffer in `shared` takes over its alias's memory; a buffer gives its memory up once."""
    members = _groups(buffers, shared)
    owner = {index: body for body, group in enumerate(members) for index in group}
    align = [math.lcm(*(buffers[i].align for i in group)) for group in members]
    unit = math.gcd(*align) if align else 1
    profiles = _sections(buffers, owner)
    start, end = np.full(len(members), len(profiles)), np.zeros(len(members), np.int64)
    columns: list[list[int]] = [[] for _ in members]
    for position, profile in enumerate(profiles):
        for body, size in profile.items():
            start[body] = min(start[body], position)
            end[body] = position + 1
            columns[body].append(-(-size // unit))
    return Bodies(
        members=members,
        unit=unit,
        bytes=np.array([max(buffers[i].size for i in group) for group in members], np.int64),
        align=np.array(align, np.int64) // unit,
        start=start.astype(np.int64),
        end=end,
        at=np.concatenate([[0], np.cumsum(end - start)]).astype(np.int64),
        heights=np.array([height for column in columns for height in column], np.int64),
        sections=len(profiles),
    )


def _groups(buffers: Sequence[Buffer], shared: Collection[int]) -> list[list[int]]:
    """Buffers that have a size, grouped with those whose memory they take over; of several takers the largest takes it."""
    heirs: dict[int, int] = {}
    for taker, parent in permissions(buffers).items():
        if taker in shared and (parent not in heirs or buffers[heirs[parent]].size < buffers[taker].size):
            heirs[parent] = taker
    sized = [index for index, buffer in enumerate(buffers) if buffer.size > 0]
    groups: list[list[int]] = []
    seen: set[int] = set()
    takers = set(heirs.values())
    for root in sorted(sized, key=lambda index: (index in takers, buffers[index].first, index)):
        group: list[int] = []
        index: int | None = root
        while index is not None and index not in seen:
            if len(group) > 1 and buffers[group[-1]].first == buffers[index].first:  # three would share that step
                groups.append(group)
                group = []
            group.append(index)
            seen.add(index)
            index = heirs.get(index)
        if group:
            groups.append(group)
    return groups


def _sections(buffers: Sequence[Buffer], owner: dict[int, int]) -> list[dict[int, int]]:
    """For each section the bytes that each live body has there."""
    starting: dict[int, list[int]] = {}
    ending: dict[int, list[int]] = {}
    for index in owner:
        starting.setdefault(buffers[index].first, []).append(index)
        ending.setdefault(buffers[index].last + 1, []).append(index)
    live: dict[int, list[int]] = {}
    kept: list[dict[int, int]] = []
    for moment in sorted(starting.keys() | ending.keys()):
        for index in ending.get(moment, ()):
            live[owner[index]].remove(buffers[index].size)
            if not live[owner[index]]:
                del live[owner[index]]
        for index in starting.get(moment, ()):
            live.setdefault(owner[index], []).append(buffers[index].size)
        profile = {body: max(sizes) for body, sizes in live.items()}
        while kept and _within(kept[-1], profile):
            kept.pop()
        if profile and not (kept and _within(profile, kept[-1])):
            kept.append(profile)
    return kept


def _within(inner: dict[int, int], outer: dict[int, int]) -> bool:
    return len(inner) <= len(outer) and all(outer.get(body, 0) >= size for body, size in inner.items())
