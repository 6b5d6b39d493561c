"""The arrays that the compiled search works on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from toolchain.memory.bodies import Bodies, Integers

Hashes = NDArray[np.uint64]


class Model(NamedTuple):
    """What is to be placed, in units: arrays by body or by section; `x[x_at[i] : x_at[i + 1]]` is the i-th list of x.

    `members` are the bodies of a section, `near` those that share a section with a body, `left` and `right` those that start
    and end with a section, best rank first. `highest` is the last offset at which a body ends within the capacity.
    """

    start: Integers
    end: Integers
    heights_at: Integers
    heights: Integers
    tallest: Integers
    lowest_height: Integers
    align: Integers
    highest: Integers
    members_at: Integers
    members: Integers
    near_at: Integers
    near: Integers
    left_at: Integers
    left: Integers
    right_at: Integers
    right: Integers
    rank: Integers
    hashes: Hashes
    capacity: int
    capacity_bytes: int


class State(NamedTuple):
    """Where the search stands. `lowest` is the least offset of a body that is not placed, whose own `offset` is -1.

    By section: `floor` is the least offset left, `top` the height of what is placed, `total` the height of what is not,
    `joints` how many unplaced bodies reach into the next section, `weight` how often it made a state fail. `cursor` holds
    depth, pending parts, what to do next, and length of the trail; a frame is one decision and its part of time.
    """

    offset: Integers
    lowest: Integers
    floor: Integers
    top: Integers
    total: Integers
    joints: Integers
    stale: Integers
    weight: NDArray[np.float64]
    trail: Integers
    frames: Integers
    frame_hashes: Hashes
    pending: Integers
    failed: Hashes
    cursor: Integers


def model(bodies: Bodies) -> Model:
    """The bodies without a capacity and without an order."""
    count, sections = bodies.count, bodies.sections
    start, end = bodies.start, bodies.end
    near = [np.flatnonzero((start < end[body]) & (end > start[body])) for body in range(count)]
    near = [others[others != body] for body, others in enumerate(near)]
    members = [np.flatnonzero((start <= section) & (end > section)) for section in range(sections)]
    heights = [bodies.heights[bodies.at[body] : bodies.at[body + 1]] for body in range(count)]
    ranked = np.arange(count)
    unset = Model(
        start=start,
        end=end,
        heights_at=bodies.at,
        heights=bodies.heights,
        tallest=np.array([height.max() for height in heights], np.int64),
        lowest_height=np.array([height.min() for height in heights], np.int64),
        align=bodies.align,
        highest=np.zeros(count, np.int64),
        members_at=_ends(members),
        members=_joined(members),
        near_at=_ends(near),
        near=_joined(near),
        left_at=np.concatenate([[0], np.cumsum(np.bincount(start, minlength=sections))]).astype(np.int64),
        left=ranked,
        right_at=np.concatenate([[0], np.cumsum(np.bincount(end - 1, minlength=sections))]).astype(np.int64),
        right=ranked,
        rank=ranked,
        hashes=np.random.default_rng(0).integers(1 << 62, size=count).astype(np.uint64) * 2 + 1,
        capacity=0,
        capacity_bytes=0,
    )
    return ranked_by(unset, ranked)


def ranked_by(unranked: Model, order: Integers) -> Model:
    """The same model with bodies ranked as they stand in `order`."""
    rank = np.argsort(order, kind="stable")
    left = np.lexsort((rank, unranked.start))
    right = np.lexsort((rank, unranked.end))
    return unranked._replace(rank=rank, left=left, right=right)


def within(unset: Model, bodies: Bodies, capacity: int) -> Model:
    """The same model for a capacity in bytes."""
    highest = (capacity - bodies.bytes) // bodies.unit
    return unset._replace(highest=highest, capacity=-(-capacity // bodies.unit), capacity_bytes=capacity)


def state(bodies: Bodies, room: int) -> State:
    """A state at its start; `room` scales how long the trail and the frames may grow."""
    count, sections = bodies.count, bodies.sections
    joints = np.zeros(sections, np.int64)
    for body in range(count):
        joints[bodies.start[body] : bodies.end[body] - 1] += 1
    depth = room * (count + sections) + 16
    return State(
        offset=np.full(count, -1, np.int64),
        lowest=np.zeros(count, np.int64),
        floor=np.zeros(sections, np.int64),
        top=np.zeros(sections, np.int64),
        total=bodies.totals,
        joints=joints,
        stale=np.zeros(sections, np.int64),
        weight=np.zeros(sections),
        trail=np.zeros((32 * depth, 4), np.int64),
        frames=np.zeros((depth, 10), np.int64),
        frame_hashes=np.zeros(depth, np.uint64),
        pending=np.zeros((sections + 1, 3), np.int64),
        failed=np.zeros(1 << 17, np.uint64),
        cursor=np.zeros(4, np.int64),
    )


def _ends(lists: Sequence[Integers]) -> Integers:
    return np.cumsum([0, *(len(entries) for entries in lists)], dtype=np.int64)


def _joined(lists: Sequence[Integers]) -> Integers:
    return np.concatenate([np.zeros(0, np.int64), *lists]).astype(np.int64)
