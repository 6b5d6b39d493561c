"""The compiled search, tried with several orders of bodies in turn and given more time in each round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from toolchain.memory import arrays, search
from toolchain.memory.bodies import Bodies, Integers, join
from toolchain.memory.problem import Buffer

Outcome = Integers | Literal[False] | None

_MOST_ROOM = 16


class Portfolio:
    """Attempts to place bodies within a capacity. What failed, and which sections made it fail, is kept between attempts."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._model = arrays.model(bodies)
        self._room = 2
        self._state = arrays.state(bodies, self._room)
        count = bodies.count
        length = bodies.end - bodies.start
        area = np.add.reduceat(bodies.heights, bodies.at[:-1])
        widest = np.lexsort((-area, -length))
        highest = np.argsort(-self._model.tallest, kind="stable")
        crowded = np.lexsort((-length, -bodies.crowding))
        entangled = np.lexsort((-area, -np.diff(self._model.near_at)))
        self._ways = [(widest, count), (highest, count), (crowded, 4), (entangled, 2), (entangled, 4)]
        self._weights = [np.zeros(bodies.sections) for _ in self._ways]

    def attempt(self, capacity: int, attempts: int, goes_on: Callable[[], bool]) -> Outcome:
        """Offsets in units within `capacity` bytes, False if there are none, None if the attempt or the time ended without either.

        `attempts` is how many there were; it sets the length of this one. `goes_on` is asked at times whether time is left.
        """
        model = arrays.within(self._model, self._bodies, capacity)
        for way, (order, patience) in enumerate(self._ways):
            if attempts > 0:
                noise = np.random.default_rng((attempts, way)).random(len(order))
                order = order[np.argsort(np.arange(len(order)) + 0.1 * len(order) * noise, kind="stable")]
            self._state.weight[:] = self._weights[way]
            nodes = len(order) + 2000 * _luby(attempts + 1)
            outcome = self._search(arrays.ranked_by(model, order), patience, nodes, goes_on)
            self._weights[way] = self._state.weight / 2
            if outcome is not None:
                return outcome
            if not goes_on():
                return None
        return None

    def _search(self, model: arrays.Model, patience: int, nodes: int, goes_on: Callable[[], bool]) -> Outcome:
        slice_nodes = max(16, 300_000 // self._bodies.count)
        self._state.cursor[2] = search.START
        while nodes > 0 and goes_on():
            outcome = search.search(model, self._state, min(nodes, slice_nodes), patience)
            nodes -= slice_nodes
            if outcome == search.FOUND:
                return self._state.offset.copy()
            if outcome == search.INFEASIBLE:
                return False
            if outcome == search.FULL:
                self._room = min(2 * self._room, _MOST_ROOM)
                self._state = arrays.state(self._bodies, self._room)
                return None
        return None


def warm_up() -> None:
    """Compile the search, or load what was compiled before."""
    Portfolio(join([Buffer("", 1, 0, 0)], ())).attempt(1, 0, lambda: True)


def _luby(index: int) -> int:
    """The restart sequence 1, 1, 2, 1, 1, 2, 4, … (Luby, Sinclair and Zuckerman, 1993)."""
    size = 1
    while size < index:
        size = 2 * size + 1
    return (size + 1) // 2 if size == index else _luby(index - size // 2)
