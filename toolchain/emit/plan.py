"""Program to plan file: the format is stated in runtime/plan_format.h, whose rows this writer reads."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolchain.assets import RUNTIME
from toolchain.ir import DTYPES, Array, IrError
from toolchain.kernels import Kernel
from toolchain.program import Buffer, Operand, Program, Region, Tensor
from toolchain.records import record

_FORMAT = RUNTIME / "plan_format.h"
_VERSION = 1
_REQUIRED = 1
_ALIGN = 64
_RECORDS = {
    "KERN": "KernelRecord",
    "BUFF": "BufferRecord",
    "OPND": "OperandRecord",
    "STEP": "StepRecord",
    "TENS": "TensorRecord",
    "ENTR": "EntryRecord",
    "GOLD": "GoldenRecord",
}
_OPTIONAL = ("GOLD", "VECT")


def _record(name: str) -> np.dtype[Any]:
    return record(_FORMAT, name)[0]


class _Tables:
    """The records of every section, filled while walking the program."""

    def __init__(self) -> None:
        self.strings = bytearray()
        self.params = bytearray()
        self.weights = bytearray()
        self.vectors = bytearray()
        self.rows: dict[str, list[dict[str, Any]]] = {tag: [] for tag in _RECORDS}
        self._strings: dict[str, int] = {}
        self._kernels: dict[str, int] = {}
        self._buffers: dict[Buffer, int] = {}

    def string(self, text: str) -> int:
        if text not in self._strings:
            self._strings[text] = len(self.strings)
            self.strings += text.encode().replace(b"\0", b"?") + b"\0"
        return self._strings[text]

    def kernel(self, kernel: Kernel) -> int:
        if kernel.name not in self._kernels:
            self._kernels[kernel.name] = len(self._kernels)
            self.rows["KERN"].append({"name": self.string(kernel.name), "params_layout": kernel.layout})
        return self._kernels[kernel.name]

    def buffer(self, buffer: Buffer) -> int:
        if buffer not in self._buffers:
            self._buffers[buffer] = len(self._buffers)
            offset = buffer.offset
            if buffer.region == Region.CONSTANT:
                pad(self.weights, _ALIGN)
                offset = len(self.weights)
                self.weights += buffer.data or b""
            row = {"offset": offset, "size": buffer.size, "region": int(buffer.region), "name": self.string(buffer.name)}
            self.rows["BUFF"].append(row)
        return self._buffers[buffer]

    def operand(self, operand: Operand) -> int:
        row = {"offset": operand.offset, "size": operand.size, "buffer": self.buffer(operand.buffer)}
        self.rows["OPND"].append(row)
        return len(self.rows["OPND"]) - 1

    def golden(self, example: Golden, program: Program) -> None:
        """One example, whose arrays must be those of the interface."""
        self.rows["GOLD"].append({"offset": len(self.vectors), "tolerance": example.tolerance})
        arrays = (*example.inputs, *example.outputs)
        for tensor, array in zip((*program.inputs, *program.outputs), arrays, strict=True):
            if array.shape != tensor.type.shape or array.dtype != tensor.type.dtype:
                raise IrError(f"golden tensor '{tensor.name}' is {array.dtype}{list(array.shape)}, expected {tensor.type}")
            self.vectors += np.ascontiguousarray(array).tobytes()

    def tensor(self, tensor: Tensor) -> None:
        quant = tensor.type.quant
        per_tensor = quant is not None and quant.axis is None
        self.rows["TENS"].append(
            {
                "shape": (*tensor.type.shape, *(0,) * (8 - tensor.type.rank)),
                "operand": self.operand(tensor.operand),
                "name": self.string(tensor.name),
                "dtype": DTYPES.index(tensor.type.dtype),
                "rank": tensor.type.rank,
                "scale": quant.scale[0] if quant is not None and per_tensor else 0.0,
                "zero": quant.zero[0] if quant is not None and per_tensor else 0,
            }
        )


def pad(data: bytearray, align: int) -> None:
    """Append zeros up to a multiple of `align`."""
    data += bytes(-len(data) % align)


@dataclass(frozen=True)
class Golden:
    """One example for the runtime's self-test; floats may differ by `tolerance` times the largest of their tensor."""

    inputs: Sequence[Array]
    outputs: Sequence[Array]
    tolerance: float = 1e-5


def encode(program: Program, golden: Sequence[Golden] = ()) -> bytes:
    """The plan file's bytes; the same program gives the same bytes."""
    tables = _Tables()
    for step in program.steps:
        operands = [tables.operand(operand) for operand in (*step.inputs, *step.outputs)]
        pad(tables.params, 16)
        tables.rows["STEP"].append(
            {
                "params": len(tables.params),
                "macs": step.macs,
                "params_size": len(step.params),
                "kernel": tables.kernel(step.kernel),
                "operand": operands[0] if operands else 0,
                "inputs": len(step.inputs),
                "outputs": len(step.outputs),
                "name": tables.string(step.name),
                "op": tables.string(step.op),
            }
        )
        tables.params += step.params
    for tensor in (*program.inputs, *program.outputs):
        tables.tensor(tensor)
    state = bytearray(program.state_bytes)
    for buffer in program.buffers():
        if buffer.region == Region.STATE and buffer.data is not None:
            state[buffer.offset : buffer.offset + buffer.size] = buffer.data
    tables.rows["ENTR"].append(
        {
            "arena_bytes": program.arena_bytes,
            "state_bytes": len(state),
            "name": tables.string("main"),
            "step": 0,
            "steps": len(program.steps),
            "tensor": 0,
            "inputs": len(program.inputs),
            "outputs": len(program.outputs),
        }
    )
    for example in golden:
        tables.golden(example, program)
    return _assemble(tables, bytes(state))


def _assemble(tables: _Tables, state: bytes) -> bytes:
    sections: dict[str, bytes] = {tag: _encode_rows(_record(name), tables.rows[tag]) for tag, name in _RECORDS.items()}
    sections |= {"STRS": bytes(tables.strings), "PARM": bytes(tables.params), "WGTS": bytes(tables.weights), "STAT": state}
    if tables.rows["GOLD"]:
        sections["VECT"] = bytes(tables.vectors)
    else:
        del sections["GOLD"]
    header_type, section_type = _record("Header"), _record("Section")
    body = bytearray(header_type.itemsize + section_type.itemsize * len(sections))
    table = []
    for tag, data in sections.items():
        pad(body, _ALIGN)
        table.append(
            {
                "offset": len(body),
                "size": len(data),
                "tag": int.from_bytes(tag.encode(), "little"),
                "flags": 0 if tag in _OPTIONAL else _REQUIRED,
                "checksum": zlib.crc32(data),
            }
        )
        body += data
    encoded = _encode_rows(section_type, table)
    header = {
        "file_size": len(body),
        "magic": list(b"SINTER\r\n"),
        "version": _VERSION,
        "section_count": len(sections),
        "checksum": zlib.crc32(encoded),
    }
    prefix = _encode_rows(header_type, [header]) + encoded
    body[: len(prefix)] = prefix
    return bytes(body)


def _encode_rows(dtype: np.dtype[Any], rows: list[dict[str, Any]]) -> bytes:
    array = np.zeros(len(rows), dtype)
    for index, row in enumerate(rows):
        for name, value in row.items():
            array[index][name] = value
    return array.tobytes()
