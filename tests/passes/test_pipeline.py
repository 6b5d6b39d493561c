"""Every pass over a corpus of graphs: outputs before and after."""

from __future__ import annotations

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.passes.graphs import outputs, same_outputs
from tests.passes.random_graphs import networks
from tests.passes.test_fuse import chains
from tests.passes.test_layout import movements
from toolchain.compiler import optimise, pipeline
from toolchain.ir import Graph
from toolchain.passes import Pass, apply

CORPUS = st.one_of(networks(quantized=True), networks(quantized=False), chains(), movements())


def distinct(steps: list[Pass]) -> list[Pass]:
    return list(dict.fromkeys(steps))


@pytest.mark.parametrize("step", distinct(pipeline()), ids=lambda step: step.__name__)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(CORPUS)
def test_a_pass_changes_no_output(step: Pass, graph: Graph) -> None:
    before = outputs(graph, seeds=2)
    apply(step, graph)
    same_outputs(before, outputs(graph, seeds=2))


@settings(max_examples=150, deadline=None)
@given(CORPUS, st.booleans())
def test_all_passes_together_change_no_output(graph: Graph, lossless: bool) -> None:
    before, interface = outputs(graph, seeds=2), _interface(graph)
    optimise(graph, lossless=lossless)
    same_outputs(before, outputs(graph, seeds=2))
    assert _interface(graph) == interface


@settings(max_examples=40, deadline=None)
@given(CORPUS)
def test_the_same_graph_gives_the_same_result(graph: Graph) -> None:
    twin = copy.deepcopy(graph)
    assert [str(saving) for saving in optimise(graph)] == [str(saving) for saving in optimise(twin)]
    assert [(str(node), node.op) for node in graph.nodes] == [(str(node), node.op) for node in twin.nodes]


def _interface(graph: Graph) -> list[tuple[object, ...]]:
    names = [*(value.name for value in graph.inputs), *graph.output_names]
    values = [*graph.inputs, *graph.outputs]
    return [(name, value.shape, value.dtype, value.quant) for name, value in zip(names, values, strict=True)]
