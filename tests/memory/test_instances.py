"""The hard public instances fit their capacity."""

from __future__ import annotations

import pytest

from benchmarks import memory
from tests.conftest import asset


@pytest.mark.parametrize("name", list("ABCDEFGHIJK"))
def test_instance_fits(name: str) -> None:
    row = memory.measure(asset(f"planner/{name}.1048576.csv"), 30, least=False)
    assert row.buffers > 100
    assert row.lower_bound <= row.peak <= row.capacity == 1 << 20
