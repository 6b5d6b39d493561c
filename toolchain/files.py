"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from toolchain.errors import InputError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Failures to write become InputError that names `path`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror or error}") from error


@contextmanager
def staged(path: Path, *, folder_of: Collection[str] = ()) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well, and vanishes when it does not.

    Given names that a folder is made of, it is a temporary folder; then only a folder that holds nothing else is replaced. Folders
    above are made where they are missing. InputError tells what cannot be written.
    """
    path = Path(os.path.realpath(path))
    made: list[Path] = []
    try:
        with writing(path):
            _refuse_others(path, folder_of)
            for parent in reversed([p for p in path.parents if not p.exists()]):
                parent.mkdir()
                made.append(parent)
            base = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
        try:
            base.chmod(0o755)
            new = base if folder_of else base / path.name
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


def _refuse_others(path: Path, folder_of: Collection[str]) -> None:
    if not path.exists():
        return
    if not folder_of and path.is_dir():
        raise InputError(f"'{path}' is a folder, expected a file to write to")
    if folder_of and not path.is_dir():
        raise InputError(f"'{path}' is a file, expected a folder to write to; remove it, or choose another")
    if folder_of and (other := sorted({entry.name for entry in path.iterdir()}.difference(folder_of))):
        raise InputError(f"'{path}' holds '{other[0]}', expected a folder of its own; choose another")


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
