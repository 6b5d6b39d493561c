"""Runs graphs in every way there is: by the ops' own meaning, and compiled, on portable kernels and on the best ones."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import runtime
from toolchain import ir, targets
from toolchain.compiler import compile_graph
from toolchain.importers import tflite

Array = NDArray[Any]


def read_tflite(model: bytes) -> ir.Graph:
    """The graph of a TFLite file's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(model)
        graph = tflite.load(path)
    ir.verify(graph)
    return graph


def compiled(graph: ir.Graph, inputs: Sequence[Array], isa: str | None = None) -> list[Array]:
    """The outputs of the compiled graph; `isa` is the best instruction set that may be used."""
    plan = compile_graph(graph, targets.load("host")).plan
    return [np.asarray(y) for y in runtime.Model(plan, isa=isa).run(list(inputs))]


def every_way(graph: ir.Graph, inputs: Sequence[Array], tolerance: float = 0.0) -> list[Array]:
    """The outputs by the ops' meaning, having made sure that compiled ones are equal, or within `tolerance` times the largest."""
    expected = ir.run(graph, inputs)
    for isa in (None, "scalar"):
        for y, e in zip(compiled(graph, inputs, isa), expected, strict=True):
            assert y.dtype == e.dtype and y.shape == e.shape
            assert_close(y, e, tolerance if e.dtype.kind == "f" else 0.0)
    return expected


def assert_close(y: Array, expected: Array, tolerance: float) -> None:
    """Equal, NaN to NaN and infinity to infinity, or finite and within `tolerance` times the largest finite expected value."""
    if tolerance == 0.0:
        np.testing.assert_array_equal(y, expected)
        return
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(y[~finite], expected[~finite])
    largest = float(np.abs(expected[finite]).max(initial=0.0))
    np.testing.assert_allclose(y[finite], expected[finite], rtol=0, atol=tolerance * max(largest, 1e-30))
