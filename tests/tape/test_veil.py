"""What a tape must not hold is hidden wherever it stands, and nothing else is touched."""

from __future__ import annotations

import gzip
import html
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.tape import body as bodies
from scraper.tape.body import Body
from scraper.tape.taken import Slice
from scraper.tape.veil import Veil, cookies_in, is_token, without_value

KEY = "s3cret/&\"key'ü"
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="{}~%+"), min_size=8)
TEXTS = st.text()
WAYS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a URL": lambda text: quote(text, safe=""),
    "in a path": quote,
    "in JSON": lambda text: json.dumps(text)[1:-1],
    "in JSON of UTF-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "in JSON with its slashes escaped": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "in an attribute of HTML": html.escape,
    "in HTML with another apostrophe": lambda text: html.escape(text).replace("&#x27;", "&#39;"),
    "in a text of HTML": lambda text: html.escape(text, quote=False),
}


@pytest.mark.parametrize("way", WAYS)
@given(secret=SECRETS, before=TEXTS, after=TEXTS)
def test_a_secret_is_found_however_it_is_written(way: str, secret: str, before: str, after: str) -> None:
    written = WAYS[way](secret)
    found = Veil({"env:KEY": secret}).text(f"{before}{written}{after}")
    assert written not in found.replace("{env:KEY}", "").replace("%7Benv%3AKEY%7D", "")


@given(text=TEXTS, data=st.binary())
def test_what_echoes_nothing_stays_as_it_is(text: str, data: bytes) -> None:
    veil = Veil({"env:KEY": KEY})
    assert (veil.text(text), veil.mask(data), veil.body(data, ())) == (text, data, (data, False))


def test_a_percent_encoded_secret_stays_percent_encoded() -> None:
    assert Veil({"env:KEY": KEY}).text(f"/x?k={quote(KEY, safe='')}&l={KEY}") == "/x?k=%7Benv%3AKEY%7D&l={env:KEY}"


@pytest.mark.parametrize("code", ["utf-8", "utf-16-le", "utf-16-be", "latin-1"])
def test_a_body_is_searched_in_its_encoding(code: str) -> None:
    key = "s3cret-key-1"
    media = "text/html" if code in ("utf-8", "latin-1") else f"text/html; charset={code.removesuffix('-le')}"
    found, _ = Veil({"env:KEY": key}).body(f"<p>é {key}</p>".encode(code), (("Content-Type", media),))
    assert found == "<p>é {env:KEY}</p>".encode(code)


def test_a_secret_that_came_back_as_latin_1_is_found() -> None:
    veil = Veil({"env:KEY": "schlüssel"})
    assert veil.body("<p>größe schlüssel</p>".encode("latin-1"), ())[0] == "<p>größe {env:KEY}</p>".encode("latin-1")
    assert veil.field("X-Echo", "größe schlüssel") == "größe {env:KEY}"
    assert veil.field("X-Echo", "größe schlüssel".encode().decode("latin-1")).endswith(" {env:KEY}")


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_packed_body_that_echoes_is_unpacked_and_another_one_is_not(
    name: str, pack: Callable[[bytes], bytes]
) -> None:
    fields, veil = (("content-Encoding", name),), Veil({"env:KEY": "s3cret-key-1"})
    assert veil.body(pack(b"a s3cret-key-1 b"), fields) == (b"a {env:KEY} b", True)
    whole = pack(b"a b")
    assert veil.body(whole, fields) == (whole, False)


def test_a_packed_body_that_was_cut_is_searched_as_far_as_it_goes() -> None:
    packed = gzip.compress(b"a s3cret-key-1 b" + bytes(range(256)) * 300)
    found, is_decoded = Veil({"env:KEY": "s3cret-key-1"}).body(packed[:-20], (("Content-Encoding", "gzip"),))
    assert (found.startswith(b"a {env:KEY} b") or b"s3cret" not in found, is_decoded) == (True, True)


COOKIES = {
    "sid=abc; Path=/; HttpOnly": "sid={cookie:sid}; Path=/; HttpOnly",
    "sid=; Max-Age=0": "sid=; Max-Age=0",
    " sid = a=b ;Secure": " sid ={cookie:sid};Secure",
    "loose": "{cookie:}",
    "": "",
}


@pytest.mark.parametrize("line", COOKIES)
def test_a_cookie_loses_its_value_alone(line: str) -> None:
    assert without_value(line) == COOKIES[line]


def test_of_a_cookie_header_every_value_goes() -> None:
    assert Veil({}).field("cookie", "a=1; b=x y; c") == "a={cookie:a}; b={cookie:b};{cookie:}"
    assert cookies_in("Cookie", 'a=1; b="2"') == [("a", "1"), ("b", "2")]
    assert cookies_in("Set-Cookie", "a=1; Path=/") == [("a", "1")]


@pytest.mark.parametrize(
    "value", ["dXNlcjpwYXNzd29yZDEyMw==", "9f8e7d6c5b4a39281706f5e4d3c2b1a0", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx"]
)
def test_what_was_made_by_chance_is_a_token(value: str) -> None:
    veil = Veil({})
    veil.learn_cookies([("sid", value)])
    assert is_token(value)
    assert veil.text(f"<b>{value}</b>") == "<b>{cookie:sid}</b>"


@pytest.mark.parametrize(
    "value",
    ["1", "true", "2024-01-01T00:00:00Z", "20240101T000000Z", "the-great-book-of-2024", "GA1.2.1234567890.16000"],
)
def test_what_pages_may_hold_by_themselves_is_no_token(value: str) -> None:
    assert not is_token(value)


def test_only_so_many_values_of_cookies_are_remembered() -> None:
    veil = Veil({})
    values = [f"{at:04x}aB3dE5fG7hI9jK1l" for at in range(200)]
    veil.learn_cookies([("sid", value) for value in values])
    assert veil.text(" ".join(values)).count("{cookie:sid}") == 64


# -- bodies on their way -----------------------------------------------------------------------------------


def made(folder: Path, data: bytes, step: int) -> Body:
    body = Body(folder)
    for at in range(0, len(data), step):
        body.append(data[at : at + step])
    return body


def bytes_of(body: bytes | Slice) -> bytes:
    return body if isinstance(body, bytes) else body.path.read_bytes()[body.offset : body.offset + body.count]


def test_a_large_text_is_searched_as_a_whole_and_its_length_is_right(tmp_path: Path) -> None:
    data = b"x" * 1_500_000 + b"s3cret-key-1" + b"y" * 10
    fields = (("Content-Length", str(len(data))), ("Content-Type", "text/plain"), ("Repr-Digest", "x"))
    body = made(tmp_path, data, 100_000)
    kept, found = body.hidden(Veil({"env:K": "s3cret-key-1"}), fields, is_part=False, whole=True)
    assert bytes_of(found) == data.replace(b"s3cret-key-1", b"{env:K}")
    assert kept == (("Content-Length", str(len(data) - 5)), ("Content-Type", "text/plain"))
    body.discard()
    assert [*tmp_path.iterdir()] == []


def test_of_a_body_that_was_cut_as_much_is_lacking_as_was(tmp_path: Path) -> None:
    body = made(tmp_path, b"a s3cret-key-1", 5)
    kept, found = body.hidden(Veil({"env:K": "s3cret-key-1"}), (("content-length", "20"),), is_part=False, whole=False)
    assert (kept, found) == ((("content-length", "15"),), b"a {env:K}")


@pytest.mark.parametrize("shift", range(-14, 3))
def test_what_is_no_text_keeps_its_length_wherever_the_pieces_end(
    shift: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_STEP", 1000)
    monkeypatch.setattr(bodies, "IN_MEMORY", 100)
    at = 2000 + shift
    data = b"\0" * at + b"s3cret-key-1" + b"\0" * 3000
    kept, found = made(tmp_path, data, 700).hidden(
        Veil({"env:K": "s3cret-key-1"}), (("Digest", "x"), ("Content-Length", "1")), is_part=False, whole=True
    )
    assert bytes_of(found) == b"\0" * at + b"{env:K}~~~~~" + b"\0" * 3000
    assert kept == (("Content-Length", "1"),)


def test_a_part_of_a_body_keeps_its_length(tmp_path: Path) -> None:
    body = made(tmp_path, b"a s3cret-key-1 b", 5)
    _, found = body.hidden(Veil({"env:K": "s3cret-key-1"}), (), is_part=True, whole=True)
    assert found == b"a {env:K}~~~~~ b"
