"""What the user sees of a search that takes long."""

from __future__ import annotations

from threading import Timer
from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Display:
    """A line on stderr that appears after one second: peak so far, lower bound, and how much of the time is used."""

    def __init__(self, buffers: int, bound: int, seconds: float, quiet: bool) -> None:
        self._bound = bound
        self._started = monotonic()
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn())
        console = Console(stderr=True)
        self._progress = Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
        self._task = self._progress.add_task(f"preparing to place {buffers} buffers", total=seconds)
        self._timer = Timer(1.0, self._progress.start)
        self._timer.daemon = True

    def update(self, peak: int) -> None:
        """Show the best peak so far."""
        text = f"placing buffers: {peak:,} bytes so far, at least {self._bound:,}"
        self._progress.update(self._task, description=text, completed=monotonic() - self._started)

    def __enter__(self) -> Display:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()
        self._timer.join()
        self._progress.stop()
