"""Problems to place: random ones, perfect packings, and the least peak of tiny ones by trying every offset."""

from __future__ import annotations

import random

from toolchain.memory.problem import Buffer, Problem


def random_problem(seed: int, most: int) -> Problem:
    """Like a network's: outputs that live for some steps, some far longer, some taking over the memory of what ends there."""
    rng = random.Random(seed)
    buffers: list[Buffer] = []
    align = rng.choice([(1,), (16,), (16,), (64,), (16, 64), (1, 4, 6)])
    for step in range(rng.randint(1, most)):
        first = step // rng.choice([1, 1, 2, 3])
        last = first + rng.choice([0, 1, 1, 1, 2, 3, rng.randint(0, most)])
        ending = [index for index, other in enumerate(buffers) if other.last == first]
        alias = rng.choice(ending) if ending and rng.random() < 0.5 else None
        size = buffers[alias].size if alias is not None and rng.random() < 0.7 else rng.choice([0, 1, 7, 64, rng.randint(1, 4000)])
        buffers.append(Buffer(f"b{step}", size, first, last, rng.choice(align), alias))
    return Problem(tuple(buffers))


def tiny_problem(seed: int, most: int = 6) -> Problem:
    """A few small buffers whose alignments and aliases are as awkward as can be."""
    rng = random.Random(seed)
    count = rng.randint(1, most)
    buffers: list[Buffer] = []
    for index in range(count):
        first = rng.randint(0, 4)
        last = min(5, first + rng.choice([0, 0, 1, 1, 2, 3]))
        ending = [i for i, other in enumerate(buffers) if other.last == first]
        alias = rng.choice(ending) if ending and rng.random() < 0.7 else None
        if rng.random() < 0.1 and count > 1:
            alias = rng.choice([i for i in range(count) if i != index])
        buffers.append(
            Buffer(f"b{index}", rng.choice([0, 1, 2, 3, 4, 5, 6, 8]), first, last, rng.choice([1, 1, 1, 2, 3, 4]), alias)
        )
    return Problem(tuple(buffers))


def perfect_packing(seed: int, count: int, steps: int = 400, height: int = 1024) -> Problem:
    """About `count` buffers that can fill `height` bytes in every step without a gap."""
    rng = random.Random(seed)
    parts = [(0, steps, 0, height)]
    while len(parts) < count:
        weights = [((b - a) * (d - c)) ** 0.7 for a, b, c, d in parts]
        index = rng.choices(range(len(parts)), weights)[0]
        start, end, low, high = parts[index]
        if rng.random() < 0.25 and end - start >= 3 and high - low >= 3:
            left, right = sorted(rng.sample(range(start + 1, end), 2))
            below, above = sorted(rng.sample(range(low + 1, high), 2))
            parts[index : index + 1] = [
                (start, right, low, below),
                (right, end, low, above),
                (left, end, above, high),
                (start, left, below, high),
                (left, right, below, above),
            ]
        elif rng.random() < 0.5 and end - start >= 2:
            middle = rng.randrange(start + 1, end)
            parts[index : index + 1] = [(start, middle, low, high), (middle, end, low, high)]
        elif high - low >= 2:
            middle = rng.randrange(low + 1, high)
            parts[index : index + 1] = [(start, end, low, middle), (start, end, middle, high)]
    rng.shuffle(parts)
    return Problem(tuple(Buffer(f"b{i}", d - c, a, b - 1) for i, (a, b, c, d) in enumerate(parts)))


def least_peak(problem: Problem) -> int:
    """The least peak of a tiny problem, by trying every offset of every buffer."""
    buffers = problem.buffers

    def apart(i: int, at: int, j: int, there: int) -> bool:
        a, b = buffers[i], buffers[j]
        if a.last < b.first or b.last < a.first or at + a.size <= there or there + b.size <= at:
            return True
        taken_over = (b.alias == i and a.last == b.first) or (a.alias == j and b.last == a.first)
        return taken_over and at == there and max(a.first, b.first) == min(a.last, b.last)

    def fill(offsets: list[int], peak: int) -> bool:
        index = len(offsets)
        if index == len(buffers):
            return True
        for offset in range(0, peak - buffers[index].size + 1, buffers[index].align):
            if all(apart(index, offset, other, there) for other, there in enumerate(offsets)) and fill([*offsets, offset], peak):
                return True
        return False

    peak = max((buffer.size for buffer in buffers), default=0)
    while not fill([], peak):
        peak += 1
    return peak
