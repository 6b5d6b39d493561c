"""From graph to steps: where each value lives, which kernel runs each node, and the constants packed for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from toolchain import kernels, measure
from toolchain.errors import InputError
from toolchain.ir import Array, Graph, IrError, Node, Value
from toolchain.kernels import Kernel
from toolchain.memory.views import storage
from toolchain.program import Buffer, Operand, Program, Region, Step, Tensor
from toolchain.targets import Target

Constants = Sequence[Value | Operand]
# A step's inputs, or a function that packs them for a kernel, or declines.
Inputs = Constants | Callable[[Kernel], Constants | None]
# A kernel and the step's input operands, packed for it.
Offer = tuple[Kernel, list[Operand]]

# A packing may hold this many times the bytes of the model's weights, and padding beside them, before it must prove to be faster.
SWELL, SWELL_FREE = 2, 8192


class Lowering:
    """What an op's `lower` may ask for; the steps it appends make up the Program."""

    def __init__(self, graph: Graph, target: Target, *, tune: bool = False) -> None:
        """`tune` chooses by timing the kernels on this machine instead of by their estimated cycles."""
        self.target = target
        self._tune = tune
        self.program = Program(graph.name)
        self._places = storage(graph)
        self._roots: dict[Value, Buffer] = {}
        self._constants: dict[bytes, Buffer] = {}
        self._node: Node | None = None
        self._macs = self._weight_bytes = 0

    def operand(self, value: Value) -> Operand:
        """Where a value lives: its own buffer, a part of another value's, or a constant."""
        if value.data is not None:
            return self.constant(value.data, value.name)
        root, offset = self._places[value]
        if root not in self._roots:
            self._roots[root] = Buffer(root.name, max(root.type.bytes, 1), Region.ARENA)
        return Operand(self._roots[root], offset, value.type.bytes)

    def part(self, value: Value, offset: int, size: int) -> Operand:
        """Where `size` bytes of a value live, from byte `offset` on."""
        where = self.operand(value)
        return Operand(where.buffer, where.offset + offset, size)

    def constant(self, data: Array, name: str = "") -> Operand:
        """A constant operand; equal bytes are stored once."""
        raw = np.ascontiguousarray(data).tobytes()
        if raw not in self._constants:
            self._constants[raw] = Buffer(name, len(raw), Region.CONSTANT, align=64, data=raw)
        return Operand(self._constants[raw], 0, len(raw))

    def temporary(self, size: int, name: str = "temporary") -> Operand:
        """Arena bytes that live between steps of one node."""
        return Operand(Buffer(name, max(size, 1), Region.ARENA), 0, size)

    def copy(self, source: Value | Operand, target: Value | Operand) -> None:
        """Append a copy of the bytes, unless both are the same place."""
        inner, outer = self._operand(source), self._operand(target)
        if inner != outer:
            self.step("copy", {"bytes": inner.size}, [inner], [outer])

    def choose(
        self,
        family: str | Sequence[str],
        params: Mapping[str, Any],
        inputs: Inputs,
        outputs: Sequence[Value | Operand],
    ) -> Offer:
        """The best kernel of the family that runs on the target and accepts these operands.

        `inputs` may be a function that packs for a kernel, or declines; kernels are asked in the order of their estimated cycles,
        so that mostly one is packed for. Several families take the same params and operands and differ in how they pack.
        """
        offers = self.offers(family, params, inputs, outputs)
        chosen = self._fastest(list(offers), params, outputs) if self._tune else self._preferred(offers)
        if chosen is None:
            names = [family] if isinstance(family, str) else family
            raise IrError(f"no kernel of family {' or '.join(names)} for target '{self.target.name}' accepts {dict(params)}")
        return chosen

    def offers(
        self,
        family: str | Sequence[str],
        params: Mapping[str, Any],
        inputs: Inputs,
        outputs: Sequence[Value | Operand],
    ) -> Iterator[Offer]:
        """Every kernel that accepts these operands, packed for it; the fastest by estimate first."""
        results = [self._operand(value) for value in outputs]
        names = [family] if isinstance(family, str) else family
        available = [kernel for name in names for kernel in kernels.candidates(name, self.target.isas)]
        if len(available) > 1 and (costs := self.target.costs) is not None:
            read = 0 if callable(inputs) else sum(self._operand(value).size for value in inputs)
            record = available[0].encode(params)
            available = costs.ranked(available, record, read, sum(operand.size for operand in results))
        for kernel in available:
            packed = inputs(kernel) if callable(inputs) else inputs
            if packed is None:
                continue
            operands = [self._operand(value) for value in packed]
            extents = [(o.size, self._alignment(o), False) for o in operands] + [
                (o.size, self._alignment(o), True) for o in results
            ]
            if kernel.check(kernel.encode(params), extents) == kernels.OK:
                yield kernel, operands

    def _fastest(self, offers: list[Offer], params: Mapping[str, Any], outputs: Sequence[Value | Operand]) -> Offer | None:
        """The offer that takes the least time on this machine, portable kernels aside where there are others."""
        results = [self._operand(value) for value in outputs]
        rivals = [offer for offer in offers if offer[0].isa != "scalar"]
        if len(rivals) < 2:
            return rivals[0] if rivals else self._preferred(iter(offers))
        times = measure.fastest([(kernel, kernel.encode(params), operands, results) for kernel, operands in rivals])
        return rivals[times.index(min(times))]

    def _preferred(self, offers: Iterator[Offer]) -> Offer | None:
        """The first offer, or the smallest where the target prefers size.

        An offer whose weights are much larger than the model's is the last resort on a core without costs for it.
        """
        if self.target.prefer == "size":
            return min(offers, key=lambda offer: _constant_bytes(offer[1]), default=None)
        last_resort = None
        for kernel, operands in offers:
            known = self.target.costs is not None and self.target.costs.knows(kernel)
            if known or _constant_bytes(operands) <= SWELL * self._weight_bytes + SWELL_FREE:
                return kernel, operands
            last_resort = last_resort or (kernel, operands)
        return last_resort

    def step(
        self,
        family: str | Sequence[str],
        params: Mapping[str, Any],
        inputs: Inputs,
        outputs: Sequence[Value | Operand],
        *,
        macs: int | None = None,
    ) -> None:
        """Append one step. `inputs` are values and operands, or a function that packs them for the kernel chosen.

        The node's multiply-accumulates count for its first step that does not say how many `macs` it has.
        """
        assert self._node is not None, "step() is called from an op's lower()"
        kernel, operands = self.choose(family, params, inputs, outputs)
        results = [self._operand(value) for value in outputs]
        tensors = [Tensor(v.name, v.type, self.operand(v)) for v in outputs if isinstance(v, Value)]
        name, op = self._node.name, self._node.op.name
        if macs is None:
            macs, self._macs = self._macs, 0
        self.program.steps.append(Step(kernel, kernel.encode(params), operands, results, name, op, macs, tensors))

    def lower(self, graph: Graph) -> Program:
        """Every node's steps, then the interface. InputError lists every node that no kernel of the target runs."""
        refused: list[str] = []
        for node in graph.nodes:
            self._node = node
            self._macs = node.op.cost(node).macs
            self._weight_bytes = sum(value.type.bytes for value in node.inputs if value.data is not None)
            try:
                node.op.lower(node, self)
            except IrError as error:
                refused.append(f"{node}: {error}")
        if refused:
            one = len(refused) == 1
            found = f"{len(refused)} {'operator' if one else 'operators'} cannot be compiled for target '{self.target.name}'"
            raise InputError(f"{found}:\n" + "\n".join(f"  {line}" for line in refused))
        self.program.inputs = [Tensor(value.name, value.type, self.operand(value)) for value in graph.inputs]
        self.program.outputs = [
            Tensor(name, value.type, self.operand(value)) for name, value in zip(graph.output_names, graph.outputs, strict=True)
        ]
        return self.program

    def _operand(self, value: Value | Operand) -> Operand:
        return self.operand(value) if isinstance(value, Value) else value

    @staticmethod
    def _alignment(operand: Operand) -> int:
        base = 64 if operand.buffer.region == Region.CONSTANT else operand.buffer.align
        return base if operand.offset == 0 else min(base, operand.offset & -operand.offset)


def _constant_bytes(operands: Sequence[Operand]) -> int:
    return sum(operand.size for operand in operands if operand.buffer.region == Region.CONSTANT)
