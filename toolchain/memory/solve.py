"""Placement of buffers with the least peak: by rules first, then by a search that can prove that there is none smaller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, count, islice
from time import monotonic
from typing import TYPE_CHECKING

from toolchain.memory import greedy
from toolchain.memory.bodies import Integers, join, lower_bound, permissions
from toolchain.memory.display import Display
from toolchain.memory.problem import Placement, Problem

if TYPE_CHECKING:
    from toolchain.memory.portfolio import Outcome, Portfolio

_MOST_VARIANTS = 32


def solve(problem: Problem, *, seconds: float = 10.0, quiet: bool = False) -> Placement:
    """Place the buffers: the least peak found within the time limit, or one within `problem.limit` as soon as there is one.

    The same problem gives the same placement, unless the time limit ends the search. `seconds` leaves out compiling the search,
    which happens once on a machine. Progress is shown on stderr after one second, unless `quiet`.
    """
    started = monotonic()
    search = _Search(problem)
    proven = search.peak > search.enough and search.improve(seconds, quiet)
    return Placement(search.offsets, search.peak, search.bound, proven or search.peak == search.bound, monotonic() - started)


class _Variant:
    """One choice of the buffers that take over their alias's memory.

    `bound`: bytes that no placement of it does without. `missed`: the capacity of an attempt that ended without result.
    """

    def __init__(self, problem: Problem, shared: frozenset[int]) -> None:
        self.bound = lower_bound(problem.buffers, shared)
        self.bodies = join(problem.buffers, shared)
        self.missed = 0
        self.portfolio: Portfolio | None = None

    def attempt(self, capacity: int, attempts: int, goes_on: Callable[[], bool]) -> Outcome:
        from toolchain.memory.portfolio import Portfolio

        if self.portfolio is None:
            self.portfolio = Portfolio(self.bodies)
        return self.portfolio.attempt(capacity, attempts, goes_on)


class _Search:
    """The best placement so far, and what is left to try for a better one. A peak of `enough` ends it."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.permitted = frozenset(permissions(problem.buffers))
        self.bound = lower_bound(problem.buffers, self.permitted)
        self.enough = max(self.bound, problem.limit or 0)
        self.complete = False
        self.offsets = (0,) * len(problem.buffers)
        self.peak = sum(buffer.size + buffer.align for buffer in problem.buffers)
        for shared in dict.fromkeys([self.permitted, frozenset[int]()]):
            if self.peak > self.enough:
                variant = _Variant(problem, shared)
                self._keep(variant, greedy.best(variant.bodies, self.enough))

    def improve(self, seconds: float, quiet: bool) -> bool:
        """Search until the peak is enough, the time is over, or nothing is left to try: whether nothing is left."""
        from toolchain.memory import portfolio

        with Display(len(self.problem.buffers), self.bound, seconds, quiet) as display:
            portfolio.warm_up()
            end = monotonic() + seconds

            def goes_on() -> bool:
                display.update(self.peak)
                return monotonic() < end

            tried: list[_Variant] = []
            for attempts in count():
                for variant in tried if attempts > 0 else self._variants(goes_on):
                    if attempts == 0:
                        tried.append(variant)
                    self._attempt(variant, attempts, goes_on)
                    if self.peak <= self.enough or not goes_on():
                        return False
                tried = [variant for variant in tried if variant.bound < self.peak]
                if not tried:
                    return self.complete
        return False

    def _variants(self, goes_on: Callable[[], bool]) -> Iterator[_Variant]:
        """The choices of sharing that may lead to a smaller peak, most promising first; `complete` tells whether these are all."""
        yield _Variant(self.problem, self.permitted)
        loose: list[int] = []
        for index in sorted(self.permitted):
            if lower_bound(self.problem.buffers, self.permitted - {index}) < self.peak:
                loose.append(index)
            if not goes_on():
                return
        self.complete = 2 ** len(loose) <= _MOST_VARIANTS
        for apart in islice(_subsets(loose), 1, _MOST_VARIANTS):
            yield _Variant(self.problem, self.permitted.difference(apart))

    def _attempt(self, variant: _Variant, attempts: int, goes_on: Callable[[], bool]) -> None:
        """Aim at the least peak there may be, and at one between what seemed out of reach and what is reached."""
        least = max(variant.bound, self.enough)
        between = (max(variant.missed, least) + self.peak) // 2
        for capacity in dict.fromkeys([least, between]):
            if variant.bound <= capacity < self.peak:
                found = variant.attempt(capacity, attempts, goes_on)
                if found is False:
                    variant.bound = capacity + 1
                elif found is None:
                    variant.missed = capacity
                else:
                    self._keep(variant, found)
        if self.peak - variant.missed <= self.peak // 256:
            variant.missed = 0

    def _keep(self, variant: _Variant, units: Integers) -> None:
        peak = variant.bodies.peak(units)
        if peak <= self.peak:
            self.peak = peak
            self.offsets = variant.bodies.offsets(units, len(self.problem.buffers))


def _subsets(items: list[int]) -> Iterator[tuple[int, ...]]:
    """Every subset: the empty one, the whole, then those between by size."""
    yield ()
    if items:
        yield tuple(items)
    for size in range(1, len(items)):
        yield from combinations(items, size)
