"""Times one kernel call on this machine, on the operands that a step has."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from runtime import _native
from toolchain.ir import Array
from toolchain.kernels import Kernel
from toolchain.program import Operand

# What is written between two runs: as much as a first-level cache holds, so that operands come from the second level.
EVICT = 1 << 16


# How long a call is timed to choose among several, in how many turns.
SECONDS, TURNS = 0.004, 3

Call = tuple[Kernel, bytes, Sequence[Operand], Sequence[Operand]]
_known: dict[tuple[str, bytes, tuple[int, ...]], float] = {}


def fastest(calls: Sequence[Call]) -> list[float]:
    """Nanoseconds of each of several ways to do the same, timed in turns; what was timed before is remembered."""
    keys = [(call[0].name, call[1], tuple(operand.size for operand in call[2])) for call in calls]
    if any(key not in _known for key in keys):
        best = [math.inf] * len(calls)
        for _ in range(TURNS):
            for index, call in enumerate(calls):
                best[index] = min(best[index], nanoseconds(*call, SECONDS / TURNS))
        _known.update(zip(keys, best, strict=True))
    return [_known[key] for key in keys]


def nanoseconds(
    kernel: Kernel, params: bytes, inputs: Sequence[Operand], outputs: Sequence[Operand], seconds: float, evict: int = EVICT
) -> float:
    """The least time of one call, repeated for about `seconds`. Constants are themselves, other inputs are random."""
    arrays = [_array(kernel, operand, index) for index, operand in enumerate(inputs)]
    arrays += [np.zeros(operand.size, np.uint8) for operand in outputs]
    return _native.time_kernel(kernel.name, params, arrays, seconds, evict)


def _array(kernel: Kernel, operand: Operand, seed: int) -> Array:
    """Bytes that the family takes: floats, integers that are 8 bits wide, or zeros, which are valid as any index or type."""
    if operand.buffer.data is not None:
        return np.frombuffer(operand.buffer.data, np.uint8)[operand.offset : operand.offset + operand.size]
    rng = np.random.default_rng(seed)
    if kernel.family.endswith("f32") and operand.size % 4 == 0:
        return rng.uniform(-1, 1, operand.size // 4).astype(np.float32)
    if kernel.family.endswith("8"):
        return rng.integers(0, 256, operand.size, np.uint8)
    return np.zeros(operand.size, np.uint8)
