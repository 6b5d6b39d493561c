"""Properties of broadcasting and of reductions, over shapes that hypothesis makes up."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as shapes

from tests.execute import every_way
from toolchain.ir import Builder, Quant, Type
from toolchain.ops.add import Add, Sub
from toolchain.ops.mul import Mul
from toolchain.ops.reduce import Reduce

_BROADCAST = shapes.mutually_broadcastable_shapes(num_shapes=2, max_dims=8, max_side=4)


@given(_BROADCAST, st.sampled_from([Add, Sub, Mul]), st.sampled_from(["float32", "int32", "int64", "uint8"]), st.integers(0, 99))
@settings(max_examples=120, deadline=None)
def test_arithmetic_is_numpys(made: shapes.BroadcastableShapes, op: type[Add | Mul], dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrays = [rng.integers(0, 100, shape).astype(dtype) for shape in made.input_shapes]
    builder = Builder()
    values = [builder.input(name, Type(x.shape, x.dtype)) for name, x in zip("ab", arrays, strict=True)]
    builder.output(builder.add(op(), *values, name="y"))
    (y,) = every_way(builder.graph, arrays)
    function = {Add: np.add, Sub: np.subtract, Mul: np.multiply}[op]
    np.testing.assert_array_equal(y, function(*arrays))


@given(_BROADCAST, st.sampled_from([Add, Sub, Mul]), st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_int8_arithmetic_is_within_a_step_of_the_reals(made: shapes.BroadcastableShapes, op: type[Add | Mul], seed: int) -> None:
    rng = np.random.default_rng(seed)
    quants = [Quant.of(float(rng.uniform(0.01, 0.1)), int(rng.integers(-128, 128))) for _ in range(3)]
    arrays = [rng.integers(-128, 128, shape).astype(np.int8) for shape in made.input_shapes]
    builder = Builder()
    values = [builder.input(name, Type(x.shape, x.dtype, quant)) for name, x, quant in zip("ab", arrays, quants, strict=False)]
    builder.output(builder.add(op(), *values, name="y", quant=quants[2]))
    (y,) = every_way(builder.graph, arrays)
    reals = [quant.scale[0] * (x.astype(np.float64) - quant.zero[0]) for x, quant in zip(arrays, quants, strict=False)]
    exact = {Add: np.add, Sub: np.subtract, Mul: np.multiply}[op](*reals) / quants[2].scale[0] + quants[2].zero[0]
    assert np.abs(y - np.clip(exact, -128, 127)).max(initial=0) <= 1


@given(shapes.array_shapes(min_dims=1, max_dims=8, max_side=4), st.data())
@settings(max_examples=120, deadline=None)
def test_reductions_are_numpys(shape: tuple[int, ...], data: st.DataObject) -> None:
    axes = tuple(sorted(data.draw(st.sets(st.integers(0, len(shape) - 1)))))
    kind, dtype = (
        data.draw(st.sampled_from(["sum", "max", "min", "prod"])),
        data.draw(st.sampled_from(["int64", "int8", "float32"])),
    )
    x = np.random.default_rng(data.draw(st.integers(0, 99))).integers(-2, 3, shape).astype(dtype)
    builder = Builder()
    builder.output(builder.add(Reduce(kind, axes), builder.input("x", Type(shape, x.dtype)), name="y"))
    (y,) = every_way(builder.graph, [x], tolerance=1e-6)
    options = {"dtype": x.dtype} if kind in ("sum", "prod") else {}
    expected = getattr(np, kind)(x, axis=axes, keepdims=True, **options)
    np.testing.assert_allclose(y, expected, rtol=1e-5)
