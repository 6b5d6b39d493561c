"""The cost model: what is counted, how kernels are ranked and chosen, and what the files of cores hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.layers import FLOAT, INT8, LAYERS, Offers
from toolchain import cost, targets
from toolchain.cost import COUNTS, Core
from toolchain.kernels import Kernel, families
from toolchain.lowering import Lowering
from toolchain.spatial import pointwise
from toolchain.targets import Target

HOST = targets.load("host")
CORE = Core("core", "a core", "x86_64", 1e9, 1 << 15, 1 << 20, 0.25, True)


def kernel(family: str, isa: str, name: str, tile: tuple[int, int, int] = (4, 16, 2)) -> Kernel:
    """A row that no kernels.inc has."""
    return replace(families()[family][0], name=f"{name}__{isa}", isa=isa, mr=tile[0], nr=tile[1], kr=tile[2])


def dense(rows: int, inner: int, outer: int) -> bytes:
    params: dict[str, Any] = {**pointwise(rows, inner, outer), "groups": 1}
    params |= {"in_zero": 0, "out_zero": 0, "out_min": -128, "out_max": 127, "uniform": 0}
    return families()["conv_s8"][0].encode(params)


def rows(**cycles: float) -> dict[str, dict[str, float]]:
    return {f"{name}__avx2": {"call": value} for name, value in cycles.items()}


def test_a_tile_counts_the_lanes_that_it_wastes() -> None:
    counts = cost.work(kernel("conv_s8", "avx2", "x"), dense(5, 7, 17), 0, 0, CORE)
    assert counts["blocks"] == 2 and counts["tiles"] == 4
    assert counts["inputs"] == 5 * 8 and counts["macs"] == 5 * 8 * 32 and counts["weights"] == 2 * 8 * 32
    assert counts["lines"] == 8 * 32 and counts["far"] == 0


def test_weights_that_no_cache_holds_come_once_for_every_block() -> None:
    counts = cost.work(kernel("conv_s8", "avx2", "x"), dense(8, 1 << 11, 1 << 10), 0, 0, CORE)
    assert counts["lines"] == counts["far"] == 2 << 21


def test_edges_are_the_pixels_that_look_outside() -> None:
    layer = next(layer for layer in LAYERS if layer.name == "ic.stage3")
    portable = (call for call in Offers(layer.graph(INT8), HOST).steps[0] if call.kernel.isa == "scalar")
    call = next(call for call in portable if call.kernel.family == "conv_s8")
    assert cost.work(call.kernel, call.params, *call.bytes, CORE)["edges"] == 64 - 36


def test_bands_count_what_each_width_of_block_computes() -> None:
    bands = next(kernel for kernel in families()["conv_s8"] if kernel.name == "conv_s8_8x16k4u__avx512")
    layer = next(layer for layer in LAYERS if layer.name == "kws.conv1")
    call = next(call for call in Offers(layer.graph(INT8), HOST).steps[0] if call.kernel.family == "conv_s8")
    counts = cost.work(bands, call.params, *call.bytes, CORE)
    assert counts["blocks"] == 21 and counts["tiles"] == 21 * 6 and counts["macs"] == 21 * 24 * 10 and counts["tails"] == 0


def test_the_cheapest_is_first_and_portable_kernels_are_last() -> None:
    core = replace(CORE, kernels=rows(a=30, b=10, c=20) | {"d__scalar": {"call": 1.0}})
    offered = [kernel("conv_s8", "scalar", "d"), *(kernel("conv_s8", "avx2", name) for name in "abc")]
    assert [k.name[0] for k in core.ranked(offered, dense(1, 1, 1), 0, 0)] == list("bcad")


@pytest.mark.parametrize(("order", "expected"), [("abn", "ban"), ("nab", "nba"), ("anb", "nba"), ("bna", "bna")])
def test_a_kernel_without_data_keeps_its_place_before_the_next(order: str, expected: str) -> None:
    core = replace(CORE, kernels=rows(a=30, b=10))
    offered = [kernel("conv_s8", "avx2", name) for name in order]
    assert "".join(k.name[0] for k in core.ranked(offered, dense(1, 1, 1), 0, 0)) == expected


def test_without_data_the_order_is_that_of_the_rows() -> None:
    offered = [kernel("conv_s8", "avx2", name) for name in "xyz"]
    assert CORE.ranked(offered, dense(1, 1, 1), 0, 0) == offered
    assert CORE.cycles(offered[0], dense(4, 100, 100), 0, 0) > 4 * 100 * 100


def test_a_variant_has_its_own_row() -> None:
    (vector, *_) = families()["unary_f32"]
    core = replace(CORE, kernels={vector.name: {"written": 1.0}, f"{vector.name}/10": {"written": 7.0}})
    params = {"count": 8, "alpha": 0.0, "beta": 0.0}
    assert core.cycles(vector, vector.encode({**params, "function": 10}), 32, 32) == 224
    assert core.cycles(vector, vector.encode({**params, "function": 11}), 32, 32) == 32


class Packed(Lowering):
    """Counts for how many kernels a step is packed."""

    count = 0

    def choose(self, family: Any, params: Any, inputs: Any, outputs: Any) -> Any:
        def counted(kernel: Kernel) -> Any:
            Packed.count += 1
            return inputs(kernel)

        return super().choose(family, params, counted if callable(inputs) else inputs, outputs)


def test_only_the_kernel_that_is_chosen_is_packed_for() -> None:
    Packed.count = 0
    graph = next(layer for layer in LAYERS if layer.name == "ic.stage3").graph(INT8)
    Packed(graph, HOST).lower(graph)
    assert Packed.count == 1 or HOST.isas == ("scalar",)


def test_size_chooses_the_packing_with_the_fewest_bytes() -> None:
    graph = next(layer for layer in LAYERS if layer.name == "vww.conv1").graph(FLOAT)
    small, fast = (Offers(graph, replace(HOST, prefer=prefer)).steps[0] for prefer in ("size", "speed"))
    assert small[0].bytes[0] == min(call.bytes[0] for call in fast)


@pytest.mark.parametrize("known", [False, True])
def test_a_packing_that_swells_must_be_known_to_be_faster(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = next(layer for layer in LAYERS if layer.name == "vww.pw13")
    small = families()["conv_s8"][-2:]
    large = replace(small[0], nr=4096)
    monkeypatch.setattr("toolchain.kernels.candidates", lambda *_: [large, small[1]])
    monkeypatch.setattr(Kernel, "check", lambda *_: 0)
    core = replace(CORE, kernels={large.name: {"call": 1.0}, small[1].name: {"call": 2.0}} if known else {})
    monkeypatch.setattr(Target, "costs", core)
    assert Offers(layer.graph(INT8), HOST).steps[0][0].kernel is (large if known else small[1])


def test_tuning_takes_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = next(layer for layer in LAYERS if layer.name == "vww.pw13").graph(INT8)
    slow = families()["conv_s8"][0]
    fast = replace(slow, name="fast__avx2")
    monkeypatch.setattr("toolchain.kernels.candidates", lambda *_: [slow, fast])
    monkeypatch.setattr(Kernel, "check", lambda *_: 0)
    monkeypatch.setattr("toolchain.measure.nanoseconds", lambda kernel, *_: 1.0 if kernel == fast else 2.0)
    assert Lowering(graph, HOST, tune=True).lower(graph).steps[0].kernel is fast


@pytest.mark.parametrize("name", cost.names())
def test_files_of_cores_are_whole_and_small(name: str) -> None:
    path = cost.TARGETS / "costs" / f"{name}.json"
    core = cost.load(name)
    assert cost.dump(core) == path.read_text(encoding="utf-8") and path.stat().st_size < 50_000
    assert core.hertz > 1e8 and 0 < core.l1 < core.l2 and core.kernels
    for row in core.kernels.values():
        assert set(row) <= set(COUNTS) and all(value > 0 for value in row.values())


def test_every_layer_costs_something() -> None:
    assert HOST.costs is not None
    for layer in LAYERS[:8]:
        for dtype in (INT8, FLOAT):
            for call in Offers(layer.graph(dtype), HOST).steps[0]:
                assert np.isfinite(cycles := call.estimate(HOST.costs)) and cycles > 0
