"""Plans for the runtime's tests: a small network, hand-made programs, and plan files taken apart and put together again."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain import ir, kernels, targets
from toolchain.assets import RUNTIME
from toolchain.compiler import compile_graph
from toolchain.emit import plan
from toolchain.ir import Quant, Type
from toolchain.kernels import Kernel
from toolchain.ops.add import Add
from toolchain.ops.conv import Conv
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.pool import MaxPool
from toolchain.ops.reshape import Reshape
from toolchain.ops.softmax import Softmax
from toolchain.program import Buffer, Operand, Program, Region, Step, Tensor
from toolchain.records import record
from toolchain.spatial import Window, pointwise

Array = NDArray[Any]
RECORDS = {tag: record(RUNTIME / "plan_format.h", name)[0] for tag, name in plan._RECORDS.items()}
HEADER, SECTION = (record(RUNTIME / "plan_format.h", name)[0] for name in ("Header", "Section"))


def network() -> ir.Graph:
    """int8: two convolutions, their sum, pooling, a dense layer and softmax, from [1, 8, 8, 3] to [1, 5]."""
    random = np.random.default_rng(1)
    build = ir.Builder()
    window = Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))

    def weights(*shape: int) -> tuple[ir.Value, ir.Value]:
        scale = Quant(tuple(random.uniform(0.01, 0.02, shape[0]).astype(np.float32).tolist()), (0,) * shape[0], axis=0)
        bias = ir.constant(random.integers(-500, 500, shape[0], dtype=np.int32), "bias")
        return ir.constant(random.integers(-127, 128, shape, dtype=np.int8), "weights", scale), bias

    x = build.input("image", Type((1, 8, 8, 3), np.dtype(np.int8), Quant.of(0.05, 3)))
    quant = Quant.of(0.1, -5)
    a = build.add(Conv(window), x, *weights(6, 3, 3, 3), name="conv_a", quant=quant)
    b = build.add(Conv(window, groups=6), a, *weights(6, 3, 3, 1), name="conv_b", quant=quant)
    c = build.add(Add(), a, b, name="sum", quant=quant)
    d = build.add(MaxPool(Window((2, 2), (2, 2), (1, 1), ((0, 0), (0, 0)))), c, name="pool", quant=quant)
    e = build.add(Reshape((1, 96)), d, name="flat", quant=quant)
    dense = Quant.of(0.02, 0)
    w = ir.constant(random.integers(-127, 128, (5, 96), dtype=np.int8), "dense", Quant.of(0.01, 0))
    f = build.add(FullyConnected(), e, w, ir.constant(np.zeros(5, np.int32), "bias"), name="dense", quant=dense)
    build.output(build.add(Softmax(1), f, name="softmax", quant=Quant.of(1 / 256, -128)), "classes")
    ir.verify(build.graph)
    return build.graph


def float_network() -> ir.Graph:
    """float32: one convolution, from [1, 4, 4, 2] to [1, 4, 4, 3]."""
    random = np.random.default_rng(5)
    build = ir.Builder()
    x = build.input("x", ir.float32(1, 4, 4, 2))
    weights = ir.constant(random.normal(size=(3, 1, 1, 2)).astype(np.float32), "weights")
    bias = ir.constant(random.normal(size=3).astype(np.float32), "bias")
    build.output(build.add(Conv(Window((1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)))), x, weights, bias, name="conv"))
    return build.graph


@cache
def network_plan() -> bytes:
    """The plan of `network`, compiled for this machine, with a golden example."""
    compiled = compile_graph(network(), targets.load("host"))
    x = np.random.default_rng(3).integers(-128, 128, (1, 8, 8, 3), dtype=np.int8)
    return plan.encode(compiled.program, [plan.Golden([x], ir.run(network(), [x]))])


def scalar_kernel(family: str) -> Kernel:
    return next(kernel for kernel in kernels.families()[family] if kernel.isa == "scalar")


def add_one(x: Operand, y: Operand, name: str) -> Step:
    """y = x + 1 on int8: a 1x1 convolution of one channel."""
    kernel = scalar_kernel("conv_s8")
    params = {**pointwise(x.size, 1, 1), "groups": 1, "in_zero": 0, "out_zero": 0}
    params |= {"out_min": -128, "out_max": 127, "uniform": 1}
    weights = np.zeros(kernel.nr * kernel.kr, np.int8)
    weights[0] = 1
    data = [weights.tobytes(), *(np.full(kernel.nr, value, np.int32).tobytes() for value in (1, 1 << 30, 1))]
    constants = [Operand(Buffer("", len(values), Region.CONSTANT, data=values), 0, len(values)) for values in data]
    return Step(kernel, kernel.encode(params), [x, *constants], [y], name, "AddOne", x.size)


def buffer(name: str, size: int, region: Region = Region.ARENA, offset: int = 0, data: bytes | None = None) -> Operand:
    """A whole buffer as an operand."""
    return Operand(Buffer(name, size, region, data=data, offset=offset), 0, size)


def tensor(name: str, operand: Operand, quant: Quant | None = None) -> Tensor:
    return Tensor(name, Type((operand.size,), np.dtype(np.int8), quant), operand)


def counter() -> Program:
    """State of two int8, at first 10 and 20, counts up by two with every run; the outputs are what lies between."""
    state, x = buffer("state", 2, Region.STATE, data=bytes([10, 20])), buffer("x", 1)
    y = buffer("y", 2, offset=64)
    program = Program("counter", [tensor("x", x)], [tensor("y", y)], [add_one(state, y, "first"), add_one(y, state, "second")])
    program.arena_bytes = 66
    return program


def two_by_two() -> Program:
    """Two inputs and two outputs: c = a + 1 on 3 quantised values, d = b + 1 on 4 plain ones."""
    a, b, c, d = (buffer(name, size, offset=64 * i) for i, (name, size) in enumerate(zip("abcd", (3, 4, 3, 4), strict=True)))
    quant = Quant.of(0.5, 10)
    program = Program("pair", [tensor("a", a, quant), tensor("b", b)], [tensor("c", c, quant), tensor("d", d)])
    program.steps = [add_one(a, c, "left"), add_one(b, d, "right")]
    program.arena_bytes = 196
    return program


def take_apart(file: bytes) -> dict[str, Any]:
    """A plan's sections: arrays of records, or bytes."""
    header = np.frombuffer(file, HEADER, 1)[0]
    sections: dict[str, Any] = {}
    for row in np.frombuffer(file, SECTION, int(header["section_count"]), HEADER.itemsize):
        tag = int(row["tag"]).to_bytes(4, "little").decode()
        data = file[int(row["offset"]) : int(row["offset"] + row["size"])]
        sections[tag] = np.frombuffer(data, RECORDS[tag]).copy() if tag in RECORDS else data
    return sections


def put_together(sections: dict[str, Any]) -> bytes:
    """The plan file of these sections, with all offsets and checksums right."""
    bodies = {tag: data if isinstance(data, bytes) else data.tobytes() for tag, data in sections.items()}
    table = np.zeros(len(bodies), SECTION)
    file = bytearray(HEADER.itemsize + table.nbytes)
    for row, (tag, data) in zip(table, bodies.items(), strict=True):
        file += bytes(-len(file) % 64)
        row["offset"], row["size"] = len(file), len(data)
        row["tag"], row["flags"], row["checksum"] = int.from_bytes(tag.encode(), "little"), 1, zlib.crc32(data)
        file += data
    header = np.zeros((), HEADER)
    header["file_size"], header["magic"], header["version"] = len(file), list(b"SINTER\r\n"), 1
    header["section_count"], header["checksum"] = len(table), zlib.crc32(table.tobytes())
    file[: HEADER.itemsize + table.nbytes] = header.tobytes() + table.tobytes()
    return bytes(file)


def edited(file: bytes, edit: Callable[[dict[str, Any]], None]) -> bytes:
    """The plan with its sections changed by `edit`."""
    sections = take_apart(file)
    edit(sections)
    return put_together(sections)
