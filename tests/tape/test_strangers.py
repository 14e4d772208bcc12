"""Any WARC is a tape: made by warcio, by wget, by tools of other habits, torn, damaged, or meant badly."""

from __future__ import annotations

import gzip
import logging
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from scraper.server import Request, Response, Server, Site
from scraper.tape import reading
from scraper.tape.spool import Spool
from scraper.tape.taken import Answered, Asked, Slice, Taken
from scraper.tape.warc import Tape, TapeError
from tests.tape.warcs import read, record, response

WHEN = datetime(2026, 11, 21, 12, 30, 15, tzinfo=UTC)
GET = b"GET /a HTTP/1.1\r\nHost: h.test\r\n\r\n"
PLAIN = "HTTP/1.1 200 OK\nContent-Type: text/plain"
OK = Answered(200, "OK", (("Content-Type", "text/plain"),), b"hello")


def tape(path: Path, *records: bytes) -> list[Taken]:
    """The exchanges of a WARC of these records."""
    path.write_bytes(b"".join(records))
    return read(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.warc"


@pytest.fixture
def origin() -> Iterator[str]:
    site = Site()

    @site.route("/page")
    def page(request: Request) -> Response:
        return Response(200, {"Content-Type": "text/html"}, "<p>h\u00e9llo".encode())

    @site.route("/parts")
    def parts(request: Request) -> Response:
        return Response(200, {"Content-Type": "text/plain"}, stream=[b"one ", b"two ", b"x" * 100_000])

    with Server(site, port=0) as server:
        yield server.url


CAPTURE = """
import sys
from warcio.capture_http import capture_http
import http.client, urllib.parse
origin, path = sys.argv[1:]
with capture_http(path):
    for line in ("GET /page", "GET /parts", "HEAD /page", "POST /page a=1"):
        method, target, body = (line.split() + [None])[:3]
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(origin).netloc)
        connection.request(method, target, body)
        connection.getresponse().read()
        connection.close()
"""


def found(taken: list[Taken]) -> list[tuple[str, str, bytes, int, bytes, bool]]:
    """What matters of each exchange."""
    return [
        (
            one.asked.method,
            one.asked.url,
            one.asked.body,
            one.answered.status,
            bytes(one.answered.body),
            one.answered.whole,
        )
        for one in taken
        if one.answered is not None and isinstance(one.answered.body, bytes)
    ]


def test_what_warcio_captures_is_a_tape(origin: str, tmp_path: Path) -> None:
    path = tmp_path / "t.warc.gz"
    subprocess.run([sys.executable, "-c", CAPTURE, origin, str(path)], check=True, timeout=60)
    long = b"one two " + b"x" * 100_000
    got = found(read(path))
    assert got[:3] == [
        ("GET", f"{origin}/page", b"", 200, "<p>h\u00e9llo".encode(), True),
        ("GET", f"{origin}/parts", b"", 200, long, True),
        ("HEAD", f"{origin}/page", b"", 200, b"", True),
    ]
    assert got[3][:4] == ("POST", f"{origin}/page", b"a=1", 405)


@pytest.mark.skipif(shutil.which("wget") is None, reason="wget is not there")
@pytest.mark.parametrize("more", [["--no-warc-compression"], []])
def test_what_wget_captures_is_a_tape(more: list[str], origin: str, tmp_path: Path) -> None:
    arguments = [
        f"--warc-file={tmp_path / 't'}",
        "--no-config",
        "--no-proxy",
        "--tries=1",
        "-q",
        "-O",
        str(tmp_path / "out"),
        *more,
    ]
    subprocess.run(["wget", *arguments, f"{origin}/page", f"{origin}/parts"], check=True, timeout=60)
    path = tmp_path / ("t.warc" if more else "t.warc.gz")
    assert found(read(path)) == [
        ("GET", f"{origin}/page", b"", 200, "<p>h\u00e9llo".encode(), True),
        ("GET", f"{origin}/parts", b"", 200, b"one two " + b"x" * 100_000, True),
    ]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_what_warcio_writes_is_a_tape(version: str, zipped: bool, path: Path) -> None:
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=zipped, warc_version=version)
        writer.write_record(writer.create_warcinfo_record("t.warc", {"software": "another"}))
        head = StatusAndHeaders("200 OK", [("Content-Type", "text/plain")], protocol="HTTP/1.1")
        named = {"WARC-Date": "2026-11-21T12:30:15Z", "WARC-IP-Address": "10.0.0.1"}
        answer = writer.create_warc_record(
            "http://h.test/a", "response", BytesIO(b"hello"), length=5, http_headers=head, warc_headers_dict=named
        )
        asked = StatusAndHeaders("GET /a HTTP/1.0", [("Host", "h.test")], is_http_request=True)
        request = writer.create_warc_record("http://h.test/a", "request", http_headers=asked)
        writer.write_request_response_pair(request, answer)
        writer.write_record(
            writer.create_revisit_record(
                "http://h.test/b",
                answer.rec_headers.get_header("WARC-Payload-Digest"),
                "http://h.test/a",
                "2026-11-21T12:30:15Z",
                StatusAndHeaders("200 OK", [("X", "y")], protocol="HTTP/1.1"),
                {"WARC-Date": "2026-11-21T12:30:15Z"},
            )
        )
    answered = replace(OK, address="10.0.0.1")
    assert read(path) == [
        Taken(Asked("GET", "http://h.test/a", (("Host", "h.test"),)), answered, None, WHEN),
        Taken(Asked("GET", "http://h.test/b"), Answered(200, "OK", (("X", "y"),), b"hello"), None, WHEN),
    ]
    with Tape.open(path) as tape:
        assert tape.info == {}


def test_a_request_is_found_before_or_behind_its_answer_or_by_a_link(path: Path) -> None:
    first = record("request", GET.replace(b"GET", b"POST") + b"b", WARC_Record_ID="<urn:r>")
    answer = response(PLAIN, b"hello", WARC_Record_ID="<urn:a>")
    posted = Taken(Asked("POST", "http://h.test/a", (("Host", "h.test"),), b"b"), OK, None, WHEN)
    got = Taken(Asked("GET", "http://h.test/a"), OK, None, WHEN)
    other = response(PLAIN, b"hello", url="http://h.test/b")
    assert tape(path, first, answer) == [posted]
    assert tape(path, answer, first) == [posted]
    assert tape(path, answer, answer, first) == [got, posted]
    linked = record("request", GET.replace(b"GET", b"POST") + b"b", WARC_Concurrent_To="<urn:a>")
    assert tape(path, linked, other, answer)[1] == posted
    linked = response(PLAIN, b"hello", WARC_Concurrent_To="<urn:r>")
    assert tape(path, linked, other, first)[0] == posted
    assert tape(path, first, other) == [replace(got, asked=Asked("GET", "http://h.test/b"))]


@pytest.mark.parametrize(
    ("head", "answered"),
    [
        ("HTTP/1.0 200 OK", Answered(200, "OK", (), b"hello")),
        ("HTTP/2 404", Answered(404, "", (), b"hello")),
        ("HTTP/2.0 206  Part\n:status: 206\nA: 1", Answered(206, "Part", (("A", "1"),), b"hello")),
        ("HTTP/1.1 200 OK\nA:1\nA : 2\n b\n\tc\nbad line", Answered(200, "OK", (("A", "1"), ("A", "2 b c")), b"hello")),
        ("HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Hints\nLink: x\n\nHTTP/1.1 200 OK", Answered(200, "OK", (), b"hello")),
        ("HTTP/1.1 200 OK\nX: \xff\xe4", Answered(200, "OK", (("X", "\xff\xe4"),), b"hello")),
        ("HTTP/1.1 200 OK\nContent-Length: 6", Answered(200, "OK", (("Content-Length", "6"),), b"hello", False)),
        ("HTTP/1.1 304 OK\nContent-Length: 6", Answered(304, "OK", (("Content-Length", "6"),), b"hello")),
        ("HTTP/1.1 200 -\nContent-Length: " + "9" * 20, Answered(200, "-", (("Content-Length", "9" * 20),), b"hello")),
        (
            "HTTP/1.1 200 OK\nContent-Length: 6\nX-Orig-Content-Encoding: br",
            Answered(200, "OK", (("Content-Length", "6"), ("X-Orig-Content-Encoding", "br")), b"hello"),
        ),
    ],
)  # fmt: skip
def test_heads_of_other_habits_are_read(head: str, answered: Answered, path: Path) -> None:
    assert [one.answered for one in tape(path, response(head, b"hello"))] == [answered]


@pytest.mark.parametrize(
    ("body", "read_", "whole"),
    [
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello", True),
        (b"3;a=b\r\nhel\r\n02\r\nlo\r\n0\r\nTrailer: x\r\n\r\n", b"hello", True),
        (b"5\r\nhello\r\n", b"hello", False),
        (b"5\r\nhel", b"hel", False),
        (b"5\r\nhello there", b"hello", False),
        (b"5\r\nhello\r\nzz\r\n", b"hello", False),
        (b"hello", b"hello", True),
        (b"", b"", True),
    ],
)
def test_chunks_are_undone_and_where_there_are_none_nothing_is(
    body: bytes, read_: bytes, whole: bool, path: Path
) -> None:
    answered = Answered(200, "OK", (("Transfer-Encoding", "chunked"),), read_, whole)
    (taken,) = tape(path, response("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", body))
    assert taken.answered == answered


def test_a_head_answer_may_be_shorter_than_it_says(path: Path) -> None:
    request = record("request", GET.replace(b"GET", b"HEAD"))
    (taken,) = tape(path, request, response("HTTP/1.1 200 OK\nContent-Length: 6"))
    assert taken.answered == Answered(200, "OK", (("Content-Length", "6"),), b"")


@pytest.mark.parametrize(
    ("refers", "expected"),
    [
        ({"WARC_Refers_To": "<urn:1>"}, b"one"),
        ({"WARC_Refers_To": "<urn:r>"}, b"two"),
        ({"WARC_Refers_To_Target_URI": "http://h.test/1", "WARC_Refers_To_Date": "2026-11-21T12:30:15.000Z"}, b"one"),
        ({"WARC_Refers_To_Target_URI": "<http://h.test/1>", "WARC_Refers_To_Date": "2026-11-21T12:30:15"}, b"one"),
        ({"WARC_Payload_Digest": "sha1:TWO"}, b"two"),
        ({"WARC_Refers_To": "<urn:gone>", "WARC_Payload_Digest": "sha1:two"}, b"two"),
    ],
)
def test_a_revisit_has_the_body_of_what_it_refers_to(refers: dict[str, str], expected: bytes, path: Path) -> None:
    ones = (
        response(PLAIN, b"one", url="http://h.test/1", WARC_Record_ID="<urn:1>", WARC_Payload_Digest="sha1:ONE"),
        response(PLAIN, b"two", url="http://h.test/2", WARC_Record_ID="<urn:2>", WARC_Payload_Digest="sha1:TWO"),
        record("revisit", b"", WARC_Record_ID="<urn:r>", WARC_Refers_To="<urn:2>"),
    )
    bare = record("revisit", b"", url="http://h.test/3", **refers)
    headed = record("revisit", b"HTTP/1.1 203 Odd\r\nA: b\r\n\r\n", url="http://h.test/3", **refers)
    for records in ((*ones, bare, headed), (bare, headed, *ones)):
        answers = [one.answered for one in tape(path, *records) if one.asked.url == "http://h.test/3"]
        assert answers == [replace(OK, body=expected), Answered(203, "Odd", (("A", "b"),), expected)]


def test_a_revisit_of_what_was_not_modified_is_that_answer(path: Path) -> None:
    head = b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"
    ones = (response(PLAIN, b"one", WARC_Record_ID="<urn:1>"), record("revisit", head, WARC_Refers_To="<urn:1>"))
    assert tape(path, *ones)[1].answered == Answered(304, "Not Modified", (("ETag", "x"),), b"")


def test_a_revisit_of_what_is_elsewhere_is_left_out_and_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    loop = [record("revisit", b"", WARC_Record_ID=f"<urn:{at}>", WARC_Refers_To=f"<urn:{1 - at}>") for at in (0, 1)]
    with caplog.at_level(logging.WARNING):
        assert tape(path, *loop, response(PLAIN, b"hello"), record("revisit", b"", WARC_Refers_To="<urn:9>")) != []
    assert caplog.messages == [f"{path}: what the revisit of http://h.test/a refers to is not in it"] * 3


def test_a_resource_is_the_answer_to_a_get(path: Path) -> None:
    (taken,) = tape(
        path, record("resource", b"hello", Content_Type="text/plain"), record("resource", b"x", url="urn:x")
    )
    assert taken == Taken(Asked("GET", "http://h.test/a"), OK, None, WHEN)


def test_what_is_no_exchange_is_passed_over(path: Path) -> None:
    records = [
        record("warcinfo", b"software: Wget\r\nscraper-job: no\r\n", url=""),
        record("response", b"20261121 10.0.0.1", url="dns:h.test", Content_Type="text/dns"),
        record("metadata", b"method: GET\r\nurl: u\r\nending: dns\r\nmessage: 1\r\nsent: true\r\nfinal: true\r\n"),
        record("conversion", b"x"),
        record("continuation", b"x"),
        record("new-kind", b"x"),
        record("request", GET, url="dns:h.test"),
    ]
    assert tape(path, *records) == []


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-11", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21T12:30:15.123456789Z", datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=UTC)),
        ("2026-11-21T14:30:15+02:00", WHEN),
        ("0001-01-01T00:00:00+23:00", datetime(1970, 1, 1, tzinfo=UTC)),
        ("yesterday", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_dates_of_any_precision_are_read(text: str, when: datetime, path: Path) -> None:
    assert [one.when for one in tape(path, response(PLAIN, WARC_Date=text))] == [when]


def test_records_with_other_framings_are_read(path: Path) -> None:
    one, two = response(PLAIN, b"hello", url="<http://h.test/1>"), response(PLAIN, b"hello", url="http://h.test/2")
    for records in (
        [one, two],
        [one, b"\r\n\r\n", two, b"\r\n"],
        [one[:-2], two],
        [one[:-4], two],
        [b"\r\n", one.replace(b"\r\nWARC-Type", b"\nwarc-type"), two],
        [gzip.compress(one + two)],
        [gzip.compress(one[:50]), gzip.compress(one[50:]), bytes(20), gzip.compress(two)],
    ):
        assert [taken.asked.url for taken in tape(path, *records)] == ["http://h.test/1", "http://h.test/2"]


@pytest.mark.slow
@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_whole_of_a_torn_file_is_read_and_the_rest_told(
    zipped: bool, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ones = [response(PLAIN, b"hello", url=f"http://h.test/{at}") for at in range(3)]
    ones = [gzip.compress(one) if zipped else one for one in ones]
    for cut in range(1, len(ones[2])):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert len(tape(path, *ones[:2], ones[2][:-cut])) == 2
        (told,) = caplog.messages
        assert told.startswith(f"{path}: the file ends in the middle of a ")


@pytest.mark.parametrize("zipped", [True, False])
def test_what_stands_before_damage_is_read_and_the_rest_told(
    zipped: bool, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ones = [response(PLAIN, b"hello", url=f"http://h.test/{at}") for at in range(3)]
    one, two, three = (gzip.compress(one) if zipped else one for one in ones)
    for broken in (b"\xff" * 40 + two[40:], two[:-2] + b"\xff" * 2, two + b"junk"):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert len(tape(path, one, broken, three)) == (2 if b"junk" in broken else 1)
        assert "it is damaged (" in caplog.text


def test_a_record_of_no_http_is_left_out_and_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bad = [
        record("response", b"junk"),
        record("request", b"\r\n\r\n"),
        record("response", b""),
        response("HTTP/1.1 20"),
    ]
    bad.append(response(PLAIN + "\nX: " + "x" * 300_000))
    with caplog.at_level(logging.WARNING):
        assert len(tape(path, *bad, response(PLAIN, b"hello"))) == 1
    assert [message.partition(" record of http://h.test/a is left out: ")[2][:9] for message in caplog.messages] == [
        "no status",
        "no reques",
        "no status",
        "no status",
        "a head of",
    ]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "it is empty"),
        (b"hello there", "it is no WARC: it begins with b'hello ther'; `scraper record JOB` makes a tape"),
        (gzip.compress(b"hello there", mtime=0), "it is no WARC: what is zipped in it begins with b'hello ther'"),
        (b"filedesc://x 0.0.0.0 2026 text/plain 76\n", "it is an ARC file; `warcio recompress`"),
        (gzip.compress(b"filedesc://x 0.0.0.0 2026 text/plain 76\n", mtime=0), "it is an ARC file"),
        (b"PK\x03\x04xxxxxxxxx", "perhaps a WACZ"),
        (b"\x28\xb5\x2f\xfdxxxxxxxx", "zstd"),
    ],
)
def test_what_is_no_warc_is_refused_with_the_cure(data: bytes, told: str, path: Path) -> None:
    path.write_bytes(data)
    with pytest.raises(TapeError) as raised:
        Tape.open(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert told in str(raised.value)
    assert raised.value.exit_code == 3


def test_a_tape_that_is_not_there_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(TapeError, match="there is no such tape; `scraper record JOB` makes one"):
        Tape.open(path)
    with pytest.raises(TapeError, match="it cannot be read: Is a directory"):
        Tape.open(path.parent)


@pytest.mark.parametrize("lines", [b"X: " + b"x" * 300_000, b"a:\r\n" * 100_000, b"\0" * 300_000])
def test_fields_without_end_are_not_read(lines: bytes, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert tape(path, response(PLAIN), gzip.decompress(gzip.compress(b"WARC/1.1\r\n" + lines))) == tape(
            path, response(PLAIN)
        )
    assert "more than 262144 bytes" in caplog.text


def test_heads_that_would_fill_the_memory_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MEMORY", 1_000_000)
    for records in ([response("HTTP/1.1 200 OK" + "\na:" * 6000)], [record("request", GET + b"x" * 1_000_000)]):
        with pytest.raises(TapeError, match="too large for a tape: its heads and requests are more than"):
            tape(path, *records)


def test_bodies_that_would_fill_the_disk_are_refused_and_leave_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("scraper.tape.reading.Spool", lambda: Spool(disk=1_000_000))
    path.write_bytes(gzip.compress(response(PLAIN, bytes(2_000_000))))
    with pytest.raises(TapeError, match="too large for a tape: its bodies are more than"):
        Tape.open(path)
    assert list(tmp_path.iterdir()) == [path]


def test_small_bodies_leave_the_memory_when_there_are_many(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scraper.tape.reading.Spool", lambda: Spool(memory=25))
    path.write_bytes(response(PLAIN, b"x" * 10) * 4)
    with Tape.open(path) as tape:
        assert [type(one.answered.body) for one in tape.takes if one.answered] == [bytes, bytes, Slice, Slice]
    assert [one.answered.body for one in read(path) if one.answered] == [b"x" * 10] * 4


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile.warc"
    whole = b"".join(
        [record("request", GET), response(PLAIN + "\nTransfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n")]
    )
    whole += record("revisit", b"HTTP/1.1 200 OK\r\n\r\n") + record("resource", b"x")
    if data.draw(st.booleans()):
        whole = b"".join(gzip.compress(whole[at : at + 300], mtime=0) for at in range(0, len(whole), 300))
    at = data.draw(st.integers(0, len(whole)))
    count = data.draw(st.integers(0, 8))
    path.write_bytes(whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + count :])
    try:
        read(path)
    except TapeError:
        assert at < 10
