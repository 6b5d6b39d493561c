"""What an ONNX file holds beside its operators: data outside the file, names and open shapes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from toolchain.errors import InputError
from toolchain.importers.onnx import convert, load
from toolchain.ir import run

DATA = np.array([1, 2, 3], np.float32)


def model(
    nodes: Sequence[onnx.NodeProto],
    *,
    inputs: Sequence[str] = ("x",),
    outputs: Sequence[str] = ("y",),
    constants: Sequence[onnx.TensorProto] = (),
    shape: Sequence[int | str] | None = (1, 3),
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def external(folder: Path, location: str, **entries: str) -> Path:
    """A model that adds a constant of three floats, which lies at `location`."""
    tensor = TensorProto(name="c", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    path = folder / "model.onnx"
    onnx.save(model([helper.make_node("Add", ["x", "c"], ["y"])], constants=[tensor]), path)
    return path


def test_external_data_inside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "weights.bin").write_bytes(b"head" + DATA.tobytes())
    (tmp_path / "link.bin").symlink_to(tmp_path / "data" / "weights.bin")
    for location in ("data/weights.bin", "data/../data/weights.bin", "link.bin"):
        (y,) = run(load(external(tmp_path, location, offset="4", length="12")), [np.zeros((1, 3), np.float32)])
        np.testing.assert_array_equal(y, DATA[None])


def test_external_data_that_is_refused(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside.bin", tmp_path / "model"
    folder.mkdir()
    for file in (outside, folder / "weights.bin"):
        file.write_bytes(DATA.tobytes())
    (folder / "link").symlink_to(outside)
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    expected = {
        **dict.fromkeys(("", "../outside.bin", str(outside), "link"), "outside the model's folder"),
        "pipe": "not a regular file",
        ".": "not a regular file",
        "absent.bin": "No such file",
        "loop": "symbolic links",
        "weights.bin\0": "no path",
        "weights.bin/more": "Not a directory",
        "a" * 5000: "name too long",
    }
    for location, message in expected.items():
        with pytest.raises(InputError, match=message):
            load(external(folder, location))
    for key, value in {"offset": "-1", "length": "13", "offset ": "x"}.items():
        with pytest.raises(InputError, match=r"expected 12|damaged"):
            load(external(folder, "weights.bin", **{key.strip(): value}))
    with pytest.raises(InputError, match=r"holds 8 bytes of constant"):
        load(external(folder, "weights.bin", offset="4"))


def test_names_that_stand_for_two_values_are_refused() -> None:
    relu = helper.make_node("Relu", ["x"], ["y"])
    constant = numpy_helper.from_array(DATA, "c")
    shadow = numpy_helper.from_array(DATA, "y")
    for made, name in (
        (model([relu, helper.make_node("Neg", ["x"], ["y"])]), "y"),
        (model([relu], inputs=("x", "x")), "x"),
        (model([relu], constants=[constant, constant]), "c"),
        (model([relu], constants=[shadow]), "y"),
        (model([relu], outputs=("y", "y")), "y"),
    ):
        with pytest.raises(InputError, match=f"2 of its .* are named '{name}'"):
            convert(made)


def test_an_input_with_a_default_is_that_constant() -> None:
    constant = numpy_helper.from_array(DATA, "c")
    graph = convert(model([helper.make_node("Add", ["x", "c"], ["y"])], inputs=("x", "c"), constants=[constant]))
    assert [value.name for value in graph.inputs] == ["x"]


@pytest.mark.parametrize("shape", [None, ("n", 3), (-1, -1), (2, "")])
def test_open_shapes_are_fixed(shape: Sequence[int | str] | None) -> None:
    made = model([helper.make_node("Relu", ["x"], ["y"])], shape=shape)
    assert convert(made, {"x": (2, 3)}).outputs[0].shape == (2, 3)
    if shape != ("n", 3):
        with pytest.raises(InputError, match="fix it with --input-shape x="):
            convert(made)
