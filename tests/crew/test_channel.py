"""What two processes say to each other arrives whole, in order, and nobody waits for room."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper import errors
from scraper.crew import forms
from scraper.crew.channel import Channel, ClosedError, pair
from scraper.download.flight import AgainError, HomeError, Left, StoppedError
from scraper.model import Download, Outcome, PartNote
from scraper.net.redirect import Hop
from scraper.state.files import FileTask

MESSAGES = st.lists(st.one_of(st.binary(max_size=2000), st.text(max_size=99), st.integers(), st.none()), max_size=20)


@given(MESSAGES)
def test_messages_arrive_as_they_were_sent(messages: list[Any]) -> None:
    ours, theirs = pair()
    for each in messages:
        ours.send(each)
    came: list[Any] = []
    while len(came) < len(messages):
        came += theirs.wait()
    assert came == messages
    assert theirs.receive() == []
    ours.close()
    theirs.close()


def test_a_frame_may_come_byte_by_byte() -> None:
    up, down = os.pipe(), os.pipe()
    ours = Channel(up[0], down[1], patient=False)
    frame = _frame(("over", [1, 2, 3]))
    for at in range(len(frame)):
        os.write(up[1], frame[at : at + 1])
        assert ours.receive() == ([("over", [1, 2, 3])] if at == len(frame) - 1 else [])
    for each in (up[1], down[0]):
        os.close(each)
    ours.close()


def _frame(message: Any) -> bytes:
    ours, theirs = pair()
    ours.send(message)
    data = os.read(theirs.reading, 1 << 16)
    ours.close()
    theirs.close()
    return data


def test_what_a_full_pipe_does_not_take_is_kept_and_comes_later() -> None:
    ours, theirs = pair()
    sent = [bytes([at]) * 100_000 for at in range(20)]
    for each in sent:
        ours.send(each)  # two megabytes, and nobody reads: this end does not wait
    assert ours.is_full
    came: list[bytes] = []
    while len(came) < len(sent):
        came += theirs.receive()
        ours.flush()
    assert came == sent
    assert not ours.is_full
    ours.close()
    theirs.close()


def test_a_worker_waits_for_room() -> None:
    ours, theirs = pair()
    sent = [bytes([at]) * 100_000 for at in range(20)]
    thread = threading.Thread(target=lambda: [theirs.send(each) for each in sent])
    thread.start()
    came: list[bytes] = []
    while len(came) < len(sent):
        came += ours.wait()
    thread.join()
    assert came == sent
    ours.close()
    theirs.close()


def test_the_end_of_the_other_process_shows_at_both_ends() -> None:
    ours, theirs = pair()
    theirs.send("last words")
    theirs.close()
    assert ours.receive() == ["last words"]
    with pytest.raises(ClosedError):
        ours.receive()
    with pytest.raises(ClosedError):
        ours.send("anybody there?")
    ours.close()
    with pytest.raises(ClosedError):
        ours.send("its descriptors may be other files by now")


# -- forms ---------------------------------------------------------------------------------------------------

URL = "http://x.example/a.png"
PLAIN = FileTask(7, Download(URL, URL, "a.png", found=False), "a.png", True, "a.png.part", None)
NOTE = PartNote(3, '"v"', '"v"', None, 10, None, "boot")


def over_a_pipe(form: Any) -> Any:
    ours, theirs = pair()
    ours.send(form)
    (came,) = theirs.wait()
    ours.close()
    theirs.close()
    return came


def test_of_a_plain_file_what_it_takes_to_fetch_it_arrives() -> None:
    form = forms.work_form(PLAIN, Hop("GET", URL, body=False))
    assert len(form) == 4
    task, hop = forms.work_of(over_a_pipe(form))
    assert (task.id, task.path, task.part, task.complete, task.stood) == (7, "a.png", "a.png.part", True, None)
    assert (task.download.url, hop) == (URL, Hop("GET", URL, body=False))


@pytest.mark.parametrize(
    ("change", "hop"),
    [
        ({"complete": False}, {}),
        ({"stood": 5}, {}),
        ({"noted": NOTE}, {}),
        ({"download": Download(URL, URL, "a.png", headers={"X": "1"})}, {}),
        ({"download": Download(URL, URL, "a.png", accept={"types": ["image"]})}, {}),
        ({"download": Download(URL, URL, "a.png", promised="image/*")}, {}),
        ({"download": Download(URL, URL, "a.png", digests={"md5": "0"})}, {}),
        ({}, {"url": "http://x.example/b.png", "count": 1, "crossed": True}),
        ({}, {"guarded": True}),
    ],
)
def test_any_other_file_arrives_with_all_that_is_known_of_it(change: Any, hop: Any) -> None:
    given_ = {name: getattr(PLAIN, name) for name in FileTask.__slots__} | change
    task, asked = FileTask(**given_), Hop(**{"method": "GET", "url": URL, "body": False} | hop)
    assert forms.work_of(over_a_pipe(forms.work_form(task, asked))) == (task, asked)


def test_what_was_learnt_of_a_file_by_the_way_is_told_and_nothing_else() -> None:
    assert forms.learnt(PLAIN, PLAIN) is None
    assert forms.with_learnt(PLAIN, None) is PLAIN
    begun = FileTask(7, PLAIN.download, "a", False, None, None)
    asked = FileTask(7, PLAIN.download, "a.jpg", True, "a.jpg.part", 4, noted=NOTE)
    assert forms.with_learnt(begun, over_a_pipe(forms.learnt(asked, begun))) == asked


SAVED = Outcome("saved", "a.png", URL, 200, 5, "ab" * 32, "image/png", '"v"', "Sat, 21 Nov 2026 10:00:00 GMT")
RESULTS = [
    SAVED,
    Outcome("unchanged", "a.png", URL, 304, why="the server says it is the same"),
    Hop("GET", "http://y.example/", body=False, count=1, crossed=True),
    errors.StatusError(URL, 503, "Busy", 2.5),
    errors.SkippedError(URL, "size", "too small"),
    errors.ProtocolError(URL, "no HTTP", sent=False, final=True),
    errors.DiskError("full"),
    AgainError("put together from several answers"),
    HomeError(),
    Left(),
    Left(StoppedError()),
]


@pytest.mark.parametrize("result", RESULTS, ids=lambda each: type(each).__name__)
def test_each_way_an_exchange_ends_arrives_as_it_was(result: Any) -> None:
    came = forms.result_of(over_a_pipe(forms.result_form(result)))
    assert type(came) is type(result)
    if isinstance(result, Exception):
        assert (str(came), came.args, vars(came)) == (str(result), result.args, vars(result))
    elif isinstance(result, Left):
        assert type(came.trouble) is type(result.trouble)
    else:
        assert came == result
    if isinstance(result, errors.RequestError):
        assert came.ending == result.ending
