"""The arena of a program: when each buffer is live, and where it goes."""

from __future__ import annotations

from toolchain.program import Buffer, Operand, Program, Region


def lifetimes(program: Program) -> dict[Buffer, tuple[int, int]]:
    """First and last step, inclusive, at which each arena buffer is live; inputs from -1, outputs to the number of steps."""
    spans: dict[Buffer, tuple[int, int]] = {}

    def touch(operand: Operand, step: int) -> None:
        if operand.buffer.region == Region.ARENA:
            first, last = spans.get(operand.buffer, (step, step))
            spans[operand.buffer] = (min(first, step), max(last, step))

    for tensor in program.inputs:
        touch(tensor.operand, -1)
    for index, step in enumerate(program.steps):
        for operand in (*step.inputs, *step.outputs):
            touch(operand, index)
    for tensor in program.outputs:
        touch(tensor.operand, len(program.steps))
    return spans


def place(program: Program) -> None:
    """Give every arena buffer its offset."""
    spans = lifetimes(program)
    placed: list[Buffer] = []
    for buffer in sorted(spans, key=lambda b: -b.size):
        first, last = spans[buffer]
        others = sorted((b for b in placed if spans[b][0] <= last and first <= spans[b][1]), key=lambda b: b.offset)
        offset = 0
        for other in others:
            if offset + buffer.size <= other.offset:
                break
            offset = max(offset, -(-(other.offset + other.size) // buffer.align) * buffer.align)
        buffer.offset = offset
        placed.append(buffer)
    program.arena_bytes = max((b.offset + b.size for b in placed), default=0)
