"""What the analysis of inner loops finds in assembly."""

from __future__ import annotations

import shutil

import pytest

from benchmarks import mca
from toolchain.assets import KERNELS

ASSEMBLY = """
	.type	first, %function
first:
	mov	x2, 0
.L2:
	ldr	q0, [x0]
.L3:
	smlal	v1.4s, v0.4h, v2.h[0]
	sdot	v3.4s, v0.16b, v4.16b
	add	x2, x2, 1
	cmp	x2, x3
	bne	.L3
	cbnz	w1, .L2
	ret
	.type	second, %function
second:
.L7:
	madd	w0, w1, w2, w0
	b.ne	.L7
"""


def test_finds_innermost_loops_and_counts_their_products() -> None:
    loops = mca.innermost(ASSEMBLY)
    assert [(loop.function, loop.macs, loop.instructions) for loop in loops] == [("first", 20, 5), ("second", 1, 2)]


@pytest.mark.skipif(shutil.which("aarch64-linux-gnu-g++") is None, reason="needs a cross compiler")
@pytest.mark.skipif(shutil.which("llvm-mca-19") is None and shutil.which("llvm-mca") is None, reason="needs llvm-mca")
def test_a_wider_core_needs_fewer_cycles() -> None:
    source = KERNELS / "conv_s8" / "neon.cc"
    rates = {}
    for core in ("cortex-a53", "cortex-a72"):
        loop = mca.main_loop(source, core)
        assert loop is not None and loop.macs >= 64
        rates[core] = loop.macs / mca.cycles(loop, core)
    assert 0.5 < rates["cortex-a53"] < rates["cortex-a72"] <= 8
