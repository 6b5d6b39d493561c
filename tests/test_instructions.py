"""No model may execute more instructions than it did, by more than a small part."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import instructions
from benchmarks.rivals import Unavailable

MOST = 1.03


@pytest.fixture(scope="module")
def counts() -> tuple[Path, dict[str, int]]:
    try:
        return instructions.driver(), instructions.recorded()
    except Unavailable as why:
        pytest.skip(str(why))


@pytest.mark.parametrize(("name", "path"), list(instructions.cases()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_run_takes_no_more_instructions(counts: tuple[Path, dict[str, int]], name: str, path: Path) -> None:
    program, before = counts
    assert name in before, f"run python -m benchmarks.instructions --only '{name}' --update"
    try:
        now = instructions.count(program, instructions.plan(path))
    except Unavailable as why:
        pytest.skip(str(why))
    assert now > before[name] / 2, "so few instructions cannot be a whole run"
    assert now <= before[name] * MOST, f"{now / before[name] - 1:+.1%}: python -m benchmarks.instructions --update accepts it"
