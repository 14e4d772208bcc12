"""When files are not fetched by a crew: a process of several threads is not forked, and one may not be had."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from scraper.run import crews
from scraper.server import Site

COUNT = crews.WORTH + 10
JOB = {
    "start": [{"list": "urls.txt", "column": "line", "as": "files"}],
    "polite": {"per_host": 16, "robots": "ignore"},
    "files": {"transport": "curl"},
}


@pytest.fixture
def run(site: Site, serve: Any, run_job: Any, tmp_path: Path) -> Any:
    """`run()`: a list that is worth a crew, fetched in this process."""
    site.route("/<name>")(lambda request, name: name.encode())
    server = serve(site)
    (tmp_path / "urls.txt").write_text("".join(f"{server.url}/{at}.bin\n" for at in range(COUNT)))
    return lambda: run_job(server, JOB)


def assert_whole(ended: Any) -> None:
    assert (ended.code, ended.files) == (0, {f"{at}.bin": f"{at}.bin".encode() for at in range(COUNT)})


def test_a_process_of_several_threads_is_not_forked(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise AssertionError("a lock that another thread holds would be held for ever")

    monkeypatch.setattr(os, "fork", fork)
    assert threading.active_count() > 1, "that of the server"
    assert_whole(run())


def test_without_further_processes_one_fetches_all(
    run: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fork() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(os, "fork", fork)
    monkeypatch.setattr(crews, "_threads", lambda: 1)
    monkeypatch.setattr(crews, "_cores", lambda: 4)
    assert_whole(run())
    assert "the system gives no further one: Resource temporarily unavailable" in caplog.text
