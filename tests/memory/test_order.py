"""Orders against all orders of tiny works, and what must hold for any."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise, permutations

import pytest

from toolchain.memory.order import Part, Step, Work, live_bytes, reorder


def peak(work: Work, order: Sequence[int]) -> int:
    """The most bytes live in a step, from each buffer's first and last step."""
    position = {step: place for place, step in enumerate(order)}
    spans = {}
    for buffer in range(len(work.sizes)):
        at = [position[i] for i, step in enumerate(work.steps) if any(part.buffer == buffer for part in step.reads + step.writes)]
        if at or buffer in work.inputs & work.outputs:
            first, last = min(at, default=0), max(at, default=0)
            spans[buffer] = (-1 if buffer in work.inputs else first, len(order) if buffer in work.outputs else last)
    most = 0
    for place, step in enumerate(order):
        live = sum(work.sizes[buffer] for buffer, (first, last) in spans.items() if first <= place <= last)
        saved: dict[int, int] = {}
        for new, old in work.steps[step].takes_over:
            if spans[new][0] == place == spans[old][1]:
                saved[old] = max(saved.get(old, 0), min(work.sizes[new], work.sizes[old]))
        most = max(most, live - sum(saved.values()))
    return most


def follows(work: Work) -> set[tuple[int, int]]:
    """Pairs of steps of which the first must stay before the second."""
    pairs = set()
    for j, later in enumerate(work.steps):
        for i, earlier in enumerate(work.steps[:j]):
            for p in earlier.reads + earlier.writes:
                for q in later.reads + later.writes:
                    if p.buffer == q.buffer and p.start < q.end and q.start < p.end and (p in earlier.writes or q in later.writes):
                        pairs.add((i, j))
    return pairs


def random_work(seed: int, most: int = 7) -> Work:
    """Steps that read recent values; some values are written in two halves by different steps, as a concatenation is."""
    rng = random.Random(seed)
    sizes = [rng.randint(1, 20) for _ in range(rng.randint(1, 2))]
    inputs = frozenset(range(len(sizes)))
    values = [Part(buffer, 0, size) for buffer, size in enumerate(sizes)]
    rest: Part | None = None
    steps = []
    for _ in range(rng.randint(1, most)):
        reads = tuple(dict.fromkeys(rng.choice(values[-rng.randint(1, 6) :]) for _ in range(rng.randint(1, 3))))
        if rest is not None and rng.random() < 0.6:
            written, whole = rest, Part(rest.buffer, 0, rest.end)
            values.append(whole if rng.random() < 0.5 else written)
            rest = None
        else:
            sizes.append(rng.randint(2, 20))
            written = Part(len(sizes) - 1, 0, sizes[-1])
            if rng.random() < 0.2:
                middle = sizes[-1] // 2
                rest, written = written._replace(start=middle), written._replace(end=middle)
            values.append(written)
        over = tuple((written.buffer, p.buffer) for p in reads if p.buffer != written.buffer and rng.random() < 0.5)
        steps.append(Step(reads, (written,), over))
    outputs = frozenset(rng.choice(values).buffer for _ in range(rng.randint(1, 2)))
    return Work(tuple(steps), tuple(sizes), inputs, outputs)


@pytest.mark.parametrize("seed", range(300))
def test_order_is_the_best_of_all(seed: int) -> None:
    work = random_work(seed, 6)
    pairs = follows(work)
    orders = [o for o in permutations(range(len(work.steps))) if all(o.index(i) < o.index(j) for i, j in pairs)]
    least = min(peak(work, order) for order in orders)
    order = reorder(work)
    assert order in orders
    assert peak(work, order) == max(live_bytes(work, order)) == least
    short = reorder(work, most_states=0)
    assert short in orders
    assert least <= peak(work, short) <= peak(work, range(len(work.steps)))


@pytest.mark.parametrize("seed", range(20))
def test_order_of_more_steps_is_right_and_no_worse(seed: int) -> None:
    work = random_work(seed, 150)
    order = reorder(work, most_states=500, beam=4)
    place = {step: index for index, step in enumerate(order)}
    assert sorted(order) == list(range(len(work.steps)))
    assert all(place[i] < place[j] for i, j in follows(work))
    assert max(live_bytes(work, order)) <= max(live_bytes(work, range(len(order))))


def test_branches_run_one_after_the_other() -> None:
    """Two branches widen and narrow again: run by turns, both wide values are live at once."""
    x, wide_a, wide_b, a, b, y = (Part(buffer, 0, size) for buffer, size in enumerate((10, 100, 100, 10, 10, 10)))
    steps = (Step((x,), (wide_a,)), Step((x,), (wide_b,)), Step((wide_a,), (a,)), Step((wide_b,), (b,)), Step((a, b), (y,)))
    work = Work(steps, (10, 100, 100, 10, 10, 10), frozenset({0}), frozenset({5}))
    assert max(live_bytes(work, range(5))) == 210
    assert max(live_bytes(work, reorder(work))) == 120


def test_given_order_stays_where_it_is_best() -> None:
    parts = [Part(buffer, 0, 8) for buffer in range(5)]
    work = Work(tuple(Step((a,), (b,)) for a, b in pairwise(parts)), (8,) * 5, frozenset({0}), frozenset({4}))
    assert reorder(work) == (0, 1, 2, 3)
    assert reorder(Work((), ())) == ()


def test_takeover_counts_once() -> None:
    x, y = Part(0, 0, 8), Part(1, 0, 8)
    work = Work((Step((x,), (y,), ((1, 0),)),), (8, 8), frozenset({0}), frozenset({1}))
    assert live_bytes(work, (0,)) == [8]
    kept = Work(work.steps, work.sizes, work.inputs, frozenset({0, 1}))
    assert live_bytes(kept, (0,)) == [16]
