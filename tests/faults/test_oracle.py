"""The oracle itself: it sees what it is there for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def ended(trial: Any, records: Any) -> Any:
    """A trial whose run saved one file."""
    trial.put("/a.bin", records(1, 40_960))
    trial.fetch("/a.bin")
    return trial


def splice(trial: Any) -> None:
    path = trial.dest / "a.bin"
    path.write_bytes(path.read_bytes()[:20_000] + bytes(20_960))


TAMPER: dict[str, Callable[[Any], object]] = {
    "a byte is another": lambda trial: (trial.dest / "a.bin").write_bytes(b"x" + trial._files["/a.bin"][1:]),
    "the end is missing": lambda trial: (trial.dest / "a.bin").write_bytes(trial._files["/a.bin"][:-1]),
    "a splice": splice,
    "a part is left": lambda trial: (trial.dest / "a.bin.part").write_bytes(b""),
    "a part is left below": lambda trial: (trial.dest / ".scraper" / "runs" / "x.part").write_bytes(b""),
    "a file nobody knows": lambda trial: (trial.dest / "b.bin").write_bytes(b""),
    "something in .scraper": lambda trial: (trial.dest / ".scraper" / "other").write_bytes(b""),
    "the canary is another": lambda trial: (trial.folder / "canary").write_bytes(b""),
    "a file beside": lambda trial: (trial.folder / "escaped").write_bytes(b""),
}


def test_a_run_that_went_well(ended: Any) -> None:
    ended.ends({"/a.bin": "saved"})


@pytest.mark.parametrize("wrong", TAMPER)
def test_what_is_wrong_is_seen(ended: Any, wrong: str) -> None:
    TAMPER[wrong](ended)
    with pytest.raises(AssertionError):
        ended.ends({"/a.bin": "saved"})


@pytest.mark.parametrize("wants", [{}, {"/a.bin": "failed:length"}, {"/a.bin": "saved", "/b.bin": "saved"}])
def test_a_wrong_ending_is_seen(ended: Any, wants: Any) -> None:
    with pytest.raises(AssertionError):
        ended.ends(wants)


def test_a_file_under_the_name_of_a_failure_is_seen(trial: Any) -> None:
    trial.fetch("/nothing.bin")
    trial.ends({"/nothing.bin": "failed:http:404"})
    (trial.dest / "nothing.bin").write_bytes(b"")
    with pytest.raises(AssertionError):
        trial.ends({"/nothing.bin": "failed:http:404"})
