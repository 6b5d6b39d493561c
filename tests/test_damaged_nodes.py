"""The ONNX project's node tests with damaged nodes: each one compiles, or is refused with one InputError; never anything else."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, helper

from tests.onnx_nodes import array, cases, shape_inputs
from toolchain import targets
from toolchain.compiler import compile_graph
from toolchain.errors import InputError
from toolchain.importers.onnx import convert

PARTS, PER_PART = 4, 400
NUMBERS = [0, 1, -1, 2, -2, 3, 7, -9, 127, 1 << 20, 1 << 31, -(1 << 31), 1 << 62]
REALS = [0.0, -1.0, 1e30, float("nan"), float("inf")]
TEXTS = [b"", b"x", b"\xff", b"SAME_UPPER", b"..."]


def nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Every node, those of subgraphs included."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from nodes(attribute.g)


def damage_attribute(rng: random.Random, node: onnx.NodeProto) -> None:
    """Another value, another type, another length, or none at all."""
    attribute = rng.choice(node.attribute)
    kind = rng.randrange(6)
    if kind == 0:
        node.attribute.remove(attribute)
    elif kind == 1:
        name = attribute.name
        node.attribute.remove(attribute)
        node.attribute.append(helper.make_attribute(name, rng.choice([1, 0.5, "s", [1, 2], [0.5], ["q"]])))
    elif attribute.type == AttributeProto.INT:
        attribute.i = rng.choice(NUMBERS)
    elif attribute.type == AttributeProto.FLOAT:
        attribute.f = rng.choice(REALS)
    elif attribute.type == AttributeProto.STRING:
        attribute.s = rng.choice(TEXTS)
    elif attribute.type == AttributeProto.INTS:
        if kind == 2 or not attribute.ints:
            attribute.ints.append(rng.choice(NUMBERS))
        elif kind == 3:
            attribute.ints.pop()
        else:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(NUMBERS)


def damage(rng: random.Random, model: onnx.ModelProto, constants: dict[str, Any]) -> None:
    """One thing wrong with one node, one bound constant or one input."""
    node, names = rng.choice(list(nodes(model.graph))), [value.name for value in model.graph.input]
    kind = rng.randrange(8)
    if kind <= 3 and node.attribute:
        damage_attribute(rng, node)
    elif kind == 4 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(["", "nope", *names])
    elif kind == 5 and node.input:
        if rng.random() < 0.5:
            node.input.append(rng.choice(["", *names]))
        else:
            node.input.pop()
    elif kind == 6 and constants:
        key = rng.choice(list(constants))
        data = constants[key].copy()
        if data.dtype.kind in "iu" and data.size and rng.random() < 0.8:
            info = np.iinfo(data.dtype)
            data.reshape(-1)[rng.randrange(data.size)] = max(info.min, min(info.max, rng.choice(NUMBERS)))
        constants[key] = data if rng.random() < 0.8 else data.reshape(-1)
    elif kind == 7 and model.graph.input:
        tensor = rng.choice(model.graph.input).type.tensor_type
        if tensor.shape.dim and rng.random() < 0.6:
            rng.choice(tensor.shape.dim).dim_value = rng.choice([0, 1, 2, 5, 7, 1 << 40])
        else:
            tensor.elem_type = rng.choice([1, 2, 3, 6, 7, 9, 10, 11, 16, 99])


@pytest.mark.parametrize("part", range(PARTS))
def test_a_damaged_node_is_refused_or_compiles(part: int) -> None:
    rng = random.Random(part)
    known = [name for name, case in cases().items() if all(v.type.HasField("tensor_type") for v in case.model.graph.input)]
    target = targets.load("host")
    refused = 0
    for _ in range(PER_PART):
        name = rng.choice(known)
        model = onnx.ModelProto()
        model.CopyFrom(cases()[name].model)
        given = dict(zip((v.name for v in model.graph.input), map(array, cases()[name].data_sets[0][0]), strict=True))
        constants = {key: data for key, data in given.items() if key in shape_inputs(name) or rng.random() < 0.3}
        for _ in range(rng.choice([1, 1, 2, 3])):
            damage(rng, model, constants)
        refused += 1
        with contextlib.suppress(InputError):
            compile_graph(convert(model, constants=constants), target)
            refused -= 1
    assert PER_PART // 5 < refused < PER_PART


def test_damaged_weights_in_blocks_are_refused_or_compile() -> None:
    """The same for MatMulNBits, which is none of the project's node tests."""
    rng = random.Random(9)
    target = targets.load("host")
    refused = 0
    for _ in range(PER_PART):
        sizes = {
            "K": rng.choice([17, 32, 48, 64]),
            "N": rng.choice([1, 3]),
            "bits": rng.choice([4, 8]),
            "block_size": rng.choice([16, 17, 32]),
        }
        count = -(-sizes["K"] // sizes["block_size"])
        held = np.zeros((sizes["N"], count, sizes["block_size"] * sizes["bits"] // 8), np.uint8)
        constants: dict[str, Any] = {"w": held, "s": np.ones(sizes["N"] * count, np.float32)}
        constants["z"] = np.zeros(sizes["N"] * -(-count * sizes["bits"] // 8), np.uint8)
        node = helper.make_node("MatMulNBits", ["x", "w", "s", "z"], ["y"], domain="com.microsoft", **sizes)
        x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, sizes["K"]])
        y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
        given = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for name, a in constants.items()
        ]
        domains = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(helper.make_graph([node], "product", [x, *given], [y]), opset_imports=domains)
        for _ in range(rng.choice([0, 1, 1, 2])):
            damage(rng, model, constants)
        refused += 1
        with contextlib.suppress(InputError):
            compile_graph(convert(model, constants=constants), target)
            refused -= 1
    assert PER_PART // 5 < refused < PER_PART
