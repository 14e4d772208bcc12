"""The fault layer on the wire: each fault is seen byte for byte, and rules choose which request it strikes."""

from __future__ import annotations

import gzip
import hashlib
import inspect
import re
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.server import Layer, Server, Site, bytes_content, present
from scraper.server.conditional import read_date
from scraper.server.faults import FAULTS, Faults, Rule, changed, digest_field, make, read_faults
from scraper.server.faults.fault import position

DATA = bytes(range(256)) * 160  # 40 KiB: three pieces
HALF = len(DATA) // 2
PLACE = "write a number of bytes, or 500k, 20M, 1.5G, or a share such as 50%"
WAIT = 10  # seconds that a socket may take before a test fails


class Heard(NamedTuple):
    """What came back, and how it ended: closed, reset, or not at all (`open`)."""

    raw: bytes
    end: str

    @property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1])

    def all(self, name: str) -> list[str]:
        """The values of a header field."""
        return [value.decode("latin-1") for value in re.findall(rb"(?mi)^%b: ([^\r]*)\r?$" % name.encode(), self.head)]


def ask(server: Server, target: str = "/file", *fields: str, method: str = "GET", enough: int | None = None) -> Heard:
    """One request; all that comes until the connection ends, or until there are `enough` bytes of a body."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", "Connection: close", *fields, "", ""]
    raw = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:
        try:
            sock.sendall("\r\n".join(lines).encode("latin-1"))
            while enough is None or len(raw.partition(b"\r\n\r\n")[2]) < enough:
                piece = sock.recv(65536)
                if not piece:
                    return Heard(raw, "closed")
                raw += piece
        except ConnectionError:
            return Heard(raw, "reset")
    return Heard(raw, "open")


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """`serve(layer)`: a server of `/file` and `/page` under a layer."""
    with ExitStack() as stack:

        def make_server(*layers: Layer, root: Path | None = None) -> Server:
            site = Site(root)
            site.route("/file")(lambda request: present(request, bytes_content("image/png", DATA, 1_700_000_000)))
            site.route("/page")(lambda request: "<h1>page</h1>")
            for layer in layers:
                site.lay(layer)
            return stack.enter_context(Server(site))

        yield make_server


@pytest.fixture
def spoiled(serve: Callable[..., Server]) -> Callable[..., Heard]:
    """`spoiled("cut", at=100)`: what a client hears of the file under this fault."""

    def hear(fault: str, *fields: str, enough: int | None = None, **parameters: Any) -> Heard:
        return ask(serve(make(fault, **parameters)), "/file", *fields, enough=enough)

    return hear


# -- one by one --------------------------------------------------------------------------------------------


def test_the_site_without_faults(serve: Any) -> None:
    heard = ask(serve(Faults([])))
    assert (heard.status, heard.body, heard.end, heard.all("content-length")) == (200, DATA, "closed", ["40960"])


@pytest.mark.parametrize(
    ("fault", "parameters", "raw", "end"),
    [
        ("refuse", {}, b"", {"closed", "reset"}),
        ("hang_up", {}, b"", {"closed"}),
        ("hang_up", {"reset": True}, b"", {"reset"}),
        ("silence", {"seconds": 0}, b"", {"closed"}),
    ],
)
def test_faults_without_a_byte(spoiled: Any, fault: str, parameters: Any, raw: bytes, end: set[str]) -> None:
    heard = spoiled(fault, **parameters)
    assert heard.raw == raw
    assert heard.end in end


@pytest.mark.parametrize(("at", "count"), [(0, 0), (100, 100), ("10k", 10240), ("50%", HALF), ("100%", len(DATA))])
@pytest.mark.parametrize(("fault", "end"), [("cut", "closed"), ("reset", "reset")])
def test_the_body_breaks_off_at_a_byte_or_a_share(spoiled: Any, fault: str, end: str, at: Any, count: int) -> None:
    heard = spoiled(fault, at=at)
    assert (heard.body, heard.end, heard.all("content-length")) == (DATA[:count], end, ["40960"])


def test_a_stall_is_silent_until_the_server_closes(spoiled: Any) -> None:
    heard = spoiled("stall", at=100, enough=100)
    assert (heard.body, heard.end) == (DATA[:100], "open")


def test_a_stall_that_ends_says_the_rest(spoiled: Any) -> None:
    assert spoiled("stall", at=100, seconds=0.01).body == DATA


def test_a_body_that_drips_comes_whole(spoiled: Any) -> None:
    assert spoiled("drip", rate="400k").body == DATA


def test_a_head_that_drips_comes_whole(spoiled: Any) -> None:
    assert spoiled("drip", rate="400k", head=True).body == DATA


@pytest.mark.parametrize("chunked", [False, True])
def test_an_endless_body_goes_on(spoiled: Any, chunked: bool) -> None:
    heard = spoiled("endless", chunked=chunked, enough=1_000_000)
    assert (heard.end, heard.all("content-length")) == ("open", [])


def test_an_endless_body_has_an_end_for_whoever_takes_it_all(spoiled: Any) -> None:
    assert spoiled("endless", most="100k").body == (DATA * 3)[:114_688]


def test_an_endless_body_has_a_rate(spoiled: Any) -> None:
    assert spoiled("endless", rate="10M", most="30k").body == DATA[:32768]


@pytest.mark.parametrize(("by", "declared"), [(100, "41060"), (-100, "40860"), (-99999, "0")])
def test_a_length_is_wrong(spoiled: Any, by: int, declared: str) -> None:
    heard = spoiled("length", by=by)
    assert (heard.body, heard.all("content-length")) == (DATA, [declared])


@pytest.mark.parametrize("value", ["-5", "ten", "", "99999999999999999999"])
def test_a_length_is_garbage(spoiled: Any, value: str) -> None:
    heard = spoiled("bad_length", value=value)
    assert (heard.body, heard.all("content-length")) == (DATA, [value])


def test_two_lengths(spoiled: Any) -> None:
    heard = spoiled("two_lengths")
    assert (heard.body, heard.all("content-length")) == (DATA, ["40960", "40961"])


def test_chunks_and_a_length(spoiled: Any) -> None:
    heard = spoiled("length_and_chunks")
    assert (heard.all("content-length"), heard.all("transfer-encoding")) == (["40959"], ["chunked"])
    assert dechunked(heard.body) == (DATA, True)


def test_bytes_follow_the_body(spoiled: Any) -> None:
    heard = spoiled("surplus", text="EVIL")
    assert (heard.body, heard.all("content-length")) == (DATA + b"EVIL", ["40960"])


@pytest.mark.parametrize(("at", "count"), [("100%", len(DATA)), ("50%", HALF)])
def test_only_the_end_of_the_connection_ends_the_body(spoiled: Any, at: str, count: int) -> None:
    heard = spoiled("no_length", at=at)
    assert (heard.body, heard.end) == (DATA[:count], "closed")
    assert (heard.all("content-length"), heard.all("transfer-encoding"), heard.all("connection")) == ([], [], ["close"])


def dechunked(body: bytes) -> tuple[bytes, bool]:
    """The data of all whole chunks, and whether the last one came."""
    data = b""
    while match := re.match(rb"([0-9a-f]+)\r\n", body):
        count, start = int(match[1], 16), match.end()
        if len(body) < start + count + 2:
            break
        data, body = data + body[start : start + count], body[start + count + 2 :]
        if count == 0:
            return data, body == b""
    return data, False


def test_a_cut_inside_a_chunk(spoiled: Any) -> None:
    heard = spoiled("chunk_cut")
    assert dechunked(heard.body) == (DATA[:HALF], False)
    assert heard.body.endswith(DATA[HALF : HALF + 16384])
    assert b"\r\n4001\r\n" in heard.body


@pytest.mark.parametrize(("fault", "count"), [("chunk_end", HALF), ("no_last_chunk", len(DATA))])
def test_a_cut_after_a_chunk(spoiled: Any, fault: str, count: int) -> None:
    heard = spoiled(fault)
    assert dechunked(heard.body) == (DATA[:count], False)
    assert heard.body.endswith(b"\r\n")


@pytest.mark.parametrize("size", ["xyz", "-5", "f" * 20, ""])
def test_a_chunk_size_is_garbage(spoiled: Any, size: str) -> None:
    heard = spoiled("bad_chunk", size=size)
    sound = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (DATA[:16384], DATA[16384:HALF]))
    assert heard.body == sound + size.encode() + b"\r\n" + DATA[HALF:] + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("coding", ["gzip", "x-own"])
def test_gzip_nobody_asked_for(spoiled: Any, coding: str) -> None:
    heard = spoiled("gzipped", coding=coding)
    assert (gzip.decompress(heard.body), heard.all("content-encoding")) == (DATA, [coding])
    assert heard.all("content-length") == [str(len(heard.body))]


BROKEN = [("gzip_cut", {}), *(("gzip_corrupt", {"part": part}) for part in ("crc", "size", "data")), ("gzip_tail", {})]


@pytest.mark.parametrize(("fault", "parameters"), BROKEN)
def test_gzip_that_is_broken(spoiled: Any, fault: str, parameters: Any) -> None:
    heard = spoiled(fault, **parameters)
    assert heard.all("content-length") == [str(len(heard.body))]
    with pytest.raises((EOFError, OSError, zlib.error)):
        gzip.decompress(heard.body)


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 7])
def test_a_bomb_is_a_sound_gzip_stream_of_zeros(spoiled: Any, size: int) -> None:
    assert gzip.decompress(spoiled("bomb", size=size).body) == bytes(size)


def test_a_bomb_is_a_thousandth_of_its_size(spoiled: Any) -> None:
    heard = spoiled("bomb", size="64M")
    assert len(heard.body) < 64 * 1100
    assert heard.all("content-encoding") == ["gzip"]


def test_a_bomb_in_a_bomb(spoiled: Any) -> None:
    heard = spoiled("bomb", size="16M", layers=2)
    assert (heard.all("content-encoding"), len(heard.body) < 2000) == (["gzip, gzip"], True)
    assert gzip.decompress(gzip.decompress(heard.body)) == bytes(16 << 20)


@pytest.mark.parametrize(("code", "location"), [(302, ["/next"]), (404, []), (503, [])])
def test_a_bomb_in_another_status(spoiled: Any, code: int, location: list[str]) -> None:
    heard = spoiled("bomb", code=code, size=1000, to="/next")
    assert (heard.status, heard.all("location"), gzip.decompress(heard.body)) == (code, location, bytes(1000))


@pytest.mark.parametrize(
    ("fault", "parameters", "line"),
    [
        ("no_colon", {}, b"\r\nthis is no header\r\n"),
        ("bad_header", {}, b"\r\nX-Note: a\0b\r\n"),
        ("bad_header", {"value": "a\rb"}, b"\r\nX-Note: a\rb\r\n"),
        ("long_header", {"size": 1000}, b"\r\nX-Long: " + b"x" * 992 + b"\r\n"),
        ("many_headers", {"count": 3}, b"\r\nX-0: x\r\nX-1: x\r\nX-2: x\r\n"),
        ("big_head", {"size": 120_000}, b"\r\nX-1: " + b"x" * 60_000),
        ("status_line", {}, b"HTTP/1.1 99 Low\r\n"),
        ("status_line", {"text": "HTTP/1.1 1000 High"}, b"HTTP/1.1 1000 High\r\n"),
    ],
)
def test_heads_that_are_wrong(spoiled: Any, fault: str, parameters: Any, line: bytes) -> None:
    heard = spoiled(fault, **parameters)
    assert line in heard.head + b"\r\n"
    assert (heard.body, heard.all("content-length")) == (DATA, ["40960"])


def test_a_head_of_six_megabytes(spoiled: Any) -> None:
    assert len(spoiled("big_head").head) > 5_900_000


def test_interim_answers(spoiled: Any) -> None:
    heard = spoiled("interim", code=103, count=3)
    interim, _, rest = heard.raw.rpartition(b"HTTP/1.1 103 Early Hints\r\nX-Interim: yes\r\n\r\n")
    assert (interim.count(b"HTTP/1.1 103"), rest[:15]) == (2, b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("what", ["line", "interim"])
def test_a_head_that_never_ends(serve: Any, what: str) -> None:
    server = serve(make("drip_head", what=what))
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as sock:
        sock.sendall(b"GET /file HTTP/1.1\r\nHost: h\r\n\r\n")
        drops = {"line": b"xxx", "interim": b"HTTP/1.1 102 Processing\r\n\r\n" * 3}[what]
        raw = b""
        while not raw.endswith(drops):
            raw += sock.recv(65536)
    assert len(raw) < 1000


def test_interim_answers_without_end(spoiled: Any) -> None:
    assert spoiled("interim", enough=1_000_000).raw.count(b"HTTP/1.1 100 Continue") > 10_000


def test_a_body_without_a_head(spoiled: Any) -> None:
    assert spoiled("http09").raw == DATA


# -- ranges ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "parameters", "status", "told", "first"),
    [
        ("ignore_range", {}, 200, [], 0),
        ("wrong_offset", {}, 206, ["bytes 1008-40959/40960"], 1008),
        ("wrong_offset", {"by": -8}, 206, ["bytes 992-40959/40960"], 992),
        ("wrong_offset", {"by": -5000}, 206, ["bytes 0-40959/40960"], 0),
        ("wrong_total", {}, 206, ["bytes 1000-40959/40968"], 1000),
        ("bad_content_range", {}, 206, ["bytes a-b/c"], 1000),
        ("bad_content_range", {"value": ""}, 206, [], 1000),
    ],
)
def test_wrong_answers_to_a_range(
    spoiled: Any, fault: str, parameters: Any, status: int, told: list[str], first: int
) -> None:
    heard = spoiled(fault, "Range: bytes=1000-", **parameters)
    assert (heard.status, heard.all("content-range"), heard.body) == (status, told, DATA[first:])
    assert spoiled(fault, **parameters).body == DATA


@pytest.mark.parametrize(("fault", "status"), [("ignore_if_range", 206), ("cut", 200)])
def test_a_range_of_another_version(spoiled: Any, fault: str, status: int) -> None:
    assert spoiled(fault, "Range: bytes=9-", 'If-Range: "other"').status == status


def test_a_range_nobody_asked_for(spoiled: Any) -> None:
    heard = spoiled("unasked_range", first=7)
    assert (heard.status, heard.all("content-range"), heard.body) == (206, ["bytes 7-40959/40960"], DATA[7:])


def test_one_range_as_several(spoiled: Any) -> None:
    heard = spoiled("byteranges", "Range: bytes=40950-")
    assert (heard.status, heard.all("content-range")) == (206, [])
    assert heard.all("content-type") == ["multipart/byteranges; boundary=THIS_SEPARATES"]
    part = b"--THIS_SEPARATES\r\nContent-Range: bytes 40950-40959/40960\r\n\r\n"
    assert heard.body == part + DATA[40950:] + b"\r\n--THIS_SEPARATES--\r\n"


@pytest.mark.parametrize(("by", "told"), [(0, "bytes */40960"), (-60, "bytes */40900"), (-99999, "bytes */0")])
def test_a_range_that_is_refused(spoiled: Any, by: int, told: str) -> None:
    heard = spoiled("not_satisfiable", "Range: bytes=0-", by=by)
    assert (heard.status, heard.all("content-range")) == (416, [told])


@pytest.mark.parametrize(("size", "count"), [("same", 40960), ("bigger", 41984), ("smaller", 39936)])
def test_another_version_is_served_rightly(serve: Any, size: str, count: int) -> None:
    server, plain = serve(make("change", size=size)), serve()
    old, new = ask(plain), ask(server)
    assert (len(new.body), new.body) == (count, changed(DATA, size))
    assert old.all("etag") != new.all("etag") != []
    assert old.all("last-modified") != new.all("last-modified") != []
    stale = ask(server, "/file", "Range: bytes=9-", f"If-Range: {old.all('etag')[0]}")
    fresh = ask(server, "/file", "Range: bytes=9-", f"If-Range: {new.all('etag')[0]}")
    assert [(one.status, one.body) for one in (stale, fresh)] == [(200, new.body), (206, new.body[9:])]


@given(st.binary(max_size=3000))
def test_no_byte_of_another_version_is_the_same(data: bytes) -> None:
    assert all(one != other for one, other in zip(data, changed(data, "bigger"), strict=False))


def test_a_weak_etag_that_tempts(spoiled: Any) -> None:
    """Whoever asks for a range gets it, so that one who should not have asked is caught."""
    heard = spoiled("weak_etag", "Range: bytes=9-", 'If-Range: "other"')
    assert (heard.status, heard.body, heard.all("last-modified")) == (206, DATA[9:], [])
    assert [tag[:3] for tag in heard.all("etag")] == ['W/"']


@pytest.mark.parametrize(("kept", "etags", "dates"), [({}, 0, 0), ({"etag": True}, 1, 0), ({"date": True}, 0, 1)])
def test_validators_are_missing(spoiled: Any, kept: Any, etags: int, dates: int) -> None:
    heard = spoiled("no_validators", "Range: bytes=9-", **kept)
    assert (heard.status, len(heard.all("etag")), len(heard.all("last-modified"))) == (206, etags, dates)


# -- statuses, redirects, contents -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "told"),
    [(2, ["2"]), ("soon", ["soon"]), (10**9, ["1000000000"]), (None, [])],
)
def test_a_status_and_when_to_come_back(spoiled: Any, asked: Any, told: list[str]) -> None:
    heard = spoiled("status", code=429, retry_after=asked)
    assert (heard.status, heard.all("retry-after")) == (429, told)


@pytest.mark.parametrize(("asked", "ahead"), [("date+7200", 7200), ("date-60", -60)])
def test_a_status_and_the_date_to_come_back(spoiled: Any, asked: str, ahead: int) -> None:
    before = int(time.time())
    (told,) = spoiled("status", retry_after=asked).all("retry-after")
    assert before + ahead <= (read_date(told) or 0) <= time.time() + ahead


@pytest.mark.parametrize("to", ["/page", "//host/x", "file:///etc/passwd", "data:text/plain,x", "/caf\xe9"])
def test_a_redirect_to_anywhere(spoiled: Any, to: str) -> None:
    heard = spoiled("redirect", to=to, code=307)
    assert (heard.status, heard.all("location")) == (307, [to])


def test_a_redirect_to_itself(spoiled: Any) -> None:
    assert spoiled("redirect").all("location") == ["/file"]


def test_so_many_hops(serve: Any) -> None:
    server = serve(make("hops", count=2))
    heard = [ask(server, target) for target in ("/file", "/file?hop=1", "/file?hop=2")]
    assert [one.all("location") for one in heard] == [["/file?hop=1"], ["/file?hop=2"], []]
    assert heard[-1].body == DATA


def test_redirects_without_and_with_too_many_places(spoiled: Any) -> None:
    assert (spoiled("no_location").status, spoiled("no_location").all("location")) == (302, [])
    assert spoiled("two_locations", to="/a", other="/b").all("location") == ["/a", "/b"]


@pytest.mark.parametrize(("typed", "told"), [(True, "text/html; charset=utf-8"), (False, "image/png")])
def test_a_page_in_place_of_a_file(spoiled: Any, typed: bool, told: str) -> None:
    heard = spoiled("html", typed=typed)
    assert (heard.status, heard.all("content-type"), heard.body[:15]) == (200, [told], b"<!doctype html>")


@pytest.mark.parametrize(("fault", "parameters", "count"), [("empty", {}, 0), ("truncate", {"at": 7}, 7)])
def test_a_file_that_lost_its_end(spoiled: Any, fault: str, parameters: Any, count: int) -> None:
    heard = spoiled(fault, **parameters)
    assert (heard.body, heard.all("content-length")) == (DATA[:count], [str(count)])


FORMS = {
    "Repr-Digest": "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:",
    "Content-Digest": "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:",
    "Digest": "SHA-256=LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
    "Content-MD5": "XUFAKrxLKna5cZ2REBfFkg==",
}


@pytest.mark.parametrize("field", FORMS)
def test_a_digest_of_something_else(spoiled: Any, field: str) -> None:
    assert hashlib.sha256(b"hello").hexdigest()[:8] == "2cf24dba"
    assert digest_field(field, b"hello") == FORMS[field]
    heard = spoiled("wrong_digest", field=field)
    assert (heard.body, heard.all(field)) == (DATA, [digest_field(field, b"something else")])


def test_every_fault_is_tested_here() -> None:
    here = Path(__file__).read_text("utf-8")
    assert [name for name in FAULTS if f'"{name}"' not in here] == []


# -- how they are laid -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "refuse"])
def test_an_error_page_can_be_spoiled_too(serve: Any, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    """No fault has a bug where there is nothing to spoil."""
    without_end = {"enough": 10} if fault in ("stall", "endless", "interim", "drip_head") else {}
    parameters = {"silence": {"seconds": 0}, "drip_head": {"what": "interim"}, "drip": {"rate": "1M"}}.get(fault, {})
    server = serve(make(fault, **parameters))
    ask(server, "/nothing", "Range: bytes=1-", **without_end)
    server.close()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_head_requests_are_not_spoken_over(serve: Any) -> None:
    heard = ask(serve(make("reset", at=0)), method="HEAD")
    assert (heard.status, heard.body, heard.end, heard.all("content-length")) == (200, b"", "closed", ["40960"])


def test_a_file_on_disk_is_spoiled_and_closed(serve: Any, tmp_path: Path) -> None:
    (tmp_path / "big.bin").write_bytes(DATA * 4)
    for fault in ("cut", "truncate", "chunk_cut", "html", "gzipped", "change", "bomb"):
        assert ask(serve(make(fault), root=tmp_path), "/big.bin").status == 200
    assert ask(serve(make("cut", at="25%"), root=tmp_path), "/big.bin").body == DATA


def test_a_fault_over_one_route(serve: Any) -> None:
    server = serve()
    server.site.route("/route/<name>")(make("cut", at=3).over(lambda request, name: name))
    server.site.route("/value")(make("truncate", at=3).over(b"abcdef"))
    assert [ask(server, target).body for target in ("/route/abcdef", "/value", "/page")] == [
        b"abc", b"abc", b"<h1>page</h1>",
    ]  # fmt: skip


def test_the_first_rule_is_outermost(serve: Any) -> None:
    layer = read_faults([{"do": "cut", "at": 100}, {"do": "change"}])
    assert ask(serve(layer)).body == changed(DATA)[:100]


def test_what_speaks_already_is_not_spoken_over(serve: Any) -> None:
    layer = read_faults([{"do": "cut", "at": 100}, {"do": "cut", "at": 200}])
    assert ask(serve(layer)).body == DATA[:200]


def test_the_first_requests_for_each_url_are_struck(serve: Any) -> None:
    server = serve(read_faults([{"do": "status", "times": 2}]))
    statuses = [ask(server, target).status for target in ("/file", "/page", "/file", "/file", "/page", "/page")]
    assert statuses == [503, 503, 503, 200, 503, 200]


def test_the_first_requests_are_spared(serve: Any) -> None:
    server = serve(read_faults([{"do": "status", "after": 1, "times": 1}]))
    assert [ask(server).status for _ in range(3)] == [200, 503, 200]


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        ({}, True),
        ({"url": "*/file"}, True),
        ({"url": "*/file?q=1"}, True),
        ({"url": "http://127.0.0.1:*/file"}, True),
        ({"url": "/file"}, False),
        ({"url": "*/page"}, False),
        ({"host": "127.0.0.1"}, True),
        ({"host": "127.0.0.1:*"}, True),
        ({"host": "127.0.0.1:1"}, False),
        ({"host": "*.example"}, False),
        ({"url": "*/file", "host": "other"}, False),
    ],
)
def test_patterns_choose_what_is_struck(serve: Any, rule: Any, struck: bool) -> None:
    server = serve(read_faults([{"do": "status", **rule}]))
    assert ask(server, "/file?q=1").status == (503 if struck else 200)


@pytest.mark.parametrize(("host", "ends"), [("*", ["", "page"]), ("127.0.0.1", ["", "page"]), ("other", ["page"] * 2)])
def test_connections_are_refused_so_many_times(serve: Any, host: str, ends: list[str]) -> None:
    server = serve(read_faults([{"do": "refuse", "times": 1, "host": host}]))
    heard = [ask(server, "/page").body for _ in range(2)]
    assert heard == [{"": b"", "page": b"<h1>page</h1>"}[end] for end in ends]


def test_strikes_are_kept_with_what_went_out(serve: Any) -> None:
    layer = Faults([Rule(make("reset", at=100), url="*/file", times=1), Rule(make("status"), url="*/page")])
    server = serve(layer)
    heard = ask(server)
    ask(server, "/page")
    ask(server)
    server.close()
    assert [(strike.url.removeprefix(server.url), strike.faults, strike.sent) for strike in layer.strikes] == [
        ("/file", ("reset",), len(heard.raw)), ("/page", ("status",), None),
    ]  # fmt: skip


def test_a_client_that_stops_reading_is_sent_little(serve: Any) -> None:
    layer = Faults([Rule(make("endless"))])
    server = serve(layer)
    ask(server, enough=100)
    server.close()
    assert layer.strikes[0].sent is not None
    assert layer.strikes[0].sent < 8 * 1024 * 1024


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({}, "`do` is missing: the name of a fault"),
        ({"do": 3}, "`do` is missing: the name of a fault"),
        ({"do": "rest"}, "there is no fault 'rest'; did you mean 'reset'?"),
        ({"do": "zzz"}, "there is no fault 'zzz'"),
        ({"do": "reset", "att": 3}, "reset does not take 'att'; did you mean 'at'?"),
        ({"do": "reset", "at": "half"}, f"reset: at: 'half' is not a size; {PLACE}"),
        ({"do": "reset", "at": -1}, "reset: at: a size is not negative"),
        ({"do": "reset", "at": None}, "reset: at cannot be None"),
        ({"do": "reset", "at": True}, "reset: at cannot be True"),
        ({"do": "status", "code": "many"}, "status: code cannot be 'many'"),
        ({"do": "change", "size": "other"}, "change: size cannot be 'other'"),
        ({"do": "bomb", "layers": 0}, "bomb: layers: 0 is less than 1"),
        ({"do": "reset", "times": -1}, "times cannot be -1; write a whole number, such as 1"),
        ({"do": "reset", "times": True}, "times cannot be True; write a whole number, such as 1"),
        ({"do": "reset", "url": 3}, "url cannot be 3; write a pattern such as *.jpg"),
        ({"do": "reset", "colour": 3}, "reset does not take 'colour'; it takes at"),
    ],
)
def test_mistakes_are_told_at_once(entry: Any, told: str) -> None:
    with pytest.raises(ValueError, match=f"^fault 2: {re.escape(told)}$"):
        read_faults([{"do": "reset"}, entry])


def test_no_fault_has_a_parameter_that_is_a_word_of_rules() -> None:
    words = {"url", "host", "do", "times", "after"}
    assert {name for name, maker in FAULTS.items() if words & set(inspect.signature(maker).parameters)} == set()


def test_every_fault_can_be_made_as_it_is_and_says_what_it_does() -> None:
    assert [make(name).name for name in FAULTS] == list(FAULTS)
    assert [name for name, maker in FAULTS.items() if not maker.__doc__] == []


@given(st.integers(0, 10**6), st.integers(0, 100))
def test_a_share_is_within_the_body(size: int, percent: int) -> None:
    assert position(f"{percent}%", size) == size * percent // 100
    assert position(size + 1, size) == size
