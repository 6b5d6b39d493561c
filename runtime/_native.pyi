"""The C++ runtime. Wrong plans and arguments raise ValueError, files that cannot be read OSError, too much memory MemoryError."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

Inputs = ArrayLike | Sequence[ArrayLike] | Mapping[str, ArrayLike]
Outputs = NDArray[Any] | Sequence[NDArray[Any]] | Mapping[str, NDArray[Any]]

class Tensor:
    """One input or output; `scale` is 0 where it is not quantised: real = scale * (stored - zero_point)."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def scale(self) -> float: ...
    @property
    def zero_point(self) -> int: ...

class Step(TypedDict):
    """One kernel call of an entry."""

    name: str
    op: str
    kernel: str
    macs: int

class ProfiledStep(Step):
    """One kernel call and the nanoseconds it took."""

    ns: int

class Context:
    """Memory and state of one stream of runs; one thread at a time."""

    def run(self, x: Inputs, out: Outputs | None = None) -> tuple[NDArray[Any], ...]:
        """As Model.run, in this context."""

    def reset(self) -> None:
        """Put the state back to its initial values."""

class Binding:
    """Arrays that every run reads and fills, in memory and with a state of its own; one thread at a time."""

    def run(self) -> None:
        """Read the inputs as they are now, and fill the outputs."""

    @property
    def outputs(self) -> tuple[NDArray[Any], ...]:
        """The arrays that runs fill, in order."""

class Model:
    """A plan, from a path or its bytes. `isa` is the best instruction set that may be used; "scalar" takes the portable kernels."""

    def __init__(
        self,
        source: str | PathLike[str] | bytes | bytearray | memoryview,
        threads: int = 1,
        isa: str | None = None,
        entry: str | None = None,
        mapped: bool = False,
        memory_limit: int = 0,
    ) -> None: ...
    def run(self, x: Inputs, out: Outputs | None = None) -> tuple[NDArray[Any], ...]:
        """Run on one array, a sequence in order or a mapping by name; the outputs in order.

        Floats given for a quantised input are quantised, halves away from zero, and quantised outputs come back as float32.
        `out` takes arrays to write to, in the same forms. May be called from several threads at once, which run
        beside each other but for models so small (2^20 multiply-accumulates and bytes) that a run is over sooner.
        """

    def bind(self, x: Inputs, out: Outputs | None = None) -> Binding:
        """Arrays to run on again and again, checked once. ValueError where an input would have to be copied."""

    def profile(self, x: Inputs) -> list[ProfiledStep]:
        """Run once and time every step."""

    def trace(self, x: Inputs) -> list[list[bytes]]:
        """Run once; for each of `steps` the bytes of every output it wrote."""

    def self_test(self) -> int:
        """Run the plan's golden examples in a new context; their number. RuntimeError says where an output differs."""

    def context(self) -> Context:
        """A new context with a state of its own."""

    def reset(self) -> None:
        """Put the state that `run` uses back to its initial values."""

    @property
    def inputs(self) -> tuple[Tensor, ...]: ...
    @property
    def outputs(self) -> tuple[Tensor, ...]: ...
    @property
    def entries(self) -> tuple[str, ...]: ...
    @property
    def steps(self) -> list[Step]: ...
    @property
    def threads(self) -> int: ...
    @property
    def arena_bytes(self) -> int: ...
    @property
    def state_bytes(self) -> int: ...
    @property
    def scratch_bytes(self) -> int:
        """Scratch of all threads together."""

    @property
    def weight_bytes(self) -> int: ...

class Kernel:
    """One row of a kernels.inc; `available` tells whether this build and processor can run it."""

    @property
    def name(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def isa(self) -> str: ...
    @property
    def packing(self) -> str: ...
    @property
    def mr(self) -> int: ...
    @property
    def nr(self) -> int: ...
    @property
    def kr(self) -> int: ...
    @property
    def in_place(self) -> int: ...
    @property
    def layout(self) -> int: ...
    @property
    def params_size(self) -> int: ...
    @property
    def available(self) -> bool: ...

def kernels() -> list[Kernel]:
    """Every kernel of this build; rows of one family keep their order, best first."""

def detected_isas() -> list[str]:
    """The rows of isa.inc that this processor can run, best first."""

def check(name: str, params: bytes, operands: Sequence[tuple[int, int, bool]]) -> int:
    """The kernel's verdict on operands of these (bytes, alignment, writable): a Status of kernel.h, 0 for yes."""

def tiles(name: str, params: bytes) -> int:
    """The number of independent tiles, for params that `check` accepts."""

def scratch(name: str, params: bytes) -> int:
    """Scratch bytes of one worker, for params that `check` accepts."""

def run_kernel(
    name: str, params: bytes, arrays: Sequence[NDArray[Any]], outputs: int = 1, begin: int = 0, end: int | None = None
) -> None:
    """Check, then run tiles [begin, end) on copies that end at guard pages; the last `outputs` arrays receive the results.

    An array given twice is one operand in place. Raises RuntimeError where the kernel writes outside scratch or operands.
    """

def time_kernel(name: str, params: bytes, arrays: Sequence[NDArray[Any]], seconds: float, evict: int = 0) -> float:
    """The least nanoseconds of a whole run on one thread, on aligned copies of the arrays, repeated for about `seconds`.

    Between runs `evict` bytes of other memory are written.
    """
