"""What all tests share: where the optional assets lie, and the instruction sets to run on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ASSETS = Path(os.environ.get("SINTER_ASSETS", ROOT.parent / "shared"))


def asset(name: str) -> Path:
    """A file of the optional assets; the test is skipped where it is absent."""
    path = ASSETS / name
    if not path.exists():
        pytest.skip(f"needs {name} in the folder that SINTER_ASSETS names (or ../shared)")
    return path


@pytest.fixture(params=["scalar", "best"])
def isa(request: pytest.FixtureRequest) -> str | None:
    """Each way to run a plan: by portable kernels alone, and by the best that this processor has."""
    return None if request.param == "best" else str(request.param)
