"""Where a run of pages spends its CPU time: `python -m bench.where JOB DEST TOLD` runs a job in this process.

Each stage is a few public functions; a timer around each counts the CPU seconds of its own thread (so neither waiting
nor what other threads do meanwhile), less those of a stage inside it. TOLD gets {stage: seconds} as JSON; what the
stages leave of the process's CPU is the rest: start-up, threads, scheduling, the timers themselves.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any


class Timers:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()
        self._local = threading.local()

    def around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed as part of a stage."""

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with Span(self, stage):
                return function(*args, **kwargs)

        return timed

    def around_each(self, stage: str, function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """The same of a function that yields: what it does between two values."""

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Iterator[Any]:
            made, end = function(*args, **kwargs), object()
            while True:
                with Span(self, stage):
                    one = next(made, end)
                if one is end:
                    return
                yield one

        return timed

    def stack(self) -> list[float]:
        """Of the stages under way in this thread, the seconds spent in stages inside them."""
        if not hasattr(self._local, "stack"):
            self._local.stack = []
        found: list[float] = self._local.stack
        return found

    def add(self, stage: str, seconds: float) -> None:
        """What one call took."""
        with self._lock:
            self.seconds[stage] += seconds


class Span:
    """One call of a stage."""

    def __init__(self, timers: Timers, stage: str) -> None:
        self._timers, self._stage = timers, stage

    def __enter__(self) -> None:
        self._timers.stack().append(0.0)
        self._began = time.thread_time()

    def __exit__(self, *_: object) -> None:
        spent, stack = time.thread_time() - self._began, self._timers.stack()
        self._timers.add(self._stage, spent - stack.pop())
        if stack:
            stack[-1] += spent


def install(timers: Timers) -> None:
    """Puts the timers around the stages of a run."""
    from scraper.page import reader
    from scraper.run import pages
    from scraper.state.db import Database
    from scraper.state.ledger import Ledger

    plain: list[tuple[str, Any, str]] = [
        ("fetch", pages, "exchange"),
        ("parse", pages, "open_page"),
        ("parse", reader, "open_page"),
        ("select", reader, "read"),
        *(("ledger", Ledger, name) for name in ("commit_reading", "end_page", "next_pages", "open_reads", "flush")),
        *(("ledger", Ledger, name) for name in ("claim_reread", "mark_sent")),
        *(("ledger", Database, name) for name in ("execute", "many", "row", "rows", "tuples")),
    ]
    for stage, owner, name in plain:
        setattr(owner, name, timers.around(stage, getattr(owner, name)))
    setattr(reader, "follow", timers.around_each("follow", vars(reader)["follow"]))  # noqa: B010 - a name it imports


def main(job: str, dest: str, told: str) -> int:
    """Runs the job; the exit code is the run's."""
    from scraper.job.load import load
    from scraper.run.events import Events
    from scraper.run.kit import Options
    from scraper.run.runner import run

    timers = Timers()
    install(timers)
    summary = run(load(Path(job)), Options(dest=Path(dest)), Events())
    order = ("fetch", "parse", "select", "follow", "ledger")
    Path(told).write_text(json.dumps({stage: timers.seconds[stage] for stage in order}), "utf-8")
    return int(summary.exit_code)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
