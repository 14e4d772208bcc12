"""A worker alone: what it reads while it waits for an answer is not forgotten."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from scraper.crew import forms
from scraper.crew.channel import Channel, pair
from scraper.crew.worker import Worker
from scraper.download.flight import Flight
from scraper.errors import DiskError
from scraper.net.redirect import Hop
from tests.crew.test_channel import PLAIN, URL


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Worker]]:
    """The run's end of a channel, and a worker at the other."""
    logger = logging.getLogger("scraper")
    before = logger.handlers[:], logger.propagate
    ours, theirs = pair()
    worker = Worker(theirs, SimpleNamespace(outgoing=SimpleNamespace(), clock=lambda: 0.0))  # type: ignore[arg-type]

    def landing(task: Any, hop: Any, flight: Flight) -> Any:
        return task.id, hop

    worker._engine = SimpleNamespace(landing=landing, flying={})  # type: ignore[assignment]
    yield ours, worker
    logger.handlers[:], logger.propagate = before
    ours.close()
    theirs.close()


def test_work_that_comes_before_an_answer_wakes_the_loop_and_is_taken(ends: tuple[Channel, Worker]) -> None:
    ours, worker = ends
    rung: list[None] = []
    worker.wake_by(lambda: rung.append(None))
    assert worker.take(9) == []
    hop = Hop("GET", URL, body=False)
    ours.send(("fetch", [forms.work_form(PLAIN, hop)]))
    ours.send(("answer", 42, None))
    assert worker.ask("note_part", 7) == 42
    assert ours.receive() == [("ask", "note_part", (7,))]
    assert len(rung) == 1
    assert worker.take(9) == [(7, hop)]


def test_an_error_of_the_ledger_is_raised_where_it_was_asked(ends: tuple[Channel, Worker]) -> None:
    ours, worker = ends
    ours.send(("answer", None, DiskError("the disk is full")))
    with pytest.raises(DiskError, match="full"):
        worker.ask("note_part", 7)


def test_what_comes_after_the_end_is_nothing(ends: tuple[Channel, Worker]) -> None:
    ours, worker = ends
    ours.send(("stop",))
    ours.send(("end",))
    assert worker.take(9) is None
    assert worker.is_stopping
