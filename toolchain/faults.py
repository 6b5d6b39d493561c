"""What is left of an unexpected failure: a file that a report can carry."""

from __future__ import annotations

import platform
import sys
import tempfile
import traceback
from importlib import metadata


def record(error: Exception) -> str:
    """Write traceback, command and versions to a file; the message that names it, or holds all of it if that fails."""
    trace = "".join(traceback.format_exception(error))
    details = f"{' '.join(sys.argv)}\nsinter {_version()}, Python {platform.python_version()}, {platform.platform()}\n\n{trace}"
    summary = f"{type(error).__name__}: {error}\nThis is a fault of Sinter's own. Please report it"
    try:
        with tempfile.NamedTemporaryFile("w", prefix="sinter-", suffix=".log", delete=False, encoding="utf-8") as file:
            file.write(details)
    except OSError:
        return f"{summary} with what follows.\n{details}"
    return f"{summary} with {file.name}, which holds the traceback."


def _version() -> str:
    try:
        return metadata.version("sinter")
    except metadata.PackageNotFoundError:
        return "(not installed)"
