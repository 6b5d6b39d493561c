"""The placement problem as plain data: buffers, when they are live, and where they end up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Buffer:
    """Bytes that are live from step `first` to step `last`, both included, at an offset that is a multiple of `align`.

    `alias` is the index of a buffer whose memory this one may take over: if that one's last step is this one's first, the
    two may have the same offset. It permits and never requires; it means nothing where the lifetimes do not meet that way.
    """

    name: str
    size: int
    first: int
    last: int
    align: int = 1
    alias: int | None = None


@dataclass(frozen=True)
class Problem:
    """Buffers to place in one memory. `limit`: bytes below which less is no gain; None asks for the least."""

    buffers: tuple[Buffer, ...]
    limit: int | None = None

    def __post_init__(self) -> None:
        for index, buffer in enumerate(self.buffers):
            wrong = _wrong(buffer, index, len(self.buffers))
            if wrong:
                raise ValueError(f"buffer {index} '{buffer.name}' has {wrong}")
        if self.limit is not None and self.limit < 0:
            raise ValueError(f"limit is {self.limit}, expected at least 0")


@dataclass(frozen=True)
class Placement:
    """Offsets in bytes, in the order of the problem's buffers. `lower_bound` holds for any placement of these lifetimes.

    `optimal`: no placement has a smaller peak, because it equals the bound or because the search left nothing untried.
    """

    offsets: tuple[int, ...]
    peak: int
    lower_bound: int
    optimal: bool
    seconds: float


def _wrong(buffer: Buffer, index: int, count: int) -> str:
    if buffer.size < 0:
        return f"size {buffer.size}, expected at least 0"
    if buffer.first > buffer.last:
        return f"first step {buffer.first} after its last step {buffer.last}"
    if buffer.align < 1:
        return f"alignment {buffer.align}, expected at least 1"
    if buffer.alias is not None and (buffer.alias == index or not 0 <= buffer.alias < count):
        return f"alias {buffer.alias}, expected the index of another of the {count} buffers"
    return ""
