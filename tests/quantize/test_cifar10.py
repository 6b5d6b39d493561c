"""Quantisation of the MLPerf Tiny ResNet-8, calibrated on 200 training images: accuracy on 5,000 test images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import runtime
from tests.conftest import asset
from toolchain import targets
from toolchain.compiler import Quantization, compile_graph, read


def images(name: str) -> tuple[NDArray[np.float32], NDArray[Any]]:
    with np.load(asset(f"data/{name}.npz")) as data:
        return data["x"].astype(np.float32), data["y"]


def predictions(model: runtime.Model, x: NDArray[np.float32]) -> NDArray[np.int64]:
    shape = model.inputs[0].shape
    rows = x.transpose(0, 3, 1, 2) if shape[1] == 3 else x
    return np.array([int(np.argmax(model.run(row.reshape(shape))[0])) for row in np.ascontiguousarray(rows)])


def test_int8_loses_at_most_half_a_point_on_cifar10() -> None:
    path = asset("models/ic_resnet8_bn.onnx")
    host = targets.load("host")
    train, _ = images("cifar10_train_10k")
    test, labels = images("cifar10_test_5k")
    original = read(path)
    shape = original.inputs[0].shape
    samples = [[np.ascontiguousarray(x.transpose(2, 0, 1) if shape[1] == 3 else x).reshape(shape)] for x in train[::50]]
    assert len(samples) == 200
    real = predictions(runtime.Model(compile_graph(original, host).plan), test)
    compiled = compile_graph(read(path), host, quantization=Quantization(samples))
    stored = predictions(runtime.Model(compiled.plan), test)
    float_accuracy, accuracy = float((real == labels).mean()), float((stored == labels).mean())
    print(f"\nfloat {100 * float_accuracy:.2f} %, int8 {100 * accuracy:.2f} %, {int((real != stored).sum())} predictions changed")
    print(*compiled.tries, sep="\n")
    assert float_accuracy > 0.74
    assert float_accuracy - accuracy <= 0.005
