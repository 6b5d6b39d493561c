"""Train the bundled digit classifier and write it beside this script: digits.onnx and the data to calibrate and to score it.

Needs the extra `train`: pip install 'sinter[train]'. Takes seconds on one core.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

FOLDER = Path(__file__).parent
TEST_IMAGES, CALIBRATION_IMAGES = 400, 200
EPOCHS, BATCH = 60, 64

Floats = NDArray[np.float32]


def convolution(inputs: int, outputs: int, kernel: int, groups: int = 1, stride: int = 1, padding: int = 0) -> nn.Sequential:
    """A convolution without bias and its batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Digits(nn.Module):
    """Images [n, 1, 8, 8] in 0..1 to logits [n, 10]: depthwise separable blocks, two of them residual."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = convolution(1, 16, 3, padding=1)
        self.depthwise1 = convolution(16, 16, 3, groups=16, padding=1)
        self.pointwise1 = convolution(16, 16, 1)
        self.depthwise2 = convolution(16, 16, 3, groups=16, stride=2)
        self.pointwise2 = convolution(16, 32, 1)
        self.depthwise3 = convolution(32, 32, 3, groups=32, padding=1)
        self.pointwise3 = convolution(32, 32, 1)
        self.classifier = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        relu = functional.relu
        x = relu(self.stem(x))
        x = relu(x + self.pointwise1(relu(self.depthwise1(x))))
        x = functional.pad(x, (0, 1, 0, 1))
        x = relu(self.pointwise2(relu(self.depthwise2(x))))
        x = relu(x + self.pointwise3(relu(self.depthwise3(x))))
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits


def data() -> tuple[Floats, NDArray[np.int64], Floats, NDArray[np.int64]]:
    """Training images and labels, test images and labels, after one fixed shuffle."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images = (digits.images[order, None] / 16).astype(np.float32)
    labels = digits.target[order].astype(np.int64)
    return images[TEST_IMAGES:], labels[TEST_IMAGES:], images[:TEST_IMAGES], labels[:TEST_IMAGES]


def shifted(images: Tensor) -> Tensor:
    """The images, each moved by up to one pixel in a random direction."""
    padded = functional.pad(images, (1, 1, 1, 1))
    corners = torch.randint(0, 3, (len(images), 2)).tolist()
    return torch.stack([image[:, row : row + 8, column : column + 8] for image, (row, column) in zip(padded, corners, strict=True)])


def train(images: Tensor, labels: Tensor) -> Digits:
    model = Digits()
    steps = EPOCHS * (len(images) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(images))
        for start in range(0, len(images) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            loss = functional.cross_entropy(model(shifted(images[batch])), labels[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return model.eval()


class Writer:
    """Collects the nodes and weights of an ONNX graph; every method returns the name of its node's output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, value: NDArray[np.generic]) -> str:
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def node(self, operator: str, name: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def convolution(self, name: str, layers: nn.Module, x: str) -> str:
        assert isinstance(layers, nn.Sequential)
        conv, norm = layers
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        assert isinstance(conv.padding, tuple)
        weight = self.weight(f"{name}.weight", conv.weight.detach().numpy())
        (rows, columns), (down, right) = conv.padding, conv.stride
        kernel, pads, strides = list(conv.kernel_size), [rows, columns, rows, columns], [down, right]
        y = self.node("Conv", name, x, weight, kernel_shape=kernel, pads=pads, strides=strides, group=conv.groups)
        state = norm.state_dict()
        terms = [self.weight(f"{name}.norm.{key}", state[key].numpy()) for key in ("weight", "bias", "running_mean", "running_var")]
        return self.node("BatchNormalization", f"{name}.norm", y, *terms, epsilon=norm.eps)


def export(model: Digits) -> onnx.ModelProto:
    """The network as ONNX: NCHW, opset 17, batch 1, batch normalisation kept apart, softmax at the end."""
    w = Writer()

    def block(name: str, x: str) -> str:
        return w.node("Relu", f"{name}.relu", w.convolution(name, getattr(model, name), x))

    x = block("stem", "image")
    y = w.convolution("pointwise1", model.pointwise1, block("depthwise1", x))
    x = w.node("Relu", "residual1.relu", w.node("Add", "residual1", x, y))
    x = w.node("Pad", "pad", x, w.weight("pad.pads", np.array([0, 0, 0, 0, 0, 0, 1, 1], np.int64)))
    x = block("pointwise2", block("depthwise2", x))
    y = w.convolution("pointwise3", model.pointwise3, block("depthwise3", x))
    x = w.node("Relu", "residual2.relu", w.node("Add", "residual2", x, y))
    x = w.node("Flatten", "flatten", w.node("GlobalAveragePool", "pool", x))
    classifier = [w.weight(f"classifier.{key}", value.numpy()) for key, value in model.classifier.state_dict().items()]
    w.node("Softmax", "probabilities", w.node("Gemm", "classifier", x, *classifier, transB=1), axis=1)

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 10])
    graph = helper.make_graph(w.nodes, "digits", [image], [probabilities], w.weights)
    proto = helper.make_model(graph, producer_name="sinter", ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(proto, full_check=True)
    return proto


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    train_images, train_labels, test_images, test_labels = data()
    model = train(torch.from_numpy(train_images), torch.from_numpy(train_labels))

    proto = export(model)
    reference = ReferenceEvaluator(proto)
    written = np.concatenate([np.asarray(reference.run(None, {"image": image[None]}))[0] for image in test_images])
    with torch.no_grad():
        expected = model(torch.from_numpy(test_images)).softmax(1).numpy()
    worst = float(np.abs(written - expected).max())
    if worst > 1e-5:
        raise SystemExit(f"the written model differs from the trained one by {worst}")

    onnx.save(proto, FOLDER / "digits.onnx")
    np.savez_compressed(FOLDER / "digits_calibration.npz", image=train_images[:CALIBRATION_IMAGES])
    np.savez_compressed(FOLDER / "digits_test.npz", image=test_images, label=test_labels)
    right = int((written.argmax(1) == test_labels).sum())
    print(f"{right} of {len(test_labels)} test images right ({right / len(test_labels):.2%})")


if __name__ == "__main__":
    main()
