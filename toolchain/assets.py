"""Where the kernel sources and target descriptions lie: beside the package in a checkout, inside it once installed."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
ROOT = _PACKAGE / "assets" if (_PACKAGE / "assets").is_dir() else _PACKAGE.parent
KERNELS = ROOT / "kernels"
TARGETS = ROOT / "targets"
RUNTIME = ROOT / "runtime"
