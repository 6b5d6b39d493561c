"""Times one kernel call on this machine, on the operands that a step has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runtime import _native
from toolchain.ir import Array
from toolchain.kernels import Kernel
from toolchain.program import Operand

# What is written between two runs: as much as a first-level cache holds, so that operands come from the second level.
EVICT = 1 << 16


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
