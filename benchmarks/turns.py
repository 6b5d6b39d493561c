"""Engines in processes of their own that take turns: while one runs, the others are stopped, whatever their threads wait for."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.rivals import Array, Job, Unavailable

ROOT = Path(__file__).resolve().parents[1]

# How long one engine runs before the next has its turn, so that drift of the machine meets all of them alike.
TURN_NS = 4_000_000


class Engine(Protocol):
    """What can take turns."""

    def turn(self, count: int) -> int:
        """The nanoseconds that `count` runs take."""


class Ended(Unavailable):
    """An engine's process ended, or does not answer."""

    def __init__(self, why: str, worker: Worker) -> None:
        super().__init__(why)
        self.worker = worker


class Worker:
    """An engine in its own process, stopped but for its turns. Unavailable says why it cannot take part, or how it ended."""

    def __init__(self, job: Job, python: str = sys.executable, environment: Mapping[str, str] | None = None) -> None:
        self._complaints = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        paths = os.pathsep.join(filter(None, (str(ROOT), (environment or {}).get("PYTHONPATH"), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            bufsize=1,
            env={**os.environ, **(environment or {}), "PYTHONPATH": paths},
        )
        try:
            answer = self._ask(json.dumps(asdict(job)), 600)
            if "unavailable" in answer:
                raise Unavailable(answer["unavailable"])
        except BaseException:
            self.close()
            raise
        self.version, self.note = str(answer["version"]), str(answer["note"])

    def turn(self, count: int) -> int:
        return int(self._ask(str(count), 60))

    def result(self) -> Array:
        """The first output, in real values."""
        return np.asarray(self._ask("result", 60), np.float64)

    def _ask(self, line: str, seconds: float) -> Any:
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.send_signal(signal.SIGCONT)
        try:
            process.stdin.write(line + "\n")
            if not select.select([process.stdout], [], [], seconds)[0]:
                raise Ended(f"gave no answer within {seconds:.0f} s", self)
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise Ended(self._end(), self)
        process.send_signal(signal.SIGSTOP)
        return json.loads(answer)

    def _end(self) -> str:
        status = self._process.wait(60)
        self._complaints.seek(0)
        last = (self._complaints.read().strip().splitlines() or [""])[-1]
        return f"ended by {signal.Signals(-status).name}" if status < 0 else f"ended with {status}: {last}"

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._complaints):
            with contextlib.suppress(BrokenPipeError):
                assert pipe is not None
                pipe.close()


def take_turns(engines: Sequence[Engine], seconds: float) -> list[tuple[list[float], int]]:
    """For each engine the microseconds a run of every turn, and how many runs there were. The first one changes every round."""
    once = [min(engine.turn(1) for _ in range(5)) for engine in engines]
    counts = [max(1, TURN_NS // max(ns, 1)) for ns in once]
    rounds = max(7, int(seconds * 1e9 / max(1, sum(c * ns for c, ns in zip(counts, once, strict=True)))))
    times: list[list[float]] = [[] for _ in engines]
    for turn in range(rounds):
        for step in range(len(engines)):
            index = (turn + step) % len(engines)
            times[index].append(engines[index].turn(counts[index]) / counts[index] / 1e3)
    return [(t, c * len(t)) for t, c in zip(times, counts, strict=True)]
