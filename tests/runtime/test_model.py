"""runtime.Model and runtime.Context: what runs give, what they refuse, and what they cost in memory."""

from __future__ import annotations

import os
import threading
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runtime
from runtime import _native
from tests.runtime import plans
from toolchain import compiler, ir, targets
from toolchain.emit import plan
from toolchain.ir import IrError
from toolchain.ops.fully_connected import FullyConnected

Array = np.typing.NDArray[Any]


@pytest.fixture
def model() -> runtime.Model:
    return runtime.Model(plans.network_plan())


def images(count: int) -> list[Array]:
    random = np.random.default_rng(2)
    return [random.integers(-128, 128, (1, 8, 8, 3), dtype=np.int8) for _ in range(count)]


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_runs_equal_the_graph(threads: int, isa: str | None) -> None:
    model = runtime.Model(plans.network_plan(), threads=threads, isa=isa)
    for x in images(5):
        np.testing.assert_array_equal(model.run(x)[0], ir.run(plans.network(), [x])[0])


def test_every_source_gives_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mödel.sntr"
    path.write_bytes(plans.network_plan())
    data = plans.network_plan()
    sources: list[Callable[[], runtime.Model]] = [
        lambda: runtime.Model(path),
        lambda: runtime.Model(str(path), mapped=True),
        lambda: runtime.Model(data),
        lambda: runtime.Model(bytearray(data)),
        lambda: runtime.Model(memoryview(data)),
    ]
    x = images(1)[0]
    assert len({source().run(x)[0].tobytes() for source in sources}) == 1


def test_interface(model: runtime.Model) -> None:
    (x,), (y,) = model.inputs, model.outputs
    assert (x.name, x.shape, y.name, y.shape) == ("image", (1, 8, 8, 3), "classes", (1, 5))
    assert x.dtype == np.int8 and y.dtype == np.int8
    assert (x.scale, x.zero_point, y.scale, y.zero_point) == (float(np.float32(0.05)), 3, 1 / 256, -128)
    assert model.entries == ("main",)
    assert model.arena_bytes > 0 and model.weight_bytes > 0 and model.scratch_bytes >= 0 and model.state_bytes == 0
    assert [step["op"] for step in model.steps] == ["Conv", "Conv", "Add", "MaxPool", "FullyConnected", "Softmax"]


def test_forms_of_input_and_output() -> None:
    model = runtime.Model(plan.encode(plans.two_by_two()))
    a, b = np.array([1, 2, 3], np.int8), np.array([4, 5, 6, 7], np.int8)
    for given in ((a, b), [a, b], {"b": b, "a": a}):
        c, d = model.run(given)
        assert c.tolist() == [-7 + 9, 3, 4] and d.tolist() == [5, 6, 7, 8]
    outs = np.zeros(3, np.int8), np.zeros(4, np.int8)
    results = model.run((a, b), out=outs)
    assert results[0] is outs[0] and results[1] is outs[1] and outs[1].tolist() == [5, 6, 7, 8]
    model.run((a, b), out={"d": outs[1], "c": outs[0]})
    model.run((a, b[::-1]), out=list(outs))
    assert outs[1].tolist() == [8, 7, 6, 5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_floats_are_quantised_half_away_from_zero(dtype: type) -> None:
    model = runtime.Model(plan.encode(plans.two_by_two()))
    plain = np.zeros(4, np.int8)
    for reals, stored in [
        ((0.25, -0.25, 0.75), (11, 9, 12)),
        ((0.24, -0.24, np.nan), (10, 10, 10)),
        ((1e4, -1e4, np.inf), (127, -128, 127)),
    ]:
        c, d = model.run((np.array(reals, dtype), plain))
        assert c.dtype == np.float32 and d.dtype == np.int8
        expected = np.minimum(np.array(stored, np.float32) + 1, 127)
        np.testing.assert_array_equal(c, (expected - 10) * np.float32(0.5))
    given = np.array([0, 1, 2], np.int8), plain
    kept, floats = np.zeros(3, np.int8), np.zeros(3, np.float32)
    model.run((np.array([0, 1, 2], dtype), plain), out=(kept, plain))
    assert kept.tolist() == [11, 13, 15]
    model.run(given, out=(floats, np.zeros(4, np.int8)))
    assert floats.tolist() == [-4.5, -4.0, -3.5]


def test_wrong_inputs_are_refused(model: runtime.Model) -> None:
    x = images(1)[0]
    wrong: list[tuple[Any, str]] = [
        (x[0], r"'image' has shape \(8, 8, 3\), expected \(1, 8, 8, 3\)"),
        (x.astype(np.int32), "'image' has dtype int32, expected int8 or float32"),
        (x.view(np.uint8), "has dtype uint8, expected int8"),
        ((x, x), "got 2 inputs, expected 1"),
        ((), "got 0 inputs, expected 1"),
        ({"picture": x}, "'image' is missing, got .'picture'."),
        ({"image": x, "more": x}, "expected .'image'."),
        (None, "has dtype object"),
        ("text", "expected int8"),
        ([[1, 2], [3]], "input"),
        (x[:, :, :0], "has shape"),
    ]
    for given, message in wrong:
        with pytest.raises(ValueError, match=message):
            model.run(given)
    frozen = np.zeros((1, 5), np.int8)
    frozen.flags.writeable = False
    outs: list[tuple[Any, str]] = [
        (np.zeros((5, 1), np.int8), r"'classes' has shape \(5, 1\), expected \(1, 5\)"),
        (np.zeros((1, 5), np.int32), "has dtype int32"),
        (np.zeros((1, 10), np.int8)[:, ::2], "C-contiguous and writeable"),
        (frozen, "C-contiguous and writeable"),
        ("text", "is a str"),
        ((), "got 0 outputs"),
    ]
    for out, message in outs:
        with pytest.raises(ValueError, match=message):
            model.run(x, out=out)


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    data = plans.network_plan()
    with pytest.raises(ValueError, match=r"'abacus' is unknown; available: .*scalar"):
        runtime.Model(data, isa="abacus")
    for threads in (0, -1, 100000):
        with pytest.raises(ValueError, match=f"threads is {threads}, expected 1 to 256"):
            runtime.Model(data, threads=threads)
    with pytest.raises(ValueError, match="no entry 'other', it has 'main'"):
        runtime.Model(data, entry="other")
    with pytest.raises(MemoryError, match="limit is 100"):
        runtime.Model(data, memory_limit=100)
    with pytest.raises(FileNotFoundError, match=r"absent\.sntr"):
        runtime.Model(tmp_path / "absent.sntr")
    with pytest.raises(OSError, match="not a regular file"):
        runtime.Model(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        runtime.Model(tmp_path / "pipe")
    with pytest.raises(ValueError, match="null character"):
        runtime.Model(f"{tmp_path}\0")
    with pytest.raises(TypeError):
        runtime.Model(3)  # type: ignore[arg-type]


def test_state_belongs_to_a_context() -> None:
    model = runtime.Model(plan.encode(plans.counter()))
    x = np.zeros(1, np.int8)
    assert model.state_bytes == 2
    assert [model.run(x)[0].tolist() for _ in range(3)] == [[11, 21], [13, 23], [15, 25]]
    context = model.context()
    assert context.run(x)[0].tolist() == [11, 21]
    assert model.run(x)[0].tolist() == [17, 27]
    model.reset()
    assert model.run(x)[0].tolist() == [11, 21]
    assert context.run(x)[0].tolist() == [13, 23]
    context.reset()
    assert context.run(x)[0].tolist() == [11, 21]


def test_golden_examples(model: runtime.Model) -> None:
    assert model.self_test() == 1
    assert runtime.Model(plan.encode(plans.counter())).self_test() == 0
    sections = plans.take_apart(plans.network_plan())
    sections["VECT"] = sections["VECT"][:-1] + bytes([sections["VECT"][-1] ^ 1])
    with pytest.raises(RuntimeError, match="golden example 0: output 'classes' differs at element 4"):
        runtime.Model(plans.put_together(sections)).self_test()


def test_golden_floats_have_a_tolerance() -> None:
    program = compiler.compile_graph(plans.float_network(), targets.load("host")).program
    x = np.random.default_rng(4).random(program.inputs[0].type.shape, np.float32)
    (expected,) = runtime.Model(plan.encode(program)).run(x)
    largest = np.abs(expected).max()
    for error, right in ((0.5e-3, True), (2e-3, False), (np.nan, False)):
        off = expected.copy()
        off.flat[3] += np.float32(error * largest)
        model = runtime.Model(plan.encode(program, [plan.Golden([x], [off], 1e-3)]))
        if right:
            assert model.self_test() == 1
        else:
            with pytest.raises(RuntimeError, match="differs at element 3"):
                model.self_test()
    with pytest.raises(IrError, match="golden tensor"):
        plan.encode(program, [plan.Golden([x[0]], [expected])])


def test_one_model_in_many_threads() -> None:
    model = runtime.Model(plans.network_plan(), threads=2)
    inputs = images(8)
    expected = [model.run(x)[0].tobytes() for x in inputs]
    wrong: list[int] = []

    def work(index: int) -> None:
        context = model.context() if index % 2 else model
        wrong.extend(index for _ in range(50) if context.run(inputs[index])[0].tobytes() != expected[index])

    workers = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_a_context_outlives_its_model() -> None:
    x = images(1)[0]
    context = runtime.Model(plans.network_plan()).context()
    tensors = runtime.Model(plans.network_plan()).inputs
    assert tensors[0].name == "image"
    np.testing.assert_array_equal(context.run(x)[0], ir.run(plans.network(), [x])[0])


def test_profile_times_every_step(model: runtime.Model) -> None:
    rows = model.profile(images(1)[0])
    assert [{key: row[key] for key in ("name", "op", "kernel", "macs")} for row in rows] == model.steps
    assert all(row["ns"] >= 0 for row in rows) and sum(row["ns"] for row in rows) > 0


def test_scalar_twins_replace_the_kernels_named() -> None:
    scalar = runtime.Model(plans.network_plan(), isa="scalar")
    assert {step["kernel"].rpartition("__")[2] for step in scalar.steps} == {"scalar"}


def test_detected_instruction_sets_are_those_of_the_kernel_table() -> None:
    isas = _native.detected_isas()
    assert isas[-1] == "scalar"
    rows = _native.kernels()
    assert len({row.name for row in rows}) == len(rows)
    assert all(row.available == (row.isa in isas) for row in rows)
    assert all(row.name.endswith(f"__{row.isa}") for row in rows)


def test_bound_arrays_are_read_and_filled_by_every_run(model: runtime.Model) -> None:
    x, y = images(1)[0].copy(), np.empty((1, 5), np.int8)
    bound = model.bind(x, y)
    assert bound.outputs[0] is y
    for image in images(3):
        x[...] = image
        bound.run()
        np.testing.assert_array_equal(y, model.run(image)[0])


def test_only_arrays_that_need_no_copy_are_bound(model: runtime.Model) -> None:
    x = images(1)[0]
    assert model.bind(x.astype(np.float32)).outputs[0].dtype == np.float32
    for copied in (x.astype(np.float64), np.asfortranarray(np.repeat(x, 1, axis=0)), np.broadcast_to(x[:, :1], x.shape)):
        with pytest.raises(ValueError, match="would be copied"):
            model.bind(copied)
    with pytest.raises(ValueError, match="shape"):
        model.bind(x[:, :4])
    with pytest.raises(TypeError, match=r"Model\.bind"):
        runtime.Binding.__new__(runtime.Binding).run()


def test_a_call_costs_little() -> None:
    """A run of one tiny layer from Python, whatever the arrays: below 5 microseconds where nothing disturbs it."""
    builder = ir.Builder()
    x = builder.input("x", ir.float32(1, 4))
    weights, bias = (ir.constant(np.ones(shape, np.float32)) for shape in ((4, 4), (4,)))
    builder.output(builder.add(FullyConnected(), x, weights, bias, name="y"))
    model = runtime.Model(compiler.compile_graph(builder.graph, targets.load("host")).plan)
    given, out = np.ones((1, 4), np.float32), np.empty((1, 4), np.float32)
    bound = model.bind(given, out)
    for call in (lambda: model.run(given, out), bound.run):
        assert min(timeit.repeat(call, number=100, repeat=200)) / 100 < 5e-6
