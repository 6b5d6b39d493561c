"""An artifact: the folder that a build writes, whole or not at all, and that the other verbs read."""

from __future__ import annotations

import hashlib
from pathlib import Path

from toolchain.errors import InputError
from toolchain.files import writing
from toolchain.report import html
from toolchain.report.content import Report, from_json, to_json

PLAN, JSON, HTML = FILES = ("model.sntr", "report.json", "report.html")


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
