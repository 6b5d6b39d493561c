"""Quantize and Dequantize against TFLM's and LiteRT's reference kernels."""

from __future__ import annotations

import numpy as np
import pytest

from tests.execute import every_way, read_tflite
from tests.references import Array, litert, tflm
from tests.tflite_writer import Tensor, one_operator

EVERY = np.arange(-128, 128, dtype=np.int8).reshape(4, 64)


@pytest.mark.parametrize("seed", range(8))
def test_quantize_and_requantize(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale, zero = float(rng.uniform(0.01, 0.2)), int(rng.integers(-128, 128))
    x = (np.concatenate([rng.uniform(-150, 150, 200), np.arange(-150, 150) + 0.5]) * np.float32(scale)).astype(np.float32)
    target = Tensor(x.shape, np.int8, scale, zero)
    for model, inputs in (
        (one_operator("QUANTIZE", [Tensor(x.shape)], target), [x]),
        (one_operator("QUANTIZE", [Tensor(EVERY.shape, np.int8, 0.07, 11)], Tensor(EVERY.shape, np.int8, scale, zero)), [EVERY]),
    ):
        (y,) = every_way(read_tflite(model), inputs)
        np.testing.assert_array_equal(y, tflm(model, inputs)[0])
        np.testing.assert_array_equal(y, litert(model, inputs)[0])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_dequantize(dtype: type) -> None:
    x: Array = EVERY.view(dtype)
    model = one_operator("DEQUANTIZE", [Tensor(x.shape, dtype, 0.037, 5)], Tensor(x.shape))
    (y,) = every_way(read_tflite(model), [x])
    np.testing.assert_array_equal(y, litert(model, [x])[0])


def test_uint8_is_int8_with_another_zero_point() -> None:
    x = np.linspace(-3, 3, 100, dtype=np.float32)
    model = one_operator("QUANTIZE", [Tensor(x.shape)], Tensor(x.shape, np.uint8, 0.02, 130))
    (y,) = every_way(read_tflite(model), [x])
    np.testing.assert_array_equal(y, litert(model, [x])[0])


def test_float16_constants_become_float32() -> None:
    x = np.linspace(-3, 3, 12).astype(np.float16)
    graph = read_tflite(one_operator("DEQUANTIZE", [Tensor(data=x)], Tensor(x.shape)))
    assert not graph.nodes and graph.outputs[0].data is not None
    np.testing.assert_array_equal(graph.outputs[0].data, x.astype(np.float32))
