"""The report of a build as plain data: what report.json holds, and everything that tables and plots are drawn from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from toolchain.compiler import Compiled
from toolchain.cost import Core
from toolchain.errors import InputError
from toolchain.ir import Type
from toolchain.kernels import families
from toolchain.memory.plan import lifetimes
from toolchain.ops.block_product import BlockProduct
from toolchain.program import Operand, Region, Step
from toolchain.quantize.post_training import Try
from toolchain.targets import Target

T = TypeVar("T")

# Layers that move fewer bytes than this take no time worth a vector kernel.
TRIFLE = 4096


@dataclass(frozen=True)
class TensorInfo:
    """A tensor; `scale` is 0 where it is not quantised per tensor."""

    name: str
    dtype: str
    shape: list[int]
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True)
class Result(TensorInfo):
    """A tensor that a step computes: its output number `output`."""

    output: int = 0


@dataclass(frozen=True)
class Layer:
    """One step. `bytes` is the constants that no earlier layer holds; `read` and `written` count what moves through memory.

    `nanoseconds` is the estimated time on one thread, 0 where the target's core is unknown.
    """

    name: str
    operator: str
    kernel: str
    macs: int
    bytes: int
    read: int
    written: int
    scratch_bytes: int
    nanoseconds: int
    results: list[Result]


@dataclass(frozen=True)
class BufferUse:
    """A part of the arena, live from step `first` to step `last`, both included; -1 is before the first step."""

    name: str
    size: int
    offset: int
    first: int
    last: int


@dataclass(frozen=True)
class PassEffect:
    """What one pass did: the graph's nodes and multiply-accumulates before and after it, and a note for each change."""

    name: str
    nodes_before: int
    nodes: int
    macs_before: int
    macs: int
    notes: list[str]


@dataclass(frozen=True)
class Report:
    """A build. `plan_sha256` ties it to its model.sntr; `tries` are the ways to quantise that were measured, the one kept first.

    `nanoseconds` is the estimated time of a run on one thread of the core named by `core` at `hertz`; `calibrated` where the times
    that it rests on were measured on such a core.
    """

    model: str
    target: str
    isas: list[str]
    quantize: str | None
    plan_sha256: str
    plan_bytes: int
    macs_original: int
    macs: int
    core: str
    hertz: float
    calibrated: bool
    nanoseconds: int
    weight_bytes: int
    arena_bytes: int
    scratch_bytes: int
    state_bytes: int
    arena_lower_bound: int
    arena_optimal: bool
    inputs: list[TensorInfo]
    outputs: list[TensorInfo]
    layers: list[Layer]
    buffers: list[BufferUse]
    passes: list[PassEffect] = field(default_factory=list)
    tries: list[Try] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ram_bytes(self) -> int:
        """Everything that a run on one thread writes to."""
        return self.arena_bytes + self.scratch_bytes + self.state_bytes

    def live_at(self, step: int) -> list[BufferUse]:
        """The buffers that are live at a step, the largest first."""
        return sorted((b for b in self.buffers if b.first <= step <= b.last), key=lambda b: (-b.size, b.offset))

    @property
    def peak_step(self) -> int:
        """The first step at which most of the arena is in use."""
        return max(range(-1, len(self.layers) + 1), key=lambda step: (covered(self.live_at(step)), -step))

    def slow_layers(self) -> list[Layer]:
        """Layers on a scalar kernel though the target has vectors; trifles without MACs or a faster kernel aside."""

        def vectorised(layer: Layer) -> bool:
            family = next((rows for rows in families().values() if any(row.name == layer.kernel for row in rows)), ())
            return any(row.isa in self.isas and row.isa != "scalar" for row in family)

        if all(isa == "scalar" for isa in self.isas):
            return []
        scalar = [layer for layer in self.layers if layer.kernel.endswith("__scalar")]
        return [layer for layer in scalar if layer.macs > 0 or layer.read + layer.written >= TRIFLE or vectorised(layer)]


def covered(buffers: Sequence[BufferUse]) -> int:
    """How many bytes of the arena these buffers occupy, shared bytes counted once."""
    total = end = 0
    for buffer in sorted(buffers, key=lambda b: b.offset):
        start = max(buffer.offset, end)
        end = max(end, buffer.offset + buffer.size)
        total += max(end - start, 0)
    return total


def describe(compiled: Compiled, target: Target, *, model: str, macs_original: int, quantize: str | None = None) -> Report:
    """The report of a compiled model: `model` is its file name, `macs_original` counts the graph as it was read."""
    program, plan = compiled.program, compiled.plan
    costs = target.costs
    seen: set[int] = set()
    # Where a run touches more than the second-level cache holds, it finds none of the weights there.
    far = costs is not None and program.weight_bytes + program.arena_bytes > costs.l2
    layers = [_layer(step, seen, costs, far=far) for step in program.steps]
    return Report(
        model=model,
        target=target.name,
        isas=list(target.isas),
        quantize=quantize,
        plan_sha256=hashlib.sha256(plan).hexdigest(),
        plan_bytes=len(plan),
        macs_original=macs_original,
        macs=sum(step.macs for step in program.steps),
        core=costs.description if costs is not None else "",
        hertz=costs.hertz if costs is not None else 0.0,
        calibrated=target.calibrated,
        nanoseconds=sum(layer.nanoseconds for layer in layers),
        weight_bytes=program.weight_bytes,
        arena_bytes=program.arena_bytes,
        scratch_bytes=program.scratch_bytes,
        state_bytes=program.state_bytes,
        arena_lower_bound=program.arena_lower_bound,
        arena_optimal=program.arena_optimal,
        inputs=[tensor_info(tensor.name, tensor.type) for tensor in program.inputs],
        outputs=[tensor_info(tensor.name, tensor.type) for tensor in program.outputs],
        layers=layers,
        buffers=[
            BufferUse(buffer.name, buffer.size, buffer.offset, first, last) for buffer, (first, last) in lifetimes(program).items()
        ],
        passes=[PassEffect(s.name, *s.nodes, *s.macs, list(s.notes)) for s in compiled.savings],
        tries=list(compiled.tries),
        notes=_notes(compiled),
    )


def _notes(compiled: Compiled) -> list[str]:
    """What a reader of the report should know: layers of an integer graph that run in float, what weights in blocks save."""
    notes = []
    results = [(step, tensor) for step in compiled.program.steps for tensor in step.results]
    integer = any(tensor.type.quant is not None for _, tensor in results)
    floating = [step.name for step, tensor in results if tensor.type.dtype.kind == "f" and step.op != "Dequantize"]
    if integer and floating:
        notes.append(
            f"{len(floating)} layers of a quantised model run in float32, for want of an integer form: {', '.join(floating)}"
        )
    held = [(node.op, node) for node in compiled.graph.nodes if isinstance(node.op, BlockProduct)]
    if held:
        stored, before = (sum(sizes) for sizes in zip(*(op.weight_bytes(node) for op, node in held), strict=True))
        notes.append(f"{len(held)} layers hold their weights in blocks: {stored:,} bytes, in float32 {before:,}")
    return notes


def tensor_info(name: str, type: Type) -> TensorInfo:
    """A tensor of the graph as plain data."""
    per_tensor = type.quant is not None and type.quant.axis is None
    scale, zero_point = (type.quant.scale[0], type.quant.zero[0]) if type.quant is not None and per_tensor else (0.0, 0)
    return TensorInfo(name, str(type.dtype), list(type.shape), scale, zero_point)


def _layer(step: Step, seen: set[int], costs: Core | None, *, far: bool) -> Layer:
    def constants(operands: Sequence[Operand]) -> int:
        total = 0
        for buffer in (operand.buffer for operand in operands):
            if buffer.region == Region.CONSTANT and id(buffer) not in seen:
                seen.add(id(buffer))
                total += buffer.size
        return total

    read, written = (sum(operand.size for operand in operands) for operands in (step.inputs, step.outputs))
    constant = sum(operand.size for operand in step.inputs if operand.buffer.region == Region.CONSTANT)
    spent = costs.nanoseconds(step.kernel, step.params, read, written, constant if far else 0) if costs is not None else 0.0
    return Layer(
        name=step.name,
        operator=step.op,
        kernel=step.kernel.name,
        macs=step.macs,
        bytes=constants(step.inputs),
        read=read,
        written=written,
        scratch_bytes=step.scratch,
        nanoseconds=round(spent),
        results=[
            Result(**asdict(tensor_info(tensor.name, tensor.type)), output=step.outputs.index(tensor.operand))
            for tensor in step.results
        ],
    )


def to_json(report: Report) -> str:
    """The text of report.json; the same report gives the same text."""
    return json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n"


def from_json(text: str, where: str) -> Report:
    """The report that `to_json` wrote; InputError names `where` if it is anything else."""
    try:
        return _read(Report, json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{where} is damaged ({error}); build the model again") from error


def _read(kind: type[T], data: object) -> T:
    if not isinstance(data, Mapping):
        raise TypeError(f"expected an object, found {type(data).__name__}")
    hints = get_type_hints(kind)
    wrong = sorted(set(data) ^ set(hints))
    if wrong:
        raise ValueError(f"{'unknown' if wrong[0] in data else 'missing'} entry '{wrong[0]}'")
    values = {f.name: _convert(hints[f.name], data[f.name], f.name) for f in fields(kind)}  # type: ignore[arg-type]
    return kind(**values)


def _convert(hint: Any, value: object, name: str) -> Any:
    if get_origin(hint) is list:
        if not isinstance(value, list):
            raise TypeError(f"'{name}' is not a list")
        (inner,) = get_args(hint)
        return [_convert(inner, item, name) for item in value]
    if isinstance(hint, type) and is_dataclass(hint):
        return _read(hint, value)
    allowed = get_args(hint) or (hint,)
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise TypeError(f"'{name}' is {value!r}")
    return value
