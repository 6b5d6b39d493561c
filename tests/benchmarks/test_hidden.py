"""An engine's library that asks for AVX-512 by CPUID, and is told that there is none."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import hidden
from benchmarks.rivals import Unavailable

SOURCE = """
#include <cpuid.h>
int bits(int leaf, int from) {
  unsigned a, b, c, d;
  __cpuid_count(leaf, 0, a, b, c, d);
  return (from == 0 ? a : from == 1 ? b : from == 2 ? c : d) & 0x7fffffff;
}
"""


@pytest.mark.skipif(platform.machine() != "x86_64" or shutil.which("objdump") is None, reason="needs x86-64 and objdump")
def test_a_library_sees_avx2_at_most(tmp_path: Path) -> None:
    library, source = tmp_path / "asks.so", tmp_path / "asks.c"
    source.write_text(SOURCE)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)

    def seen() -> list[int]:
        ask = "import ctypes, sys; f = ctypes.CDLL(sys.argv[1]).bits; print(f(0, 0), f(7, 1), f(7, 2), f(1, 2))"
        run = [sys.executable, "-c", ask, str(library)]
        environment = {**os.environ, "LD_PRELOAD": str(hidden.answers())}
        return [int(word) for word in subprocess.run(run, env=environment, capture_output=True, check=True).stdout.split()]

    whole = seen()
    assert hidden.replace(library) == 1
    masked = seen()
    assert (masked[0], masked[3]) == (whole[0], whole[3])
    assert masked[1] >> 16 & 1 == 0 and masked[2] >> 11 & 1 == 0, "AVX-512 F and VNNI"
    assert masked[1] >> 5 & 1 == whole[1] >> 5 & 1, "AVX2"


def test_a_package_that_is_missing_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        hidden.environment("no_such_package_at_all")
