"""MatMulNBits of ONNX files against onnxruntime, in blocks where they can stay, else in float."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import runtime
from toolchain import targets
from toolchain.compiler import compile_graph, read
from toolchain.ir import Array, run
from toolchain.ops.block_product import BlockProduct


def model(
    path: Path, shape: tuple[int, ...], n: int, rng: np.random.Generator, constants: dict[str, Array], **attributes: Any
) -> Path:
    """A MatMulNBits of x [shape] with random stored weights and these other constants."""
    k, bits, block = shape[-1], attributes["bits"], attributes["block_size"]
    stored = rng.integers(0, 256, (n, -(-k // block), block * bits // 8)).astype(np.uint8)
    names = ["scales", "zero_points", "g_idx", "bias"]
    node = helper.make_node(
        "MatMulNBits", ["x", "B", *(name if name in constants else "" for name in names)], ["y"], domain="com.microsoft",
        K=k, N=n, **attributes,
    )  # fmt: skip
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [*shape[:-1], n])],
        [numpy_helper.from_array(array, name) for name, array in {"B": stored, **constants}.items()],
    )
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=domains, ir_version=9), path)
    return path


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("block", [16, 32, 64, 128])
@pytest.mark.parametrize("kind", ["symmetric", "biased", "fine scales", "zero points"])
def test_matmul_n_bits(tmp_path: Path, bits: int, block: int, kind: str) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(block)
    n, k = 24, 3 * block
    scales = rng.uniform(0.01, 0.1, n * 3).astype(np.float32 if kind == "fine scales" else np.float16).astype(np.float32)
    constants: dict[str, Array] = {"scales": scales}
    if kind == "biased":
        constants["bias"] = rng.standard_normal(n, np.float32)
    if kind == "zero points":
        constants["zero_points"] = rng.integers(0, 256, n * (2 if bits == 4 else 3)).astype(np.uint8)
    path = model(tmp_path / "m.onnx", (2, 5, k), n, rng, constants, bits=bits, block_size=block)
    graph = read(path)
    held = [node for node in graph.nodes if isinstance(node.op, BlockProduct)]
    assert len(held) == (kind in ("symmetric", "biased") and block >= 32)
    x = rng.standard_normal((2, 5, k), np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": x})[0]
    tolerance = (0.02 if held else 1e-5) * abs(expected).max()
    assert abs(run(graph, [x])[0] - expected).max() < tolerance
    assert abs(runtime.Model(compile_graph(graph, targets.load("host")).plan).run([x])[0] - expected).max() < tolerance


def test_a_group_index_is_refused(tmp_path: Path) -> None:
    from toolchain.errors import InputError

    constants = {"scales": np.ones(8, np.float32), "g_idx": np.zeros(32, np.int32)}
    path = model(tmp_path / "m.onnx", (1, 32), 8, np.random.default_rng(0), constants, bits=4, block_size=32)
    with pytest.raises(InputError, match="no group index"):
        read(path)
