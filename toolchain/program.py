"""The waist of the compiler: buffers and kernel steps, and nothing of the graph. Everything below reads only this."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from toolchain.ir import Type
from toolchain.kernels import Kernel


class Region(IntEnum):
    """Where a buffer lies."""

    CONSTANT = 0
    ARENA = 1
    STATE = 2


@dataclass(eq=False)
class Buffer:
    """Bytes in a region. Constants carry their data; state its initial bytes. `offset` is set by the memory planner."""

    name: str
    size: int
    region: Region
    align: int = 16
    data: bytes | None = None
    offset: int = 0


@dataclass(frozen=True)
class Operand:
    """A contiguous part of a buffer."""

    buffer: Buffer
    offset: int
    size: int


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph and where it lies: an input or output of the interface, or what a step computes."""

    name: str
    type: Type
    operand: Operand


@dataclass(eq=False)
class Step:
    """One kernel call; `results` are those of its outputs that are whole tensors of the graph."""

    kernel: Kernel
    params: bytes
    inputs: list[Operand]
    outputs: list[Operand]
    name: str
    op: str
    macs: int = 0
    results: list[Tensor] = field(default_factory=list)

    @property
    def scratch(self) -> int:
        return self.kernel.scratch(self.params)


@dataclass
class Program:
    """Steps in order over planned buffers."""

    name: str
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    arena_bytes: int = 0
    arena_lower_bound: int = 0
    arena_optimal: bool = False

    @property
    def state_bytes(self) -> int:
        return max((b.offset + b.size for b in self.buffers() if b.region == Region.STATE), default=0)

    @property
    def scratch_bytes(self) -> int:
        """Scratch for each worker: the largest that any step needs."""
        return max((step.scratch for step in self.steps), default=0)

    @property
    def weight_bytes(self) -> int:
        return sum(buffer.size for buffer in self.buffers() if buffer.region == Region.CONSTANT)

    def buffers(self) -> list[Buffer]:
        """Every buffer that something uses, in order of first use."""
        seen: dict[Buffer, None] = {}
        for tensor in self.inputs:
            seen.setdefault(tensor.operand.buffer)
        for step in self.steps:
            for operand in (*step.inputs, *step.outputs):
                seen.setdefault(operand.buffer)
        for tensor in self.outputs:
            seen.setdefault(tensor.operand.buffer)
        return list(seen)
