"""The ONNX project's node tests, compiled and run: `python -m tests.onnx_nodes [--update] [name ...]` lists what passes.

A test passes where at least one step of the compiled program executes and every output fits within the test's own tolerances.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
from onnx.backend.test.loader import load_model_tests

import runtime
from toolchain import targets
from toolchain.compiler import compile_graph
from toolchain.importers.onnx import convert
from toolchain.ir import verify

LIST = Path(__file__).parent / "onnx_node_tests.txt"
VERSION = ".".join(onnx.__version__.split(".")[:2])

# The inputs that say how large something is, along which axes or in which steps, by operator: they are bound as constants.
SHAPES: dict[str, tuple[int, ...]] = {
    "AffineGrid": (1,),
    "BlackmanWindow": (0,),
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "ConstantOfShape": (0,),
    "CumProd": (1,),
    "CumSum": (1,),
    "DFT": (1, 2),
    "Expand": (1,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "MaxUnpool": (2,),
    "OneHot": (1,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "STFT": (1, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Trilu": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
    **dict.fromkeys((f"Reduce{kind}" for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum")), (1,)),
    "ReduceSumSquare": (1,),
}


class NotRun(Exception):
    """A test whose outputs are right, but constant or where the inputs lie already, so that no step executes."""


@cache
def cases() -> dict[str, Any]:
    """Every node test by its name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {case.name: case for case in load_model_tests(kind="node")}


def listed() -> tuple[str, list[str]]:
    """The onnx version that the list was made with, and the names in it."""
    first, *names = LIST.read_text(encoding="utf-8").split("\n")
    return first.removeprefix("# onnx "), [name for name in names if name]


def shape_inputs(name: str) -> set[str]:
    """The names of the inputs that may be constants; an expanded test has those of the operator that it expands."""
    case = cases().get(re.sub(r"_expanded(_ver\d+)?$", "", name), cases()[name])
    bound = ((node.input, SHAPES.get(node.op_type, ())) for node in case.model.graph.node)
    return {inputs[index] for inputs, indices in bound for index in indices if index < len(inputs)}


def array(data: Any) -> Any:
    """A test's input or output, which some tests hold as a tensor of the file format."""
    return onnx.numpy_helper.to_array(data) if isinstance(data, onnx.TensorProto) else np.asarray(data)


def check(name: str) -> None:
    """Compile and run one test; raises where it fails."""
    case = cases()[name]
    names = [value.name for value in case.model.graph.input]
    (arrays, expected), *_ = case.data_sets
    given = dict(zip(names, map(array, arrays), strict=True))
    shapes = shape_inputs(name)
    graph = convert(case.model, constants={key: array for key, array in given.items() if key in shapes})
    verify(graph)
    model = runtime.Model(compile_graph(graph, targets.load("host")).plan)
    results = model.run([given[tensor.name] for tensor in model.inputs])
    for result, wanted in zip(results, map(array, expected), strict=True):
        if result.dtype != wanted.dtype or result.shape != wanted.shape:
            raise AssertionError(f"got {result.dtype}{result.shape}, expected {wanted.dtype}{wanted.shape}")
        np.testing.assert_allclose(result, wanted, rtol=case.rtol, atol=case.atol)
    if not model.steps:
        raise NotRun("no step executes")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help=f"write the names of those that pass to {LIST.name}")
    parser.add_argument("names", nargs="*", help="only tests whose names contain one of these")
    arguments = parser.parse_args()
    passed: list[str] = []
    failed: dict[str, list[str]] = defaultdict(list)
    chosen = [name for name in cases() if not arguments.names or any(part in name for part in arguments.names)]
    for name in chosen:
        try:
            check(name)
            passed.append(name)
        except Exception as error:
            text = re.sub(r"'[^']*'", "'...'", " ".join(str(error).split()))
            failed[f"{type(error).__name__}: {text[:200]}"].append(name)
    for reason, names in sorted(failed.items(), key=lambda item: -len(item[1])):
        print(f"{len(names):4} {reason}\n       {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}")
    print(f"{len(passed)} of {len(chosen)} pass")
    if arguments.update and not arguments.names:
        LIST.write_text("\n".join([f"# onnx {VERSION}", *sorted(passed), ""]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
