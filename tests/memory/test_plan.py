"""From a program to its arena: the order of steps, memory that is taken over, and the same results."""

from __future__ import annotations

import numpy as np

from tests.execute import every_way
from tests.passes.graphs import dense
from toolchain import targets
from toolchain.compiler import compile_graph
from toolchain.ir import Builder, Value, float32
from toolchain.memory.plan import lifetimes
from toolchain.ops.add import Add


def layer(builder: Builder, x: Value, width: int, seed: int) -> Value:
    weights = np.random.default_rng(seed).normal(size=(width, x.shape[-1])).astype(np.float32)
    return dense(builder, x, weights, np.zeros(width, np.float32))


def test_branches_that_widen_run_one_after_the_other() -> None:
    builder = Builder()
    x = builder.input("x", float32(1, 16))
    wide = [layer(builder, x, 1024, 0), layer(builder, x, 1024, 1)]
    builder.output(builder.add(Add(), *(layer(builder, value, 16, 2) for value in wide)))
    program = compile_graph(builder.graph.copy(), targets.load("host")).program
    assert program.arena_bytes == program.arena_lower_bound == 4096 + 2 * 64
    every_way(builder.graph, [np.ones((1, 16), np.float32)], 1e-5)


def test_sums_are_written_where_an_operand_ends() -> None:
    builder = Builder()
    total = builder.input("x", float32(1, 256))
    for seed in range(3):
        total = builder.add(Add(), layer(builder, total, 256, seed), total)
    builder.output(total)
    program = compile_graph(builder.graph.copy(), targets.load("host")).program
    assert program.arena_bytes == 2 * 1024
    assert program.arena_optimal
    spans = lifetimes(program)
    assert any(a.offset == b.offset and spans[a][1] == spans[b][0] for a in spans for b in spans if a is not b)
    every_way(builder.graph, [np.ones((1, 256), np.float32)], 1e-5)
