"""Targets: what is known of each board, and that models are compiled for boards of other processors."""

from __future__ import annotations

import math

import pytest

import runtime
from benchmarks.layers import INT8, LAYERS
from tests.conftest import ROOT
from toolchain import cost, targets
from toolchain.compiler import compile_graph, read
from toolchain.execute import infos, random_arrays
from toolchain.report.content import describe

BOARDS = [name for name in targets.names() if name != "host"]


@pytest.mark.parametrize("name", targets.names())
def test_a_target_states_what_its_speed_depends_on(name: str) -> None:
    target = targets.load(name)
    assert target.description and target.cores >= 1 and target.isas[-1] == "scalar"
    assert target.costs is not None and target.costs.hertz > 1e8 and target.prefer in ("speed", "size")
    assert target.core in cost.names()


@pytest.mark.parametrize("name", BOARDS)
def test_boards_get_a_plan_with_kernels_of_their_own(name: str) -> None:
    target = targets.load(name)
    compiled = compile_graph(read(ROOT / "examples" / "digits" / "digits.onnx"), target)
    assert {step.kernel.isa for step in compiled.program.steps} <= set(target.isas)
    model = runtime.Model(compiled.plan)
    (result, *_) = model.run(random_arrays(infos(model.inputs)))
    assert result.size
    report = describe(compiled, target, model="digits.onnx", macs_original=0)
    assert not report.calibrated and report.core.startswith("Arm") and report.hertz == target.hertz
    assert report.nanoseconds == sum(layer.nanoseconds for layer in report.layers) > 1000


def test_vectors_are_chosen_where_a_board_has_them() -> None:
    graph = next(layer for layer in LAYERS if layer.name == "ic.stage3").graph(INT8)
    program = compile_graph(graph, targets.load("raspberry-pi-4")).program
    assert [step.kernel.isa for step in program.steps] == ["neon"]


def test_a_faster_clock_takes_less_time() -> None:
    three, zero = (targets.load(name).costs for name in ("raspberry-pi-3", "raspberry-pi-zero-2"))
    assert three is not None and zero is not None
    graph = next(layer for layer in LAYERS if layer.name == "ic.stage3").graph(INT8)
    step = compile_graph(graph, targets.load("raspberry-pi-3")).program.steps[0]
    ratio = zero.nanoseconds(step.kernel, step.params, 1, 1) / three.nanoseconds(step.kernel, step.params, 1, 1)
    assert math.isclose(ratio, 1.4)


def test_an_unknown_host_takes_the_costs_of_its_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "processor", lambda: "SomeVendor/1/2")
    monkeypatch.setattr(targets, "architecture", lambda: "aarch64")
    host = targets.load("host")
    assert host.costs is not None and host.costs.architecture == "aarch64" and not host.calibrated
    monkeypatch.setattr(targets, "architecture", lambda: "riscv64")
    assert targets.load("host").costs is None
