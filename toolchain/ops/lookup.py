"""A table of 256 entries: any function of one int8 or uint8."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from toolchain.ir import Array, IrError, Node, Op, Type, Value
from toolchain.lowering import Lowering

# The table that leaves every byte as it is: only the type changes.
SAME = bytes(range(256))


@dataclass(frozen=True)
class Lookup(Op):
    """y = table[x], the table indexed by x's byte as unsigned; `dtype` is the output's element type, one byte."""

    elementwise: ClassVar[bool] = True

    table: bytes
    dtype: str

    def infer(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if x.dtype.itemsize != 1 or len(self.table) != 256:
            raise IrError(f"Lookup of {x} in a table of {len(self.table)} entries, expected one byte and 256 entries")
        return (Type(x.shape, np.dtype(self.dtype)),)

    def integer(self, node: Node) -> bool:
        return True

    def evaluate(self, node: Node, *inputs: Array) -> tuple[Array, ...]:
        table = np.frombuffer(self.table, np.uint8)
        return (table[inputs[0].view(np.uint8)].view(self.dtype),)

    def aliases(self, node: Node) -> Iterable[tuple[Value, Value, int]]:
        return ((node.output, node.inputs[0], 0),) if self.table == SAME else ()

    def lower(self, node: Node, low: Lowering) -> None:
        if self.table == SAME:
            low.copy(node.inputs[0], node.output)
            return
        lower_table(node, low, np.frombuffer(self.table, np.uint8))


def lower_table(node: Node, low: Lowering, table: Array) -> None:
    """The step of a node that is a table of its input's byte as unsigned."""
    low.step("lookup_x8", {"count": node.output.type.size}, [node.inputs[0], low.constant(table, "table")], [node.output])


def flip_sign(dtype: np.dtype[Any]) -> Lookup:
    """Between uint8 and int8 that mean the same with zero points 128 apart."""
    return Lookup(bytes(i ^ 0x80 for i in range(256)), "int8" if dtype == np.uint8 else "uint8")
