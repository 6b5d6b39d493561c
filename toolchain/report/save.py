"""An artifact: the folder that a build writes, whole or not at all, and that the other verbs read."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from toolchain.errors import InputError
from toolchain.report import html
from toolchain.report.content import Report, from_json, to_json

PLAN, JSON, HTML = "model.sntr", "report.json", "report.html"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Failures to write become InputError that names `path`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror or error}") from error


@contextmanager
def staged(path: Path, *, folder: bool) -> Iterator[Path]:
    """A temporary file or folder beside `path` that takes its place when the block ends well, and vanishes when it does not.

    Folders above it are made where they are missing. Only an artifact, an empty folder or a file is replaced. InputError tells
    what cannot be written.
    """
    path = Path(os.path.realpath(path))
    made: list[Path] = []
    try:
        with writing(path):
            _refuse_others(path, folder)
            for parent in reversed([p for p in path.parents if not p.exists()]):
                parent.mkdir()
                made.append(parent)
            base = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
        try:
            base.chmod(0o755)
            new = base if folder else base / path.name
            yield new
            with writing(path):
                _exchange(new, path)
            made.clear()
        finally:
            shutil.rmtree(base, ignore_errors=True)
    finally:
        for parent in reversed(made):
            with suppress(OSError):
                parent.rmdir()


def _refuse_others(path: Path, folder: bool) -> None:
    if not path.exists():
        return
    if not folder and path.is_dir():
        raise InputError(f"'{path}' is a folder, expected a file to write to")
    if folder and not path.is_dir():
        raise InputError(f"'{path}' is a file, expected a folder to write to; remove it or choose another with --output")
    if folder and (other := sorted({entry.name for entry in path.iterdir()} - {PLAN, JSON, HTML})):
        raise InputError(f"'{path}' holds '{other[0]}', which no build wrote; choose another folder with --output")


def _exchange(new: Path, path: Path) -> None:
    """Put `new` in the place of `path`; what was there comes back if that fails."""
    if not path.is_dir():
        new.replace(path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
    try:
        path.replace(old / path.name)
        try:
            new.replace(path)
        except BaseException:
            (old / path.name).replace(path)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def write(folder: Path, plan: bytes, report: Report) -> None:
    """The files of an artifact, into an existing folder."""
    with writing(folder):
        (folder / PLAN).write_bytes(plan)
        (folder / JSON).write_text(to_json(report), encoding="utf-8")
        (folder / HTML).write_text(html.page(report), encoding="utf-8")


def plan_path(artifact: Path) -> Path:
    """The plan file of an artifact: the folder, or the file itself."""
    path = artifact / PLAN if artifact.is_dir() else artifact
    if not path.is_file():
        raise InputError(
            f"'{artifact}' is not an artifact: expected a folder with {PLAN} in it, or a plan file; make one with build"
        )
    return path


def read(artifact: Path) -> Report:
    """The report of an artifact; InputError where it is missing, damaged or belongs to another plan."""
    path = plan_path(artifact)
    where = path.parent / JSON
    try:
        text, plan = where.read_text(encoding="utf-8"), path.read_bytes()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InputError(f"cannot read '{where}', which build writes beside {PLAN}: {reason}") from error
    report = from_json(text, f"'{where}'")
    if hashlib.sha256(plan).hexdigest() != report.plan_sha256:
        raise InputError(f"'{path}' is not the plan that '{where}' describes; build the model again")
    return report
