"""What every kernel test shares: split runs between guard pages, and the check function's exact limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime import _native
from toolchain.kernels import Kernel, families

Array = NDArray[Any]

OK, UNSUPPORTED, BAD_PARAMS, BAD_OPERANDS = 0, 1, 2, 3
_POISON = 0xA5


@dataclass(frozen=True)
class Step:
    """A kernel, its params and its operands; `output` gives the last operand's type and shape."""

    kernel: Kernel
    params: bytes
    inputs: tuple[Array, ...]
    output: Array

    def extents(self) -> list[tuple[int, int, bool]]:
        inputs = [(x.nbytes, x.itemsize, False) for x in self.inputs]
        return [*inputs, (self.output.nbytes, self.output.itemsize, True)]


def rows(*names: str) -> list[Kernel]:
    """Every kernel of these families that can run on this machine."""
    isas = _native.detected_isas()
    return [kernel for name in names for kernel in families()[name] if kernel.isa in isas]


def step(kernel: Kernel, params: Mapping[str, Any], inputs: Sequence[Array], output: Array) -> Step:
    return Step(kernel, kernel.encode(params), tuple(np.ascontiguousarray(x) for x in inputs), output)


def run(this: Step, cuts: Sequence[int] = ()) -> Array:
    """The output of a run between guard pages with poisoned scratch, the tiles split at `cuts` and run in a scrambled order."""
    name = this.kernel.name
    output = np.full(this.output.nbytes, _POISON, np.uint8).view(this.output.dtype).reshape(this.output.shape)
    tiles = _native.tiles(name, this.params)
    bounds = sorted({0, tiles, *(cut % (tiles + 1) for cut in cuts)})
    pieces = list(pairwise(bounds))
    for begin, end in pieces[1::2] + pieces[0::2]:
        _native.run_kernel(name, this.params, [*this.inputs, output], begin=begin, end=end)
    return output


def run_in_place(this: Step, operand: int) -> Array:
    """The output of a run that writes over an input of its size."""
    shared = this.inputs[operand].copy()
    output = shared.reshape(-1).view(np.uint8).view(this.output.dtype).reshape(this.output.shape)
    inputs = [*this.inputs[:operand], shared, *this.inputs[operand + 1 :]]
    _native.run_kernel(this.kernel.name, this.params, [*inputs, output])
    return output


def run_all_ways(this: Step, rng: np.random.Generator) -> Array:
    """The output, having made sure that no split of the tiles changes it, nor writing over an input where the kernel may."""
    assert this.kernel.check(this.params, this.extents()) == OK
    output = run(this)
    again = run(this, rng.integers(0, 1 << 30, size=4).tolist())
    assert output.tobytes() == again.tobytes(), f"{this.kernel.name} depends on how its tiles are split"
    for i, x in enumerate(this.inputs):
        if this.kernel.in_place >> i & 1 and x.nbytes == output.nbytes:
            assert output.tobytes() == run_in_place(this, i).tobytes(), f"{this.kernel.name} cannot write over input {i}"
    return output


def assert_check_is_exact(this: Step) -> None:
    """check() takes these operands and none that is a byte short, misaligned, missing, too many, or read-only."""
    extents = this.extents()

    def check(changed: Sequence[tuple[int, int, bool]]) -> int:
        return this.kernel.check(this.params, changed)

    assert check(extents) == OK
    for i, (size, alignment, writable) in enumerate(extents):
        without = extents[:i], extents[i + 1 :]
        assert check([*without[0], (size - 1, alignment, writable), *without[1]]) == BAD_OPERANDS, f"operand {i} a byte short"
        if alignment > 1:
            assert check([*without[0], (size, 1, writable), *without[1]]) == BAD_OPERANDS, f"operand {i} misaligned"
        assert check([*without[0], *without[1]]) == BAD_OPERANDS, f"operand {i} missing"
        assert check([*without[0], (0, 64, False), *extents[i:]]) == BAD_OPERANDS, f"an operand too many before {i}"
    assert check([*extents[:-1], (extents[-1][0], extents[-1][1], False)]) == BAD_OPERANDS, "output not writable"
