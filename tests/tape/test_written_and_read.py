"""What a tape is given is read back from it, and any WARC tool finds it right."""

from __future__ import annotations

import gzip
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.tape.heads import STANDING
from scraper.tape.taken import Answered, Asked, Failure, Slice, Taken
from scraper.tape.warc import Tape, TapeWriter
from tests.tape.warcs import WHEN, check, content, kinds, read, took

TCHAR = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKENS = st.text(TCHAR, min_size=1, max_size=12) | st.sampled_from(
    ["Transfer-Encoding", "X-Archive-Orig-transfer-encoding", "Content-Length", "Content-Encoding", "WARC-Truncated"]
)
VALUES = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0")).map(lambda text: text.strip(" \t"))
VALUES |= st.sampled_from(["chunked", "gzip", "deflate", "br", "7", "0", "\x85", "\xa0x"])
PAIRS = st.lists(st.tuples(TOKENS, VALUES), max_size=5).map(tuple)
BODIES = st.binary(max_size=200) | st.sampled_from(
    [b"\r\n\r\n", b"WARC/1.1\r\n", b"5\r\nhello\r\n0\r\n\r\n", gzip.compress(b"x", mtime=0)]
)
URLS = st.sampled_from(
    ["http://h.test/", "https://h.test:8443/a?b=%7Benv:KEY%7D&c", "http://[::1]:80/x", "http://h.test?q"]
)
ASKED = st.builds(Asked, TOKENS, URLS, PAIRS, BODIES)
ANSWERED = st.builds(
    Answered,
    st.integers(0, 99).map(lambda code: code * 5 + 200) | st.just(101),
    VALUES,
    PAIRS,
    BODIES,
    st.booleans(),
    st.sampled_from([None, "127.0.0.1", "::1"]),
)
FAILURES = st.builds(
    Failure, st.sampled_from(["connect", "dns", "skipped:private"]), st.text(), st.booleans(), st.booleans()
)
WHENS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))
TAKEN = st.builds(Taken, ASKED, ANSWERED, st.none() | FAILURES, WHENS) | st.builds(
    Taken, ASKED, st.none(), FAILURES, WHENS
)


@pytest.mark.parametrize("name", ["t.warc", "t.warc.gz"])
def test_what_is_put_down_is_read_back_and_warcio_finds_no_error(
    name: str, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path_factory.mktemp("tape")

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(TAKEN, max_size=3), st.dictionaries(TOKENS.filter(lambda name: name not in STANDING), st.text(TCHAR))
    )
    def holds(given_: list[Taken], info: dict[str, str]) -> None:
        path = folder / name
        path.unlink(missing_ok=True)
        with TapeWriter(path, info) as writer:
            for one in given_:
                writer.put(one)
        with Tape.open(path) as tape:
            assert (tape.info, list(tape.takes)) == (info, given_)
        assert check(path) == []

    holds()
    assert "WARNING" not in capfd.readouterr().err


def test_the_records_of_an_exchange_stand_together_the_request_first(tmp_path: Path) -> None:
    path = tmp_path / "t.warc"
    failed = replace(took(), failure=Failure("length", "the body is short"))
    with TapeWriter(path, {}) as writer:
        for one in (took(), failed, replace(failed, answered=None)):
            writer.put(one)
    assert kinds(path) == [
        "warcinfo", "request", "response", "request", "metadata", "response", "request", "metadata",
    ]  # fmt: skip


def test_the_bytes_of_heads_stay_as_they_came(tmp_path: Path) -> None:
    path = tmp_path / "t.warc"
    answered = Answered(200, "\xd6K", (("x-\xe4", "\xff\x80 %41"), ("X-A", ""), ("x-a", "2")), b"")
    with TapeWriter(path, {}) as writer:
        writer.put(Taken(Asked("GET", "http://h.test/", (("Host", "h.test"),)), answered, None, WHEN))
    assert b"\r\n\r\nHTTP/1.1 200 \xd6K\r\nx-\xe4: \xff\x80 %41\r\nX-A: \r\nx-a: 2\r\n\r\n\r\n\r\n" in path.read_bytes()


def test_a_body_without_its_chunks_says_so_to_other_tools(tmp_path: Path) -> None:
    path = tmp_path / "t.warc"
    answered = Answered(200, "OK", (("Transfer-Encoding", "chunked"),), b"hello")
    asked = Asked("POST", "http://h.test/", (("transfer-encoding", "chunked"),), b"0\r\n\r\n")
    taken = Taken(asked, answered, None, WHEN)
    with TapeWriter(path, {}) as writer:
        writer.put(taken)
    assert b"\r\nX-Archive-Orig-Transfer-Encoding: chunked\r\n\r\nhello" in path.read_bytes()
    assert b"\r\nX-Archive-Orig-transfer-encoding: chunked\r\n\r\n0\r\n" in path.read_bytes()
    assert read(path) == [taken]


@pytest.mark.parametrize(
    ("given_", "put"),
    [
        ("http://h.test/a b\r\nX: y", "http://h.test/a%20b%0D%0AX:%20y"),
        ("http://h.test/\x00", "http://h.test/%00"),
        ("http://h.test/\u00e4", "http://h.test/\u00e4"),
    ],
)
def test_no_url_breaks_its_line(given_: str, put: str, tmp_path: Path) -> None:
    path = tmp_path / "t.warc"
    with TapeWriter(path, {}) as writer:
        writer.put(took(given_))
    assert ([one.asked.url for one in read(path)], check(path)) == ([put], [])


def test_no_header_breaks_its_line(tmp_path: Path) -> None:
    path = tmp_path / "t.warc"
    answered = Answered(200, "a\r\nX: 1", (("X", "a\r\n\r\nb\0c"), ("\u2028", "\ufdd0")), b"")
    with TapeWriter(path, {"scraper-job": "a\nscraper-run: b"}) as writer:
        writer.put(Taken(Asked("GET", "http://h.test/"), answered, None, WHEN))
    with Tape.open(path) as tape:
        (found,) = tape.takes
        assert tape.info == {"scraper-job": "a scraper-run: b"}
    assert found.answered is not None
    assert (found.answered.reason, found.answered.headers[0]) == ("a X: 1", ("X", "a b c"))
    assert check(path) == []


@pytest.mark.parametrize("name", ["t.warc", "t.warc.gz"])
def test_a_large_body_streams_from_a_file_and_to_a_file_that_goes(name: str, tmp_path: Path) -> None:
    path, data = tmp_path / name, os.urandom(3_000_000)
    (tmp_path / "bodies").write_bytes(data)
    part = took(body=Slice(tmp_path / "bodies", 1000, 2_500_000))
    with TapeWriter(path, {}) as writer:
        writer.put(took(body=b"small"))
        writer.put(part)
        writer.put(took(body=data))
    with Tape.open(path) as tape:
        bodies = [one.answered.body for one in tape.takes if one.answered is not None]
        spool = bodies[1].path if isinstance(bodies[1], Slice) else path
        assert [type(body) for body in bodies] == [bytes, Slice, Slice]
        assert check(path) == []
        path.unlink()
        assert [content(body) for body in bodies] == [b"small", data[1000:2_501_000], data]
    assert not spool.parent.exists()


def test_a_body_that_is_gone_leaves_no_half_exchange(tmp_path: Path) -> None:
    path = tmp_path / "t.warc.gz"
    (tmp_path / "short").write_bytes(b"x" * 10)
    with TapeWriter(path, {}) as writer:
        for body in (Slice(tmp_path / "gone", 0, 10), Slice(tmp_path / "short", 5, 10)):
            with pytest.raises(OSError, match=r"gone|5 bytes of a body are missing"):
                writer.put(took(body=body))
        writer.put(took())
    assert (read(path), kinds(path)) == ([took()], ["warcinfo", "request", "response"])


def test_a_disk_that_is_full_leaves_no_half_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.warc"

    def fails(file: FileIO, data: bytes) -> None:
        file.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    with TapeWriter(path, {}) as writer:
        writer.put(took("http://h.test/1"))
        with monkeypatch.context() as patch:
            patch.setattr("scraper.tape.writing._write_all", fails)
            with pytest.raises(OSError, match="No space"):
                writer.put(took("http://h.test/2"))
        writer.put(took("http://h.test/3"))
    assert [one.asked.url for one in read(path)] == ["http://h.test/1", "http://h.test/3"]
    assert check(path) == []


def test_many_threads_write_one_tape(tmp_path: Path) -> None:
    path = tmp_path / "t.warc.gz"
    given_ = [took(f"http://h.test/{at}", b"x" * at) for at in range(200)]
    with TapeWriter(path, {}) as writer, ThreadPoolExecutor(8) as pool:
        list(pool.map(writer.put, given_))
    assert sorted(read(path), key=lambda one: int(one.asked.url.rpartition("/")[2])) == given_


def test_a_body_that_nobody_wanted_to_the_end_is_marked_so(tmp_path: Path) -> None:
    path = tmp_path / "t.warc"
    broken = replace(took(whole=False), failure=Failure("length", "cut"))
    with TapeWriter(path, {}) as writer:
        writer.put(took(whole=False))
        writer.put(broken)
    assert read(path) == [took(whole=False), broken]
    assert [line for line in path.read_bytes().split(b"\r\n") if line.startswith(b"WARC-Trunc")] == [
        b"WARC-Truncated: unspecified",
        b"WARC-Truncated: disconnect",
    ]


def test_a_tape_that_is_closed_takes_nothing_more(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path / "t.warc", {})
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.put(took())
