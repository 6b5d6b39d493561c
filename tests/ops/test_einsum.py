"""Einstein sums against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from tests.execute import every_way
from tests.onnx_writer import Op, write
from tests.references import Array
from toolchain.importers.onnx import convert

CASES: list[tuple[str, list[tuple[int, ...]]]] = [
    ("ij->ji", [(3, 4)]),
    ("ij->i", [(3, 4)]),
    ("ij->", [(3, 4)]),
    ("ij", [(3, 4)]),
    ("ba", [(3, 4)]),
    ("ii->i", [(4, 4)]),
    ("ii", [(4, 4)]),
    ("...ii->...i", [(2, 3, 4, 4)]),
    ("iji->j", [(3, 4, 3)]),
    ("i,i", [(5,), (5,)]),
    ("i,j->ij", [(5,), (6,)]),
    ("ij,jk->ik", [(3, 4), (4, 5)]),
    ("ij,jk", [(3, 4), (4, 5)]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
    ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
    ("bhqk,bkhd->bqhd", [(2, 3, 4, 5), (2, 5, 3, 6)]),
    ("abc,cd->abd", [(2, 3, 4), (4, 5)]),
    ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 6)]),
    ("...i,...i->...", [(2, 3), (2, 3)]),
    ("ij,ij->ij", [(3, 4), (3, 4)]),
    ("ijk,jil->kl", [(3, 4, 5), (4, 3, 6)]),
    ("ij,kl->il", [(3, 4), (5, 6)]),
    ("ij,jk,kl->il", [(3, 4), (4, 5), (5, 6)]),
    ("ij,jk,ik->", [(3, 4), (4, 5), (3, 5)]),
]


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
@pytest.mark.parametrize(("equation", "shapes"), CASES, ids=lambda value: value if isinstance(value, str) else None)
def test_equation(equation: str, shapes: list[tuple[int, ...]], dtype: type) -> None:
    rng = np.random.default_rng(1)
    arrays: list[Array] = [rng.integers(-5, 6, shape).astype(dtype) for shape in shapes]
    inputs = dict(zip("abc", arrays, strict=False))
    model = write([Op("Einsum", list(inputs), ["y"], {"equation": equation})], inputs, {}, {"y": dtype})
    (y,) = every_way(convert(model), arrays, tolerance=1e-6)
    np.testing.assert_array_equal(y, np.einsum(equation, *arrays))


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(3, 4)]),
        ("ijk->i", [(3, 4)]),
        ("ij->ii", [(3, 4)]),
        ("ij->k", [(3, 4)]),
        ("ii->i", [(3, 4)]),
        ("i......->i", [(3, 4)]),
        ("i1->i", [(3, 4)]),
        ("ij,jk->ik", [(3, 4), (5, 6)]),
        ("", [(3, 4)]),
    ],
)
def test_wrong_equations_are_refused(equation: str, shapes: list[tuple[int, ...]]) -> None:
    inputs = {name: np.zeros(shape, np.float32) for name, shape in zip("ab", shapes, strict=False)}
    model = write([Op("Einsum", list(inputs), ["y"], {"equation": equation})], inputs, {}, {"y": None})
    with pytest.raises(Exception, match="Einsum"):
        convert(model)
