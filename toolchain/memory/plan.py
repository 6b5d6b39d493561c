"""The arena of a program: when each buffer is live, what may be written in place, and where everything goes."""

from __future__ import annotations

from toolchain.memory.check import check
from toolchain.memory.problem import Buffer as Piece
from toolchain.memory.problem import Problem
from toolchain.memory.solve import solve
from toolchain.program import Buffer, Operand, Program, Region

Spans = dict[Buffer, tuple[int, int]]


def lifetimes(program: Program) -> Spans:
    """First and last step, inclusive, at which each arena buffer is live; inputs from -1, outputs to the number of steps."""
    spans: Spans = {}

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


def takeovers(program: Program, spans: Spans) -> dict[Buffer, Buffer]:
    """For an output that a kernel may write in place the input whose memory it may take over: equal in size, and read no more."""
    found: dict[Buffer, Buffer] = {}
    for index, step in enumerate(program.steps):
        target = step.outputs[0]
        for position, source in enumerate(step.inputs):
            permitted = step.kernel.in_place >> position & 1 and source.buffer is not target.buffer
            whole = source.size == source.buffer.size == target.size == target.buffer.size
            ends = source.buffer in spans and spans[source.buffer][1] == index
            begins = target.buffer in spans and spans[target.buffer][0] == index
            apart = all(other == source for other in step.inputs if other.buffer is source.buffer)
            if permitted and whole and ends and begins and apart:
                found[target.buffer] = source.buffer
                break
    return found


def place(program: Program) -> None:
    """Give every arena buffer its offset, and prove the placement by the independent checker."""
    spans = lifetimes(program)
    aliases = takeovers(program, spans)
    index = {buffer: position for position, buffer in enumerate(spans)}
    pieces = [
        Piece(b.name, b.size, first, last, b.align, index[aliases[b]] if b in aliases else None)
        for b, (first, last) in spans.items()
    ]
    problem = Problem(tuple(pieces))
    placement = solve(problem)
    check(problem, placement)
    for buffer, offset in zip(spans, placement.offsets, strict=True):
        buffer.offset = offset
    program.arena_bytes = placement.peak
    program.arena_lower_bound = placement.lower_bound
    program.arena_optimal = placement.optimal
