"""The solver against trying everything, against packings that are known to exist, and in its own words against the checker."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.memory.problems import least_peak, perfect_packing, random_problem, tiny_problem
from toolchain.memory import arrays, greedy, portfolio
from toolchain.memory.bodies import Bodies, Integers, join, lower_bound, permissions
from toolchain.memory.check import check
from toolchain.memory.portfolio import Portfolio
from toolchain.memory.problem import Buffer, Placement, Problem
from toolchain.memory.solve import solve


def solved(*buffers: Buffer, limit: int | None = None) -> Placement:
    problem = Problem(buffers, limit)
    placement = solve(problem, quiet=True)
    check(problem, placement)
    return placement


def test_thousand_random_problems_are_proven_again() -> None:
    for seed in range(1000):
        problem = random_problem(seed, 40)
        placement = solve(problem, seconds=0.02, quiet=True)
        check(problem, placement)
        assert placement.optimal or placement.peak > placement.lower_bound


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_tiny_problems_get_their_least_peak(seed: int) -> None:
    problem = tiny_problem(seed)
    placement = solve(problem, seconds=60, quiet=True)
    check(problem, placement)
    assert placement.optimal
    assert placement.peak == least_peak(problem)
    assert placement.lower_bound <= placement.peak


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_search_alone_finds_the_least_peak(seed: int) -> None:
    def tower(bodies: Bodies, enough: int) -> Integers:
        offsets = np.zeros(bodies.count, np.int64)
        step = int(np.lcm.reduce(bodies.align, initial=1))
        for body in range(1, bodies.count):
            height = -(-int(bodies.bytes[body - 1]) // bodies.unit)
            offsets[body] = -(-(offsets[body - 1] + height) // step) * step
        return offsets

    problem = tiny_problem(seed, 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(greedy, "best", tower)
        placement = solve(problem, seconds=60, quiet=True)
    check(problem, placement)
    assert placement.optimal
    assert placement.peak == least_peak(problem)


@pytest.mark.parametrize("seed", range(6))
def test_perfect_packings_are_found(seed: int) -> None:
    problem = perfect_packing(seed, 120)
    placement = solve(problem, seconds=60, quiet=True)
    check(problem, placement)
    assert placement.peak == placement.lower_bound == 1024
    assert placement.optimal


@pytest.mark.parametrize(
    ("buffers", "bound"),
    [
        ((), 0),
        ((Buffer("a", 0, 0, 1),), 0),
        ((Buffer("a", 5, 0, 1), Buffer("b", 3, 1, 2)), 8),
        ((Buffer("a", 5, 0, 1), Buffer("b", 3, 2, 3)), 5),
        ((Buffer("a", 5, -1, 9), Buffer("b", 3, 0, 1), Buffer("c", 4, 1, 2)), 12),
        ((Buffer("a", 5, 0, 1, 4), Buffer("b", 3, 0, 1, 4)), 9),
        ((Buffer("a", 1, 0, 1, 16), Buffer("b", 1, 0, 1, 16), Buffer("c", 16, 0, 1, 16)), 33),
        ((Buffer("a", 1, 0, 1, 16), Buffer("b", 1, 0, 1, 16), Buffer("c", 3, 0, 1, 1)), 17),
        ((Buffer("a", 3, 0, 1, 4), Buffer("b", 5, 0, 1, 6)), 9),
        ((Buffer("a", 5, 0, 1), Buffer("b", 5, 1, 2, alias=0)), 5),
        ((Buffer("a", 5, 0, 1), Buffer("b", 7, 1, 2, alias=0), Buffer("c", 2, 0, 9)), 9),
        ((Buffer("a", 5, 0, 1), Buffer("b", 5, 1, 2, alias=0), Buffer("c", 4, 1, 2, alias=0)), 9),
        ((Buffer("a", 5, 0, 2), Buffer("b", 5, 1, 2, alias=0)), 10),
    ],
)
def test_lower_bound(buffers: tuple[Buffer, ...], bound: int) -> None:
    assert lower_bound(buffers, permissions(buffers)) == bound
    assert least_peak(Problem(buffers)) >= bound


def test_nothing_to_place() -> None:
    nothing = solved()
    assert (nothing.offsets, nothing.peak, nothing.lower_bound, nothing.optimal) == ((), 0, 0, True)
    assert solved(Buffer("a", 0, 0, 3), Buffer("b", 0, 1, 2, 64)).offsets == (0, 0)


def test_memory_is_taken_over_in_a_chain() -> None:
    placement = solved(Buffer("x", 64, -1, 0), Buffer("y", 64, 0, 1, alias=0), Buffer("z", 64, 1, 2, alias=1))
    assert placement.offsets == (0, 0, 0)
    assert placement.peak == 64


def test_memory_is_taken_over_by_a_smaller_and_a_larger_buffer() -> None:
    narrow = solved(Buffer("x", 64, 0, 1), Buffer("y", 16, 1, 2, alias=0), Buffer("z", 48, 2, 3), Buffer("w", 16, 3, 4))
    assert narrow.peak == 64
    wide = solved(Buffer("x", 16, 0, 1), Buffer("y", 64, 1, 2, alias=0))
    assert wide.peak == 64


def test_memory_is_not_taken_over_where_that_is_worse() -> None:
    """Joined, buffers 2 and 7 leave no placement in 16 bytes; apart, there is one."""
    sizes = (1, 3, 2, 1, 2, 1, 2, 1, 4, 2, 3, 1, 2)
    spans = ((2, 3), (1, 5), (0, 2), (1, 5), (0, 3), (1, 5), (4, 6), (2, 3), (1, 5), (3, 6), (0, 1), (2, 6), (4, 4))
    plain = [Buffer(f"b{i}", size, *span) for i, (size, span) in enumerate(zip(sizes, spans, strict=True))]
    buffers = [*plain[:7], replace(plain[7], alias=2), *plain[8:]]
    placement = solved(*buffers)
    assert placement.peak == placement.lower_bound == 16
    joined = Portfolio(join(buffers, {7}))
    outcomes = [joined.attempt(16, attempts, lambda: True) for attempts in range(8)]
    assert any(outcome is False for outcome in outcomes)


def test_only_one_of_two_takes_over() -> None:
    placement = solved(Buffer("x", 8, 0, 1), Buffer("y", 8, 1, 2, alias=0), Buffer("z", 8, 1, 2, alias=0))
    assert placement.peak == 16


def test_limit_ends_the_search() -> None:
    problem = perfect_packing(1, 250)
    least = solve(Problem(problem.buffers, 1200), quiet=True)
    assert 1024 <= least.peak <= 1200
    assert solved(Buffer("a", 9, 0, 0), limit=5).peak == 9


def test_same_problem_same_placement() -> None:
    problem = perfect_packing(2, 120)
    assert solve(problem, quiet=True).offsets == solve(problem, quiet=True).offsets


def test_time_limit_holds_and_progress_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def futile(self: Portfolio, capacity: int, attempts: int, goes_on: Callable[[], bool]) -> None:
        while goes_on():
            time.sleep(0.01)

    monkeypatch.setattr(Portfolio, "attempt", futile)
    monkeypatch.setattr(portfolio, "warm_up", lambda: None)
    monkeypatch.setenv("FORCE_COLOR", "1")
    problem = perfect_packing(1, 250)
    for quiet in (False, True):
        started = time.monotonic()
        placement = solve(problem, seconds=1.3, quiet=quiet)
        check(problem, placement)
        assert not placement.optimal
        assert 1.3 <= time.monotonic() - started < 30
        shown = capsys.readouterr()
        assert ("bytes so far, at least 1,024" in shown.err) is not quiet
        assert not shown.out


def test_arrays_grow_when_they_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    rooms: list[int] = []

    def state(bodies: Bodies, room: int) -> arrays.State:
        rooms.append(room)
        whole = full(bodies, room)
        return whole._replace(trail=whole.trail[: 40 * room**3])

    full = arrays.state
    monkeypatch.setattr(arrays, "state", state)
    problem = perfect_packing(3, 60)
    found = Portfolio(join(problem.buffers, ())).attempt(1024, 0, lambda: True)
    assert found is not None and found is not False
    assert rooms[:2] == [2, 4]


def test_search_compiles_where_nothing_can_be_cached() -> None:
    code = "import numba.core.caching as c; c.CacheImpl._locator_classes = []; import toolchain.memory.search"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_bodies_keep_only_sections_that_matter() -> None:
    buffers = (Buffer("a", 4, 0, 9), Buffer("b", 4, 2, 3), Buffer("c", 4, 3, 4), Buffer("d", 4, 7, 7))
    bodies = join(buffers, ())
    assert bodies.sections == 2
    assert bodies.totals.tolist() == [12, 8]
