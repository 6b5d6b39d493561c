"""The spatial kernels on other processors and under sanitizers, by a program that runs them between guard pages."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from harness import OK, Array, Step, rows, step
from spatial import FAMILIES, build, cases, most_scratch, same

from benchmarks import native
from benchmarks.rivals import Unavailable
from toolchain.ir import Type
from toolchain.kernels import Kernel, families
from toolchain.ops.binary import broadcast_params
from toolchain.quantize import elementwise

ROOT = Path(__file__).resolve().parents[2]


def tool(name: str) -> str:
    """A program beside this Python or on the path; the test is skipped where there is none."""
    try:
        return native.tool(name)
    except Unavailable as why:
        pytest.skip(str(why))


def built(folder: str, *settings: str) -> Path:
    """kernel_driver, built in a folder of its own; the test is skipped where there are no tools."""
    try:
        return native.built(folder, "tests/kernels/kernel_driver", *settings)
    except Unavailable as why:
        pytest.skip(str(why))


def drive(command: Sequence[str], steps: Sequence[Step]) -> list[tuple[int, Array]]:
    """Status and output of each step, run by kernel_driver."""

    asked = b""
    for this in steps:
        asked += native.encoded(this.kernel.name, this.params, [x.tobytes() for x in this.inputs], this.output.nbytes)
    done = subprocess.run(command, input=asked, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-4000:]
    answers, at = [], 0
    for this in steps:
        (status,) = struct.unpack_from("<i", done.stdout, at)
        output = np.frombuffer(done.stdout, this.output.dtype, this.output.size, at + 4).reshape(this.output.shape)
        answers.append((status, output))
        at += 4 + this.output.nbytes
    assert at == len(done.stdout)
    return answers


def assert_all_cases(command: Sequence[str], kernel: Kernel) -> None:
    rng = np.random.default_rng(7)
    wanted = [build(kernel, case, rng) for case in cases(kernel)]
    wanted = [each for each in wanted if kernel.check(each[0].params, each[0].extents()) == OK]
    answers = drive(command, [this for this, _, _ in wanted])
    assert all(kernel.scratch(this.params) <= most_scratch(kernel) for this, _, _ in wanted)
    for (this, expected, bound), (status, output) in zip(wanted, answers, strict=True):
        assert status == OK, f"status {status} for params {np.frombuffer(this.params, kernel.params)}"
        assert same(output, expected, bound), f"wrong output for params {np.frombuffer(this.params, kernel.params)}"


# The least processor of each instruction set that the emulator knows, by architecture.
PROCESSORS = {
    "aarch64": {"scalar": "cortex-a53", "neon": "cortex-a53", "neon_dotprod": "cortex-a76", "neon_i8mm": "max"},
    "arm": {"armv7_neon": "cortex-a7"},
}
COMPILERS = {"aarch64": "aarch64-linux-gnu-g++", "arm": "arm-linux-gnueabihf-g++"}
ELSEWHERE = [
    pytest.param(architecture, processor, kernel, id=kernel.name)
    for architecture, processors in PROCESSORS.items()
    for isa, processor in processors.items()
    for family in FAMILIES
    for kernel in families()[family]
    if kernel.isa == isa
]


def emulated(architecture: str, processor: str) -> list[str]:
    """The command that runs kernel_driver on an emulated processor."""
    emulator, compiler = tool(f"qemu-{architecture}"), tool(COMPILERS[architecture])
    system = ["-DCMAKE_SYSTEM_NAME=Linux", f"-DCMAKE_SYSTEM_PROCESSOR={architecture}", f"-DCMAKE_CXX_COMPILER={compiler}"]
    driver = built(architecture, *system, "-DCMAKE_EXE_LINKER_FLAGS=-static", "-DSINTER_WERROR=ON")
    return [emulator, "-cpu", processor, str(driver)]


@pytest.mark.parametrize(("architecture", "processor", "kernel"), ELSEWHERE)
def test_emulated(architecture: str, processor: str, kernel: Kernel) -> None:
    """Emulated processors without the extensions that the kernel does not need."""
    assert_all_cases(emulated(architecture, processor), kernel)


ADDITIONS = [
    pytest.param(architecture, processors[kernel.isa], kernel, id=kernel.name)
    for architecture, processors in PROCESSORS.items()
    for kernel in families()["add_s8"]
    if kernel.isa in processors
]


@pytest.mark.parametrize(("architecture", "processor", "kernel"), ADDITIONS)
def test_emulated_addition(architecture: str, processor: str, kernel: Kernel) -> None:
    """Whole and broken vectors, an operand that is one element, shifts of either sign; every pair of bytes."""
    rng = np.random.default_rng(7)
    steps, wanted = [], []
    pairs = [x.astype(np.int8).ravel() for x in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))]
    for case in range(30):
        factors = [1 << 30] * 3 if case % 3 == 0 else rng.integers(1 << 30, 1 << 31, 3).tolist()
        shifts = 0, int(rng.integers(-3, 1)), int(rng.integers(-20, -15))
        scales = list(zip(factors, shifts, strict=True))
        params = broadcast_params(*(Type(pairs[0].shape, pairs[0].dtype) for _ in range(3)))
        params |= {"a_zero": 4, "b_zero": int(rng.integers(-128, 128)), "out_zero": -9, "out_min": -128, "out_max": 127}
        for prefix, (multiplier, shift) in zip(("a_", "b_", ""), scales, strict=True):
            params |= {f"{prefix}multiplier": multiplier, f"{prefix}shift": shift}
        steps.append(step(kernel, params, pairs, np.empty_like(pairs[0])))
        wanted.append(np.clip(elementwise.add(*pairs, 4, params["b_zero"], (scales[0], scales[1], scales[2]), -9), -128, 127))
    for columns in (1, 7, 8, 9, 16, 300):
        for left, right in ((columns, columns), (columns, 1), (1, columns)):
            a, b = (rng.integers(-128, 128, (3, size)).astype(np.int8) for size in (left, right))
            output = np.empty((3, columns), np.int8)
            first, second, last = (
                (int(rng.integers(1 << 30, 1 << 31)), int(rng.choice(s))) for s in ([-2, 0, 3], [-5, 1], [-18, 2])
            )
            params = broadcast_params(*(Type(x.shape, x.dtype) for x in (a, b, output)))
            params |= {"a_zero": -7, "b_zero": 100, "out_zero": 3, "out_min": -100, "out_max": 120}
            for prefix, (multiplier, shift) in (("a_", first), ("b_", second), ("", last)):
                params |= {f"{prefix}multiplier": multiplier, f"{prefix}shift": shift}
            steps.append(step(kernel, params, [a, b], output))
            wanted.append(np.clip(elementwise.add(a, b, -7, 100, (first, second, last), 3), -100, 120))
    for expected, (status, found) in zip(wanted, drive(emulated(architecture, processor), steps), strict=True):
        assert status == OK and np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("architecture", "processor", "isas"),
    [
        ("aarch64", "cortex-a53", ["neon", "scalar"]),
        ("aarch64", "cortex-a76", ["neon_dotprod", "neon", "scalar"]),
        ("aarch64", "max", ["neon_i8mm", "neon_dotprod", "neon", "scalar"]),
        ("arm", "cortex-a9", ["scalar"]),
        ("arm", "cortex-a7", ["armv7_neon", "scalar"]),
    ],
)
def test_one_program_knows_its_processor(architecture: str, processor: str, isas: list[str]) -> None:
    found = subprocess.run([*emulated(architecture, processor), "--isas"], capture_output=True, text=True, check=True).stdout
    assert found.split() == isas


def test_an_undetected_instruction_set_is_an_illegal_instruction() -> None:
    """Why detection matters: dot products end the program on a Cortex-A53."""
    kernel = next(kernel for kernel in families()["conv_s8"] if kernel.isa == "neon_dotprod")
    this, _, _ = build(kernel, cases(kernel)[0], np.random.default_rng(7))
    with pytest.raises(AssertionError, match="Illegal instruction"):
        drive(emulated("aarch64", "cortex-a53"), [this])


@pytest.mark.parametrize("kernel", rows(*FAMILIES), ids=lambda kernel: kernel.name)
def test_under_sanitizers(kernel: Kernel) -> None:
    """Address and undefined-behaviour sanitizers: any finding ends the program."""
    driver = built("sanitized", "-DSINTER_SANITIZE=ON", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O1")
    assert_all_cases([str(driver)], kernel)
