"""What a run costs beside its kernels: below a microsecond from C++, as the program itself asks for."""

from __future__ import annotations

import subprocess

import pytest

from benchmarks.native import built
from benchmarks.rivals import Unavailable


def test_a_run_of_one_step_costs_less_than_a_microsecond() -> None:
    try:
        program = built("counted", "tests/runtime/overhead")
    except Unavailable as why:
        pytest.skip(str(why))
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
