"""The arena of a program: when each buffer is live, what may be written in place, and where everything goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolchain.memory.check import check
from toolchain.memory.order import Part, Step, Work, reorder
from toolchain.memory.problem import Buffer as Piece
from toolchain.memory.problem import Problem
from toolchain.memory.solve import solve
from toolchain.program import Buffer, Operand, Program, Region
from toolchain.program import Step as KernelStep

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


def arrange(program: Program) -> None:
    """Put the steps into the order that keeps the fewest bytes live, where another than theirs is better."""
    index = {b: i for i, b in enumerate(b for b in program.buffers() if b.region != Region.CONSTANT)}

    def parts(operands: Sequence[Operand]) -> tuple[Part, ...]:
        return tuple(Part(index[o.buffer], o.offset, o.offset + o.size) for o in operands if o.buffer in index)

    work = Work(
        steps=tuple(
            Step(parts(step.inputs), parts(step.outputs), tuple((index[new], index[old]) for new, old in _in_place(step)))
            for step in program.steps
        ),
        sizes=tuple(-(-b.size // b.align) * b.align if b.region == Region.ARENA else 0 for b in index),
        inputs=frozenset(index[t.operand.buffer] for t in program.inputs),
        outputs=frozenset(index[t.operand.buffer] for t in program.outputs if t.operand.buffer in index),
    )
    program.steps = [program.steps[position] for position in reorder(work)]


def _in_place(step: KernelStep) -> Iterator[tuple[Buffer, Buffer]]:
    """An output that the kernel may write in place and the input whose memory it may take over: both whole, and equal in size."""
    target = step.outputs[0]
    for position, source in enumerate(step.inputs):
        permitted = step.kernel.in_place >> position & 1 and source.buffer is not target.buffer
        whole = source.size == source.buffer.size == target.size == target.buffer.size
        arena = source.buffer.region == target.buffer.region == Region.ARENA
        apart = all(other == source for other in step.inputs if other.buffer is source.buffer)
        if permitted and whole and arena and apart:
            yield target.buffer, source.buffer


def takeovers(program: Program, spans: Spans) -> dict[Buffer, Buffer]:
    """For an output that a kernel may write in place the input whose memory it may take over, which nobody reads later."""
    found: dict[Buffer, Buffer] = {}
    for index, step in enumerate(program.steps):
        for target, source in _in_place(step):
            if spans[source][1] == index == spans[target][0]:
                found.setdefault(target, source)
    return found


def place(program: Program) -> None:
    """Order the steps, give every arena buffer its offset, and prove the placement by the independent checker."""
    arrange(program)
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
