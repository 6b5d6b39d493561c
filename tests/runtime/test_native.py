"""The C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer, and hostile plans fed to the sanitized loader."""

from __future__ import annotations

import fcntl
import shutil
import struct
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.runtime import plans
from tests.runtime.mutations import mutations
from toolchain.emit import plan

BUILD = ROOT / "build" / "sanitize"
COUNT = 12000
# Words of the refusals that mutations must provoke, so that each part of the loader is known to be reached.
LAYERS = """header|section table|the checksum of section|starts at|names buffer|covers bytes|names operand|names kernel|has operands
has params at|a param is out of range|an operand is missing|overlap while both are live|has a shape of|before anything is written
writes to constant|has scale|the limit is|has no kernel|is required and unknown""".replace("\n", "|").split("|")


@pytest.fixture(scope="module")
def sanitized() -> Path:
    """The build folder of the sanitized runtime."""
    if shutil.which("cmake") is None or shutil.which("ninja") is None or shutil.which("c++") is None:
        pytest.skip("needs cmake, ninja and a C++ compiler")
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        options = ["-DSINTER_TESTS=ON", "-DSINTER_SANITIZE=ON", "-DSINTER_WERROR=ON", "-DCMAKE_BUILD_TYPE=None"]
        configure = ["cmake", "-S", str(ROOT), "-B", str(BUILD), "-G", "Ninja", "-DCMAKE_CXX_FLAGS=-O1 -g1", *options]
        subprocess.run(configure, check=True, capture_output=True)
        built = subprocess.run(["ninja", "-C", str(BUILD), "-j", "2"], capture_output=True, text=True)
        assert built.returncode == 0, built.stdout
    return BUILD


@pytest.mark.parametrize("name", ["allocation", "c", "interface", "memory", "thread_pool"])
def test_cpp(sanitized: Path, name: str) -> None:
    result = subprocess.run([sanitized / "tests" / "runtime" / f"test_{name}"], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr


def verdicts(sanitized: Path, files: list[bytes], folder: Path) -> list[str]:
    """What the sanitized driver says of each plan."""
    frames = folder / "frames"
    with frames.open("wb") as out:
        for file in files:
            out.write(struct.pack("<I", len(file)) + file)
    with frames.open("rb") as given:
        driver = subprocess.run([sanitized / "tests" / "runtime" / "fuzz_plan", "-"], stdin=given, capture_output=True, timeout=600)
    lines = driver.stdout.decode(errors="replace").splitlines()
    assert driver.returncode == 0, f"plan {len(lines)} ended the driver:\n{driver.stderr.decode(errors='replace')[-4000:]}"
    return lines


def test_hostile_plans_are_refused_or_run(sanitized: Path, tmp_path: Path) -> None:
    valid = [plans.network_plan(), plan.encode(plans.counter()), plan.encode(plans.two_by_two())]
    files = [*valid, *mutations([valid[0], *valid], COUNT, seed=1)]
    lines = verdicts(sanitized, files, tmp_path)
    assert len(lines) == len(files) and lines[:3] == ["ok"] * 3
    assert all(0 < len(line) < 512 for line in lines)
    counts = Counter("ok" if line == "ok" else "refused" for line in lines)
    assert counts["ok"] > COUNT // 100 and counts["refused"] > COUNT // 2
    # The changes reach every layer of the loader.
    missing = {layer for layer in LAYERS if not any(layer in line for line in lines)}
    assert not missing, f"no mutation was refused by {missing}"
