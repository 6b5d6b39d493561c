"""The ONNX project's node tests: those in onnx_node_tests.txt pass, and no others do."""

from __future__ import annotations

import pytest

from tests.onnx_nodes import VERSION, cases, check, listed

MADE_WITH, NAMES = listed()
PARTS = 16


@pytest.mark.parametrize("name", NAMES)
def test_listed(name: str) -> None:
    if name not in cases():
        pytest.skip(f"onnx {VERSION} has no such test")
    check(name)


@pytest.mark.parametrize("part", range(PARTS))
def test_unlisted(part: int) -> None:
    """A test that passes belongs in the list: `python -m tests.onnx_nodes --update`."""
    if VERSION != MADE_WITH:
        pytest.skip(f"the list was made with onnx {MADE_WITH}, this is {VERSION}")
    passing = []
    for name in sorted(set(cases()) - set(NAMES))[part::PARTS]:
        try:
            check(name)
        except Exception:
            continue
        passing.append(name)
    assert not passing
