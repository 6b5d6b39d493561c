"""The order of steps that keeps the fewest bytes live at once: exact where the choices are few, else the best of a beam."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple


class Part(NamedTuple):
    """Bytes `start` to `end` (excluded) of a buffer."""

    buffer: int
    start: int
    end: int


@dataclass(frozen=True)
class Step:
    """What one step reads and writes. `takes_over`: pairs of a buffer it writes and one it reads, which may share their bytes."""

    reads: tuple[Part, ...]
    writes: tuple[Part, ...]
    takes_over: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Work:
    """Steps in an order that is right, over buffers of these sizes. Those of `inputs` are live before it, of `outputs` after it."""

    steps: tuple[Step, ...]
    sizes: tuple[int, ...]
    inputs: frozenset[int] = frozenset()
    outputs: frozenset[int] = frozenset()


def live_bytes(work: Work, order: Sequence[int]) -> list[int]:
    """The bytes that are live in each step of an order."""
    choices = _Choices(work)
    state, result = choices.start, []
    for step in order:
        during, state = choices.run(state, step)
        result.append(during)
    return result


def reorder(work: Work, *, most_states: int = 20_000, beam: int = 16) -> tuple[int, ...]:
    """Indices of the steps in an order whose greatest number of live bytes is least, as far as the limits let it be found.

    Where the given order is as good, it stays. Steps that depend on all before them and precede all after them split the work.
    """
    choices = _Choices(work)
    given = live_bytes(work, range(len(work.steps)))
    parts = [(start, end, max(given[start:end])) for start, end in choices.parts()]
    order = list(range(len(work.steps)))
    settled = choices.floor
    for start, end, peak in sorted(parts, key=lambda part: -part[2]):
        if peak <= settled:
            break
        found = choices.improve(start, end, peak, settled, most_states, beam)
        if found is not None:
            peak, order[start:end] = found
        settled = max(settled, peak)
    return tuple(order)


class _State(NamedTuple):
    """The steps that have run, as bits, and the bytes live after them."""

    done: int
    live: int


class _Choices:
    """The work as bit masks: for each step what must run before it, for each buffer which steps touch it."""

    def __init__(self, work: Work) -> None:
        self.work = work
        count = len(work.steps)
        self.all = (1 << count) - 1
        self.touched = [tuple(sorted({part.buffer for part in step.reads + step.writes})) for step in work.steps]
        self.touching = [0] * len(work.sizes)
        for index, buffers in enumerate(self.touched):
            for buffer in buffers:
                self.touching[buffer] |= 1 << index
        self.before = self._dependencies()
        self.start = _State(0, sum(work.sizes[b] for b in work.inputs if self.touching[b] or b in work.outputs))
        self.floor = max((self._least(step) for step in range(count)), default=0)

    def _dependencies(self) -> list[int]:
        """For each step all those that it must follow: one of the two writes bytes that the other reads or writes."""
        before: list[int] = []
        earlier: dict[int, list[tuple[int, Part, bool]]] = {}
        for index, step in enumerate(self.work.steps):
            mask = 0
            uses = [(part, False) for part in step.reads] + [(part, True) for part in step.writes]
            for part, writes in uses:
                for other, its, wrote in earlier.get(part.buffer, ()):
                    if (writes or wrote) and part.start < its.end and its.start < part.end:
                        mask |= before[other] | 1 << other
            for part, writes in uses:
                earlier.setdefault(part.buffer, []).append((index, part, writes))
            before.append(mask)
        return before

    def _saved(self, step: int, born: int, dying: int) -> int:
        """Bytes that a step's outputs take over, out of those of buffers that are born and that die in it."""
        best: dict[int, int] = {}
        for new, old in self.work.steps[step].takes_over:
            if born >> new & 1 and dying >> old & 1:
                best[old] = max(best.get(old, 0), min(self.work.sizes[new], self.work.sizes[old]))
        return sum(best.values())

    def _least(self, step: int) -> int:
        """Bytes live in a step whatever the order."""
        buffers = self.touched[step]
        everything = (1 << len(self.work.sizes)) - 1
        return sum(self.work.sizes[b] for b in buffers) - self._saved(step, everything, everything)

    def run(self, state: _State, step: int) -> tuple[int, _State]:
        """Bytes live during a step, and the state after it."""
        sizes, done = self.work.sizes, state.done | 1 << step
        during, freed, born, dying = state.live, 0, 0, 0
        for buffer in self.touched[step]:
            touching = self.touching[buffer]
            if not touching & state.done and buffer not in self.work.inputs:
                during += sizes[buffer]
                born |= 1 << buffer
            if not touching & ~done and buffer not in self.work.outputs:
                freed += sizes[buffer]
                dying |= 1 << buffer
        saved = self._saved(step, born, dying) if born and dying else 0
        return during - saved, _State(done, during - freed)

    def ready(self, done: int, start: int, end: int) -> Iterator[int]:
        """Steps of a part that may run next."""
        for step in range(start, end):
            if not done >> step & 1 and not self.before[step] & ~done:
                yield step

    def parts(self) -> list[tuple[int, int]]:
        """Ranges of steps whose order is independent of that in the others."""
        count = len(self.work.steps)
        edges = {0, count}
        common = self.all
        for step in reversed(range(count)):
            if self.before[step].bit_count() == step and common >> step & 1:
                edges |= {step, step + 1}
            common &= self.before[step]
        return list(pairwise(sorted(edges)))

    def _forward(self, state: _State, start: int, end: int, allowed: int) -> tuple[list[int], _State]:
        """Run the steps that cannot be wrong: they stay within the bytes allowed and leave no more live than before."""
        ran: list[int] = []
        again = True
        while again:
            again = False
            for step in self.ready(state.done, start, end):
                during, after = self.run(state, step)
                if during <= allowed and after.live <= state.live:
                    state, again = after, True
                    ran.append(step)
        return ran, state

    def improve(self, start: int, end: int, peak: int, floor: int, most_states: int, beam: int) -> tuple[int, list[int]] | None:
        """A better order of a part than one with that peak, and its peak; None if none was found. Less than `floor` is no gain."""
        state = _State((1 << start) - 1, self.start.live)
        for step in range(start):
            state = self.run(_State((1 << step) - 1, state.live), step)[1]
        complete, found = self._exact(state, start, end, peak, floor, most_states)
        return found if complete else self._beam(state, start, end, peak, floor, beam)

    def _exact(
        self, first: _State, start: int, end: int, peak: int, floor: int, most_states: int
    ) -> tuple[bool, tuple[int, list[int]] | None]:
        """Least peak first over the sets of steps that have run: whether the search came to its end, and what it found."""
        goal = (1 << end) - 1
        ran, state = self._forward(first, start, end, floor)
        came: dict[int, tuple[int, list[int]]] = {state.done: (first.done, ran)}
        best = {state.done: floor}
        queue = [(floor, state.live, state.done)]
        while queue:
            reached, live, done = heapq.heappop(queue)
            if done == goal:
                return True, (reached, _path(came, first.done, goal))
            if reached > best[done]:
                continue
            if len(best) > most_states:
                return False, None
            for step in self.ready(done, start, end):
                during, after = self.run(_State(done, live), step)
                top = max(reached, during)
                if top >= peak:
                    continue
                ran, after = self._forward(after, start, end, top)
                if top < best.get(after.done, peak):
                    best[after.done] = top
                    came[after.done] = (done, [step, *ran])
                    heapq.heappush(queue, (top, after.live, after.done))
        return True, None

    def _beam(self, first: _State, start: int, end: int, peak: int, floor: int, width: int) -> tuple[int, list[int]] | None:
        """As above, but keeping only the most promising sets after each step."""
        goal = (1 << end) - 1
        found: tuple[int, list[int]] | None = None
        ran, state = self._forward(first, start, end, floor)
        front: dict[int, tuple[int, int, list[int]]] = {state.done: (floor, state.live, ran)}
        while front:
            following: dict[int, tuple[int, int, list[int]]] = {}
            for done, (reached, live, path) in front.items():
                for step in self.ready(done, start, end):
                    during, after = self.run(_State(done, live), step)
                    top = max(reached, during)
                    if top >= peak:
                        continue
                    ran, after = self._forward(after, start, end, top)
                    entry = (top, after.live, [*path, step, *ran])
                    if after.done == goal:
                        peak, found = top, (top, entry[2])
                    elif after.done not in following or entry[:2] < following[after.done][:2]:
                        following[after.done] = entry
            front = dict(sorted(following.items(), key=lambda item: (item[1][0], item[1][1], item[0]))[:width])
        return found


def _path(came: dict[int, tuple[int, list[int]]], start: int, goal: int) -> list[int]:
    """The steps from one set to another."""
    pieces: list[list[int]] = []
    done = goal
    while done != start:
        done, ran = came[done]
        pieces.append(ran)
    return [step for piece in reversed(pieces) for step in piece]
