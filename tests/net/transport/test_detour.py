"""A tape answers in the place of every host, for both transports, and nothing of the network is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from scraper import errors
from scraper.net.detour import Detour
from scraper.net.outgoing import Wire
from scraper.server import Server
from scraper.server.faults import read_faults
from scraper.tape.site import LIMITS, TapeSite
from scraper.tape.taken import Answered, Asked, Failure, Taken

WHEN = datetime(2026, 11, 21, 12, tzinfo=UTC)
URL = "https://shop.example/blue.jpg"
PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.7"


def took(
    url: str = URL, body: bytes = b"0123456789", *headers: tuple[str, str], status: int = 200, reason: str = "OK",
    method: str = "GET", asked: tuple[tuple[str, str], ...] = (), sent: bytes = b"", whole: bool = True,
    failure: Failure | None = None, address: str | None = PUBLIC, length: int | None = -1,
) -> Taken:  # fmt: skip
    """An exchange; `length` as declared, None: none is, -1: the true one."""
    told = [] if length is None else [("Content-Length", str(len(body) if length < 0 else length))]
    answered = Answered(status, reason, (*headers, *told), body, whole, address)
    return Taken(Asked(method, url, asked, sent), answered, failure, WHEN)


def failed(ending: str, url: str = URL, **flags: bool) -> Taken:
    """An exchange to which no answer came."""
    return Taken(Asked("GET", url), None, Failure(ending, "as it was told then", **flags), WHEN)


@pytest.fixture
def played(carry: Any) -> Iterator[Callable[..., Any]]:
    """`played(takes, *asked)` performs exchanges from a tape, and gives them back; `server.log` has what came."""
    with ExitStack() as stack:

        def play(takes: list[Taken], *asked: Any, faults: Any = (), **options: Any) -> Any:
            site = TapeSite(takes)
            site.lay(read_faults(faults))
            server = stack.enter_context(Server(site, limits=LIMITS))
            carry.detour, play.server = Detour("127.0.0.1", server.port), server  # type: ignore[attr-defined]
            return carry(*asked, **options)

        yield play


def wire(url: str = URL, method: str = "GET", *, guarded: bool = False, **added: Any) -> Wire:
    """An exchange with headers; `_` in a name is a dash."""
    headers = {name.replace("_", "-"): value for name, value in added.items()}
    return Wire(method, url, added=headers, guarded=guarded, encodings="identity")


def test_an_https_page_of_a_host_that_does_not_exist_is_answered_as_it_was(played: Any) -> None:
    (one,) = played([took(URL, b"blue", ("ETag", '"1"'), ("X-Odd", "caf\xe9"), reason="Fine")], URL)
    assert one.result == ("whole", 200, b"blue")
    assert (one.answer.reason, one.answer.address) == ("Fine", PUBLIC)
    kept = {name: value for name, value in one.answer.headers.items() if name not in ("date", "server")}
    assert kept == {"etag": '"1"', "x-odd": "caf\xe9", "content-length": "4"}


def test_the_whole_url_is_asked_for_whatever_host_the_job_names(played: Any) -> None:
    urls = ["https://shop.example:80/a?b=%7Bc%7D", "http://[2001:db8::1]:8443/a", "http://shop.example/a"]
    told = played([took(url) for url in urls], *(wire(url, Host="other.example") for url in urls))
    assert [one.ending for one in told] == ["whole"] * 3
    assert [seen.target for seen in played.server.log] == urls


def test_what_was_asked_often_is_answered_in_order_and_the_last_again_and_again(played: Any) -> None:
    told = played([took(body=b"first"), took(status=503, body=b"busy"), took(body=b"last")], *[URL] * 5)
    assert [(one.status, one.body) for one in told] == [
        (200, b"first"), (503, b"busy"), (200, b"last"), (200, b"last"), (200, b"last"),
    ]  # fmt: skip


def test_a_body_without_length_comes_without_one(played: Any) -> None:
    (one,) = played([took(URL, b"x" * 100_000, ("Transfer-Encoding", "chunked"), length=None)], URL)
    assert one.result == ("whole", 200, b"x" * 100_000)
    assert "content-length" not in one.answer.headers


def test_head_is_answered_by_what_a_get_was_answered(played: Any) -> None:
    told = played([took(URL, b"12345", ("ETag", '"1"'))], wire(method="HEAD"), wire(), wire(method="HEAD"))
    assert [(one.status, one.answer.headers["content-length"], one.body) for one in told] == [
        (200, "5", b""), (200, "5", b"12345"), (200, "5", b""),
    ]  # fmt: skip


def test_a_head_that_was_recorded_is_answered_as_it_was(played: Any) -> None:
    (one,) = played([took(body=b"", method="HEAD", length=5), took(body=b"other")], wire(method="HEAD"))
    assert one.result == ("whole", 200, b"")
    assert one.answer.headers["content-length"] == "5"


@pytest.mark.parametrize(
    ("asked", "status", "body", "place"),
    [
        ({"Range": "bytes=4-"}, 206, b"456789", "bytes 4-9/10"),
        ({"Range": "bytes=-2"}, 206, b"89", "bytes 8-9/10"),
        ({"Range": "bytes=4-5", "If_Range": '"1"'}, 206, b"45", "bytes 4-5/10"),
        ({"Range": "bytes=4-5", "If_Range": '"2"'}, 200, b"0123456789", None),
        ({"Range": "bytes=4-", "If_Range": "Sat, 21 Nov 2026 11:00:00 GMT"}, 206, b"456789", "bytes 4-9/10"),
        ({"If_None_Match": '"1"'}, 304, b"", None),
        ({"If_None_Match": '"2"'}, 200, b"0123456789", None),
        ({"If_Modified_Since": "Sat, 21 Nov 2026 11:00:00 GMT"}, 304, b"", None),
        ({"If_Modified_Since": "Sat, 21 Nov 2026 10:00:00 GMT"}, 200, b"0123456789", None),
    ],
)
def test_conditions_and_ranges_are_answered_truthfully_from_a_whole_answer(
    played: Any, asked: dict[str, Any], status: int, body: bytes, place: str | None
) -> None:
    validators = (("ETag", '"1"'), ("Last-Modified", "Sat, 21 Nov 2026 11:00:00 GMT"))
    (one,) = played([took(URL, b"0123456789", *validators)], wire(**asked))
    assert one.result == ("whole", status, body)
    assert one.answer.headers.get("content-range") == place
    assert one.answer.address == PUBLIC


def test_a_range_that_does_not_fit_is_told_the_size(played: Any) -> None:
    (one,) = played([took()], wire(Range="bytes=10-"))
    assert (one.status, one.answer.headers["content-range"], one.answer.address) == (416, "bytes */10", PUBLIC)


@pytest.mark.parametrize("status", [206, 304, 416, 412])
def test_what_was_answered_to_a_condition_is_answered_again_as_it_was(played: Any, status: int) -> None:
    asked = (("Range", "bytes=2-"), ("If-None-Match", '"1"'))
    body = b"" if status == 304 else b"as it was"
    odd = took(URL, body, ("X-Odd", "1"), status=status, asked=asked, length=None if status == 304 else -1)
    (one,) = played([took(), odd], wire(Range="bytes=2-", If_None_Match='"1"'))
    assert (one.status, one.body, one.answer.headers["x-odd"]) == (status, body, "1")


def test_parts_that_are_all_of_a_file_are_put_together(played: Any) -> None:
    def part(first: int, body: bytes, tag: str = '"1"') -> Taken:
        place = ("Content-Range", f"bytes {first}-{first + len(body) - 1}/10")
        return took(URL, body, place, ("ETag", tag), status=206, asked=(("Range", f"bytes={first}-"),))

    takes = [part(6, b"6789"), part(0, b"0123"), part(3, b"345678"), part(0, b"abcde", '"2"')]
    whole, some = played(takes, wire(), wire(Range="bytes=5-6", If_Range='"1"'))
    assert whole.result == ("whole", 200, b"0123456789")
    assert "content-range" not in whole.answer.headers
    assert some.result == ("whole", 206, b"56")


def test_parts_of_two_versions_are_never_put_together(played: Any) -> None:
    def part(first: int, body: bytes, tag: str) -> Taken:
        place = ("Content-Range", f"bytes {first}-{first + len(body) - 1}/10")
        return took(URL, body, place, ("ETag", tag), status=206, asked=(("Range", f"bytes={first}-"),))

    (one,) = played([part(0, b"01234", '"1"'), part(5, b"56789", '"2"')], URL)
    assert one.may_repeat == ("failed:connect", False, True)
    assert str(one.trouble) == f"the tape has no whole answer to GET {URL}, only 206"


ENDINGS = [
    "dns",
    "connect",
    "timeout",
    "stalled",
    "tls",
    "proxy",
    "redirect",
    "protocol",
    "length",
    "encoding",
    "limit",
]


@pytest.mark.parametrize("ending", [*ENDINGS, "skipped:private"])
@pytest.mark.parametrize(("sent", "final"), [(True, False), (False, True)])
def test_what_went_wrong_then_goes_wrong_again(played: Any, ending: str, sent: bool, final: bool) -> None:
    one, other = played([failed(ending, sent=sent, final=final), took()], URL, URL)
    assert one.ending == (ending if ":" in ending else f"failed:{ending}")
    assert str(one.trouble) == "as it was told then"
    if ":" not in ending:
        assert (one.trouble.sent, one.trouble.final) == (sent, final)
    assert one.told == ["done"]
    assert other.ending == "whole"


def test_a_proxy_that_failed_is_followed_by_the_next_one_of_the_list(played: Any) -> None:
    one, other = played([failed("proxy"), failed("proxy")], URL, URL)
    assert [(each.trouble.others, each.trouble.ready) for each in (one, other)] == [(1, True), (0, False)]


@pytest.mark.parametrize("length", [-1, 1000, None])
def test_an_answer_that_broke_off_breaks_off_in_the_same_place_for_the_same_reason(
    played: Any, length: int | None
) -> None:
    stalled = Failure("stalled", "no bytes came in time")
    one, again = played([took(whole=False, failure=stalled, length=length), took()], URL, URL)
    assert one.result == ("failed:stalled", 200, b"0123456789")
    assert isinstance(one.trouble, errors.StalledError)
    assert again.result == ("whole", 200, b"0123456789")


def test_what_nobody_wanted_to_the_end_then_cannot_be_had_now(played: Any, order: Any) -> None:
    unwanted, wanted = played([took(whole=False, length=1000)], order(URL, wanted=False), URL)
    assert (unwanted.ending, wanted.ending) == ("whole", "failed:length")


def test_a_request_that_the_tape_lacks_fails_with_the_nearest(played: Any) -> None:
    takes = [took(f"{URL}?page={page}") for page in (1, 2)] + [took("http://other.example/")]
    (one,) = played(takes, f"{URL}?page=2&size=9")
    assert one.may_repeat == ("failed:connect", False, True)
    assert str(one.trouble) == (
        f"the tape has no GET {URL}?page=2&size=9; nearest: {URL}?page=2, where the query differs: size=9 more"
    )


def test_the_recorded_address_says_what_is_private(played: Any) -> None:
    takes = [
        took("http://a.example/", address=PRIVATE),
        took("http://b.example/"),
        took("http://c.example/", address=None),
    ]
    told = played(takes, *(wire(f"http://{name}.example/", guarded=True) for name in "abc"))
    assert [one.ending for one in told] == ["skipped:private", "whole", "whole"]
    assert [one.answer and (one.answer.address, one.answer.is_proxied) for one in told] == [
        None, (PUBLIC, False), (None, True),
    ]  # fmt: skip


def test_a_server_of_the_tape_cannot_forge_what_a_replay_tells(played: Any) -> None:
    forged = (("Scraper-Tape-Failure", "{}"), ("scraper-tape-address", "10.0.0.1"), ("SCRAPER-TAPE-REASON", "x"))
    (one,) = played([took(URL, b"ok", *forged)], URL)
    assert one.result == ("whole", 200, b"ok")
    assert (one.answer.address, one.answer.reason) == (PUBLIC, "OK")
    assert not [name for name in one.answer.headers if name.startswith("scraper-")]


def test_a_header_that_cannot_be_sent_is_left_out(played: Any) -> None:
    (one,) = played([took(URL, b"ok", ("X Y", "1"), ("Z", "a\x00b"), ("Connection", "close"), ("Upgrade", "h2c"))], URL)
    assert one.result == ("whole", 200, b"ok")


@pytest.mark.parametrize("fault", ["reset", "cut", "status", "length", "gzip_cut", "no_location", "http09"])
def test_a_request_that_a_fault_strikes_uses_no_answer_up(played: Any, fault: str) -> None:
    faults = [{"url": "https://shop.example/*.jpg", "do": fault, "times": 1}]
    _, one, two = played([took(body=b"first"), took(body=b"second")], URL, URL, URL, faults=faults)
    assert (one.body, two.body) == (b"first", b"second")


def test_a_part_is_continued_after_a_fault(played: Any) -> None:
    faults = [{"do": "cut", "at": 4, "times": 1}]
    takes = [took(URL, b"0123456789", ("ETag", '"1"')), took(URL, b"changed", ("ETag", '"2"'))]
    cut, rest, after = played(takes, URL, wire(Range="bytes=4-", If_Range='"1"'), wire(), faults=faults)
    assert cut.result == ("failed:length", 200, b"0123")
    assert rest.result == ("whole", 206, b"456789")
    assert after.body == b"0123456789"


def test_neither_proxies_nor_certificates_are_asked_for(
    played: Any, carry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("NETRC", "/nonexistent/netrc")
    http = {"cert": "nowhere.pem", "verify": "nowhere.crt", "auth": {"netrc": True}, "version": "2"}
    (one,) = played([took()], URL, http=http, home=["https://shop.example:443"])
    assert one.ending == "whole"
    assert "authorization" not in {name.lower() for name, _ in played.server.log[0].headers}
