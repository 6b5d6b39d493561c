"""A process that holds one engine and runs it when told to, so that no engine's threads or memory get in the way of another's.

It reads a Job as one line of JSON and answers {"version", "note"} or {"unavailable"}. Then each line that holds a count is answered
with the nanoseconds that so many runs took, and "result" with the first output's values.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time

import numpy as np

from benchmarks.rivals import ENGINES, Job, Unavailable


def main() -> None:
    # Engines print; the answers keep the pipe for themselves.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    job = Job(**json.loads(sys.stdin.readline()))
    os.sched_setaffinity(0, job.cores)
    try:
        runner = ENGINES[job.engine](job, np.load(job.x))
        runner.run()
    except Exception as error:  # a rival's own failure is its result
        name = "" if isinstance(error, Unavailable) else f"{type(error).__name__}: "
        answers.write(json.dumps({"unavailable": name + (str(error).splitlines() or [""])[0]}) + "\n")
        return
    answers.write(json.dumps({"version": runner.version, "note": runner.note}) + "\n")
    run = runner.run
    gc.collect()
    gc.disable()
    for line in sys.stdin:
        if line == "result\n":
            answers.write(json.dumps(runner.result().tolist()) + "\n")
            continue
        count = int(line)
        # Other engines have had the caches since the last turn.
        for _ in range(1 + count // 20):
            run()
        start = time.perf_counter_ns()
        for _ in range(count):
            run()
        answers.write(f"{time.perf_counter_ns() - start}\n")


if __name__ == "__main__":
    main()
