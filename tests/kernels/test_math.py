"""kernels/math.h against float64 over a dense sample of all floats: the errors that its comments state, and the special cases."""

from __future__ import annotations

import ctypes
import math
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
import pytest

from tests.conftest import ROOT

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

HEADER = ROOT / "kernels" / "math.h"
FLAGS = ["-std=c++17", "-fno-exceptions", "-fno-rtti", "-ffp-contract=off", "-fno-math-errno"]
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]


def scalar(function: Callable[[float], float]) -> Callable[[Doubles], Doubles]:
    """`function` of the C library on arrays, NaN where it raises."""

    def one(x: float) -> float:
        try:
            return function(x)
        except (ValueError, OverflowError):
            return math.nan

    return lambda x: np.array([one(v) for v in x.tolist()], dtype=np.float64)


def sigmoid(x: Doubles) -> Doubles:
    decay = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, decay, 1) / (1 + decay))


def gelu(x: Doubles) -> Doubles:
    limited = np.maximum(x, -40)
    return np.asarray(0.5 * limited * scalar(math.erfc)(-limited / math.sqrt(2)))


def gelu_tanh(x: Doubles) -> Doubles:
    limited = np.maximum(x, -40)
    return np.asarray(limited * sigmoid(2 * math.sqrt(2 / math.pi) * (limited + 0.044715 * limited**3)))


# Function of one float: bound in units in the last place, its meaning in float64.
UNARY: dict[str, tuple[float, Callable[[Doubles], Doubles]]] = {
    "exp": (0.8, np.exp),
    "expm1": (1.2, np.expm1),
    "sigmoid": (1.7, sigmoid),
    "tanh": (1.5, np.tanh),
    "sinh": (0.9, np.sinh),
    "cosh": (0.9, np.cosh),
    "log": (0.9, np.log),
    "log1p": (1.0, np.log1p),
    "log2": (1.0, np.log2),
    "softplus": (1.6, lambda x: np.logaddexp(0, x)),
    "asinh": (1.8, np.arcsinh),
    "acosh": (2.5, np.arccosh),
    "atanh": (2.1, np.arctanh),
    "erf": (1.4, scalar(math.erf)),
    "gelu": (4.7, gelu),
    "sin": (0.8, scalar(math.sin)),
    "cos": (0.8, scalar(math.cos)),
    "tan": (1.1, scalar(math.tan)),
    "asin": (0.7, np.arcsin),
    "acos": (0.7, np.arccos),
    "atan": (1.0, np.arctan),
    "sqrt": (0.5, np.sqrt),
    "rsqrt": (1.5, lambda x: 1 / np.sqrt(x)),
    "floor": (0.0, np.floor),
    "ceil": (0.0, np.ceil),
    "trunc": (0.0, np.trunc),
    "round_half_even": (0.0, np.rint),
    "round_half_away": (0.0, lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x)),
}
ONE_INPUT = [*UNARY, "gelu_tanh"]
TWO_INPUTS = ["pow", "fmod"]

SPECIALS = np.array(
    [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 1e-45, 1.1754942e-38, 1.1754944e-38, 0.99999994, 1.0000001, 87.3, 88.72284]
    + [88.7229, 103.97, 8388607.5, 8388608.0, 16777215.0, 16777216.0, 3.4028235e38, math.inf, math.nan],
    dtype=np.float32,
)
SPECIALS = np.concatenate([SPECIALS, -SPECIALS])

SOURCE = (
    f'#include "{HEADER}"\n'
    + "".join(
        f'extern "C" void run_{f}(const float* x, float* out, size_t n) {{\n'
        f"  for (size_t i = 0; i < n; ++i) out[i] = sinter::{f}(x[i]);\n}}\n"
        for f in ONE_INPUT
    )
    + "".join(
        f'extern "C" void run_{f}(const float* x, const float* y, float* out, size_t n) {{\n'
        f"  for (size_t i = 0; i < n; ++i) out[i] = sinter::{f}(x[i], y[i]);\n}}\n"
        for f in TWO_INPUTS
    )
    + """
extern "C" void run_half_to_float(const uint16_t* x, float* out, size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = sinter::half_to_float(x[i]);
}
extern "C" void run_float_to_half(const float* x, uint16_t* out, size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = sinter::float_to_half(x[i]);
}
"""
)

# Reads floats and writes every function of one input of them, one function after another.
MAIN = (
    SOURCE
    + """
#include <stdio.h>
static float x[1 << 16], out[1 << 16];
int main() {
  const size_t n = fread(x, sizeof(float), 1 << 16, stdin);
"""
    + "".join(f"  run_{f}(x, out, n);\n  fwrite(out, sizeof(float), n, stdout);\n" for f in ONE_INPUT)
    + "}\n"
)


def compiler() -> str:
    for name in (os.environ.get("CXX", ""), "c++", "g++", "clang++"):
        if name and shutil.which(name):
            return name
    pytest.skip("needs a C++ compiler: CXX, c++, g++ or clang++")


def build(folder: Path, source: str, output: str, *flags: str, command: str | None = None) -> Path:
    """Compiles `source`; a compiler's complaint fails the test."""
    path = folder / f"{output}.cc"
    path.write_text(source)
    target = folder / output
    line = [command or compiler(), *FLAGS, *flags, str(path), "-o", str(target)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(line)}\n{done.stderr}"
    return target


class Library:
    """The functions of a shared library built from SOURCE, on arrays."""

    def __init__(self, path: Path) -> None:
        self.native = ctypes.CDLL(str(path))

    def __call__(self, name: str, *inputs: npt.NDArray[Any], dtype: type[np.generic] = np.float32) -> npt.NDArray[Any]:
        arrays = [np.ascontiguousarray(a) for a in inputs]
        out = np.empty(arrays[0].shape, dtype)
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in (*arrays, out)]
        self.native[f"run_{name}"](*pointers, ctypes.c_size_t(out.size))
        return out


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(build(tmp_path_factory.mktemp("math"), SOURCE, "math.so", "-O3", "-shared", "-fPIC", *WARNINGS))


@pytest.fixture(scope="module")
def sample() -> Floats:
    """Every 4093rd bit pattern, the special values, and a uniform and a logarithmic neighbourhood of zero."""
    patterns = np.arange(0, 2**32, 4093, dtype=np.uint64).astype(np.uint32).view(np.float32)
    random = np.random.default_rng(1)
    uniform = random.uniform(-20, 20, 100_000)
    logarithmic = np.exp2(random.uniform(-30, 10, 100_000)) * random.choice([-1.0, 1.0], 100_000)
    return np.concatenate([patterns, SPECIALS, uniform.astype(np.float32), logarithmic.astype(np.float32)])


def error(got: Floats, exact: Doubles) -> Doubles:
    """|got - exact| in units in the last place of `exact`; infinite where infinities, NaN or the signs of zeros disagree."""
    limit = float(np.finfo(np.float32).max)
    overflow = np.abs(exact) > limit + 2.0**103
    quantum = np.ldexp(1.0, np.maximum(np.frexp(exact)[1] - 24, -149))
    distance = np.abs(got.astype(np.float64) - exact) / quantum
    nan = np.isnan(got) | np.isnan(exact)
    distance = np.where(nan, np.where(np.isnan(got) & np.isnan(exact), 0, np.inf), distance)
    distance = np.where(overflow & ~nan, np.where(got == np.sign(exact) * np.inf, 0, np.inf), distance)
    zero = (exact == 0) & ~nan
    return np.asarray(np.where(zero, np.where((got == 0) & (np.signbit(got) == np.signbit(exact)), 0, np.inf), distance))


def check(name: str, x: Floats, got: Floats, exact: Doubles, bound: float) -> None:
    distance = error(got, exact)
    worst = int(np.argmax(distance))
    assert distance[worst] <= bound, f"{name}({x[worst]!r}) is {got[worst]!r}, {distance[worst]:.3f} ulp from {exact[worst]!r}"


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_unary(library: Library, sample: Floats, name: str) -> None:
    bound, meaning = UNARY[name]
    check(name, sample, library(name, sample), meaning(sample.astype(np.float64)), bound)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gelu_tanh(library: Library, sample: Floats) -> None:
    got, exact = library("gelu_tanh", sample), gelu_tanh(sample.astype(np.float64))
    upper = ~(sample < -1)
    check("gelu_tanh", sample[upper], got[upper], exact[upper], 3.2)
    assert np.abs(got[~upper] - exact[~upper]).max() <= 6e-8


@pytest.mark.parametrize("name", ["sin", "cos", "tan", "log", "exp", "erf", "acosh"])
def test_unary_against_many_digits(library: Library, name: str) -> None:
    """A second reference, in 300 digits, on few values over the whole range: huge angles, and those next to multiples of pi / 2."""
    random = np.random.default_rng(2)
    x = np.exp2(random.uniform(-20, 127.9, 500)).astype(np.float32)
    multiples = (np.arange(1, 100) * (math.pi / 2)).astype(np.float32)
    x = np.concatenate([x, multiples, np.array([16367173 * 2.0**72], np.float32)])
    if name == "exp":
        x = x[x < 88]
    with mpmath.workdps(300):
        exact = np.array([float(mpmath.mpf(getattr(mpmath, name)(float(v)).real)) for v in x])
    if name == "acosh":
        exact = np.where(x < 1, np.nan, exact)
    check(name, x, library(name, x), exact, UNARY[name][0])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_pow(library: Library) -> None:
    random = np.random.default_rng(3)
    n = 200_000
    any_base = random.integers(0, 2**32, n, dtype=np.uint32).view(np.float32)
    any_exponent = random.integers(0, 2**32, n, dtype=np.uint32).view(np.float32)
    base = np.abs(random.integers(0, 2**32, n, dtype=np.uint32).view(np.float32))
    near_one = (1 + random.integers(-(2**12), 2**12, n) * 2.0**-23).astype(np.float32)
    small = random.integers(-40, 41, n).astype(np.float32) / 2
    inside = [(random.uniform(-152, 130, n) / np.log2(b.astype(np.float64))).astype(np.float32) for b in (base, near_one)]
    corners = np.meshgrid(SPECIALS, SPECIALS)
    x = np.concatenate([any_base, base, near_one, any_base, corners[0].ravel()])
    y = np.concatenate([any_exponent, *inside, small, corners[1].ravel()])
    check("pow", x, library("pow", x, y), np.power(x.astype(np.float64), y.astype(np.float64)), 0.8)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_fmod(library: Library) -> None:
    random = np.random.default_rng(4)
    n = 200_000
    x = random.integers(0, 2**32, n, dtype=np.uint32).view(np.float32)
    near = (x * np.exp2(random.integers(-30, 2, n)) * random.uniform(0.5, 2, n)).astype(np.float32)
    corners = np.meshgrid(SPECIALS, SPECIALS)
    x, y = np.concatenate([x, x, corners[0].ravel()]), np.concatenate([near, x[::-1], corners[1].ravel()])
    check("fmod", x, library("fmod", x, y), np.fmod(x, y).astype(np.float64), 0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_half(library: Library, sample: Floats) -> None:
    halves = np.arange(65536, dtype=np.uint16)
    widened = library("half_to_float", halves)
    check("half_to_float", halves.astype(np.float32), widened, halves.view(np.float16).astype(np.float64), 0)

    # Midpoints of neighbours and what lies beside them decide the rounding.
    finite = np.sort(widened[np.isfinite(widened)])
    middle = ((finite[1:].astype(np.float64) + finite[:-1]) / 2).astype(np.float32)
    edges = np.array([65504, 65519.996, 65520, 65536, 2.0**-25, 2.0**-24], np.float32)
    x = np.concatenate([sample, middle, np.nextafter(middle, np.float32(np.inf)), np.nextafter(middle, np.float32(-np.inf)), edges])
    narrowed = library("float_to_half", x, dtype=np.uint16)
    expected = x.astype(np.float16)
    number = ~np.isnan(x)
    np.testing.assert_array_equal(narrowed[number], expected.view(np.uint16)[number])
    assert np.isnan(narrowed[~number].view(np.float16)).all()


def test_ranges(library: Library, sample: Floats) -> None:
    """Functions that are bounded or exact somewhere stay so after rounding."""
    x = sample[~np.isnan(sample)]
    for name in ("tanh", "erf", "sin", "cos"):
        got = library(name, x[np.isfinite(x)])
        assert (np.abs(got) <= 1).all(), name
    assert ((library("sigmoid", x) >= 0) & (library("sigmoid", x) <= 1)).all()
    powers = np.arange(-149, 128)
    np.testing.assert_array_equal(library("log2", np.exp2(powers.astype(np.float64)).astype(np.float32)), powers)


def test_software_square_root(library: Library, sample: Floats, tmp_path: Path) -> None:
    path = build(tmp_path, SOURCE, "software.so", "-O1", "-shared", "-fPIC", "-DSINTER_SOFTWARE_SQRT", *WARNINGS)
    x = sample[sample >= 0]
    np.testing.assert_array_equal(Library(path)("sqrt", x).view(np.uint32), library("sqrt", x).view(np.uint32))


def test_freestanding(tmp_path: Path) -> None:
    if shutil.which("nm") is None:
        pytest.skip("needs nm of binutils")
    flags = ["-O2", "-ffreestanding", "-nostdlib", "-c", *WARNINGS]
    done = subprocess.run(
        ["nm", "-u", str(build(tmp_path, SOURCE, "freestanding.o", *flags))], capture_output=True, text=True, check=True
    )
    undefined = {line.split()[-1] for line in done.stdout.splitlines()}
    assert undefined <= {"memcpy", "memset"}


def outputs(program: list[str], x: Floats) -> list[npt.NDArray[np.uint32]]:
    done = subprocess.run(program, input=x.tobytes(), capture_output=True, check=True)
    values = np.frombuffer(done.stdout, np.float32).reshape(len(ONE_INPUT), x.size)
    return [np.where(np.isnan(row), np.uint32(0x7FC00000), row.view(np.uint32)) for row in values]


@pytest.mark.parametrize("variant", ["unoptimised", "aarch64"])
def test_same_bits(sample: Floats, tmp_path: Path, variant: str) -> None:
    x = np.concatenate([sample[:: sample.size // 40_000], SPECIALS])
    if variant == "aarch64":
        missing = [tool for tool in ("aarch64-linux-gnu-g++", "qemu-aarch64") if shutil.which(tool) is None]
        if missing:
            pytest.skip(f"needs {' and '.join(missing)}")
        other = ["qemu-aarch64", str(build(tmp_path, MAIN, "other", "-O3", "-static", command="aarch64-linux-gnu-g++"))]
    else:
        other = [str(build(tmp_path, MAIN, "other", "-O0"))]
    native = [str(build(tmp_path, MAIN, "native", "-O3"))]
    for name, a, b in zip(ONE_INPUT, outputs(native, x), outputs(other, x), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)
