"""httpbin on the bundled server and under gunicorn: curl's requests get the same answers.

What differs must stand in docs/compared.md, and nothing stands there that does not differ.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.server.compared import Difference, compare, listed, python, rows, running

CURL = shutil.which("curl")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CURL is None, reason="curl is not installed")]

# curl's arguments, {} for the server's URL.
REQUESTS = {
    "get": ["{}/get?a=1&a=2&b=%20%26"],
    "post": ["-d", "a=1&b=%C3%BC", "{}/post"],
    "put": ["-X", "PUT", "-H", "Content-Type: application/json", "-d", '{"a": [1]}', "{}/put"],
    "patch": ["-X", "PATCH", "-d", "x", "{}/patch"],
    "delete": ["-X", "DELETE", "{}/delete"],
    "head": ["-I", "{}/get"],
    "options": ["-X", "OPTIONS", "{}/get"],
    "form with a file": ["-F", "a=1", "-F", "f=@-;filename=x.txt", "{}/post"],
    "chunked": ["-H", "Transfer-Encoding: chunked", "-d", "a=1", "{}/post"],
    "100-continue": ["-H", "Expect: 100-continue", "-d", "a=1", "{}/post"],
    "headers": ["-H", "X-Twice: 1", "-H", "X-Twice: 2", "-H", "X-Empty;", "{}/headers"],
    "underscore": ["-H", "X_Under: 1", "{}/headers"],
    "latin-1": ["-H", "X-Raw: caf\u00e9", "{}/headers"],
    "ip": ["{}/ip"],
    "user-agent": ["-A", "one/2", "{}/user-agent"],
    "anything": ["-X", "PUT", "-d", "x=1", "{}/anything/a%2Fb/caf%C3%A9?q=%FF"],
    "wrong method": ["-X", "POST", "{}/get"],
    "nothing there": ["{}/nothing"],
    "status/418": ["{}/status/418"],
    "status/204": ["{}/status/204"],
    "status/304": ["{}/status/304"],
    "status/407": ["{}/status/407"],
    "redirect/3": ["-L", "{}/redirect/3"],
    "relative-redirect": ["-L", "{}/relative-redirect/2"],
    "absolute-redirect": ["{}/absolute-redirect/2"],
    "cookies/set": ["-L", "-b", "old=1", "{}/cookies/set?a=1&b=2"],
    "cookies": ["-b", "a=1; b=2", "{}/cookies"],
    "basic-auth": ["-u", "u:p", "{}/basic-auth/u/p"],
    "basic-auth wrong": ["-u", "u:x", "{}/basic-auth/u/p"],
    "digest-auth": ["--digest", "-u", "u:p", "{}/digest-auth/auth/u/p/MD5"],
    "digest-auth wrong": ["--digest", "-u", "u:x", "{}/digest-auth/auth/u/p/SHA-256"],
    "bearer": ["-H", "Authorization: Bearer t", "{}/bearer"],
    "bearer without": ["{}/bearer"],
    "gzip": ["--compressed", "{}/gzip"],
    "deflate": ["--compressed", "{}/deflate"],
    "brotli": ["--compressed", "{}/brotli"],
    "stream/5": ["{}/stream/5"],
    "stream-bytes": ["{}/stream-bytes/5000?seed=3&chunk_size=700"],
    "bytes": ["{}/bytes/1024?seed=1"],
    "range": ["-r", "100-199", "{}/range/1024"],
    "range whole": ["{}/range/1024"],
    "range unsatisfiable": ["-r", "5000-", "{}/range/1024"],
    "drip": ["{}/drip?duration=0.1&numbytes=5&delay=0&code=200"],
    "delay/0": ["{}/delay/0"],
    "etag": ["{}/etag/abc"],
    "etag known": ["-H", 'If-None-Match: "abc"', "{}/etag/abc"],
    "etag not matched": ["-H", 'If-Match: "x"', "{}/etag/abc"],
    "cache": ["{}/cache"],
    "cache known": ["-H", "If-None-Match: x", "{}/cache"],
    "cache/60": ["{}/cache/60"],
    "response-headers": ["{}/response-headers?X-A=1&X-A=2&Server=other"],
    "encoding/utf8": ["{}/encoding/utf8"],
    "image/png": ["{}/image/png"],
    "links/5/0": ["{}/links/5/0"],
    "html": ["{}/html"],
    "xml": ["{}/xml"],
    "json": ["{}/json"],
    "robots.txt": ["{}/robots.txt"],
    "deny": ["{}/deny"],
    "uuid": ["{}/uuid"],
    "base64": ["{}/base64/SFRUUEJJTiBpcyBhd2Vzb21l"],
    "forms": ["{}/forms/post"],
    "static file": ["{}/static/favicon.ico"],
    "HTTP/1.0": ["-0", "{}/stream/2"],
    "two on one connection": ["{}/stream/2", "{}/get"],
}  # fmt: skip
"""Names of requests, and what curl is given for each."""

# What is another one each time, or a server's own name.
_MOVES = [
    (rb"(?im)^date: .*\r\n", b""),
    (rb"(?im)^server: (scraper|gunicorn.*)\r\n", b""),
    (rb"127\.0\.0\.1:\d+", b"HOST"),
    (rb'("uuid": ")[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"', rb'\1UUID"'),
    (rb"------------------------[0-9a-f]+", b"BOUNDARY"),
    (rb'(nonce|opaque|cnonce|response)=(\\?")?[0-9a-f]+(\\?")?', rb"\1=RANDOM"),
    (rb"(?im)^(last-modified|etag): ([A-Z][a-z]{2}, .* GMT|[0-9a-f]{32})\r\n", rb"\1: TOLD\r\n"),
]
_HEAD = re.compile(rb"HTTP/1\.[01] \d{3} .*?\r\n\r\n", re.DOTALL)


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[str, str]]:
    """Ours and gunicorn's URL, both with httpbin; sets of strings have one order in both."""
    url, environment = r"http://127\.0\.0\.1:\d+", {**os.environ, "PYTHONHASHSEED": "0"}
    ours = python("scraper", "serve", "--port", "0", "--wsgi", "httpbin:app")
    theirs = python(
        "gunicorn", "--bind", "127.0.0.1:0", "--worker-class", "gthread", "--threads", "4", "httpbin:app"
    )  # fmt: skip
    with running(ours, url, "stdout", env=environment) as one, running(theirs, url, "stderr", env=environment) as other:
        yield one, other


def ask(url: str, name: str) -> list[dict[str, str]]:
    """What curl got: each answer's status line, headers and body."""
    arguments = [part.replace("{}", url, 1) if part.startswith("{}/") else part for part in REQUESTS[name]]
    command = [str(CURL), "--silent", "--show-error", "--max-time", "20", "--include", *arguments]
    done = subprocess.run(command, input=b"the file", capture_output=True, check=True)
    return list(taken_apart(done.stdout))


def taken_apart(raw: bytes) -> Iterator[dict[str, str]]:
    packed = b"\r\nContent-Encoding:" in raw  # then its length tells of the port's digits
    for pattern, replacement in _MOVES:
        raw = re.sub(pattern, replacement, raw)
    heads = list(_HEAD.finditer(raw))
    for head, after in zip(heads, [*(head.start() for head in heads[1:]), len(raw)], strict=True):
        status, *fields = head[0].decode("latin-1").strip().split("\r\n")
        answer = {"status": status, "body": raw[head.end() : after].decode("latin-1")}
        for name, _, value in (field.partition(": ") for field in fields):
            answer[name] = f"{answer[name]}, {value}" if name in answer else value
        yield {what: text for what, text in answer.items() if not (packed and what == "Content-Length")}


def differences(servers: tuple[str, str], name: str) -> Iterator[Difference]:
    """What differs in any of the answers to a request; of bodies the lines that only one has."""
    ours, theirs = (ask(url, name) for url in servers)
    assert len(ours) == len(theirs)
    for here, there in zip(ours, theirs, strict=True):
        for one in compare(name, here, there):
            yield Difference(name, "body", *lines(one.here, one.there)) if one.what == "body" else one


def lines(here: str, there: str) -> tuple[str, str]:
    """The lines that are only in one of two texts."""
    found = list(difflib.ndiff(here.splitlines(), there.splitlines()))
    return tuple(" ".join(line[2:].strip() for line in found if line[0] == sign) for sign in "-+")  # type: ignore[return-value]


def test_httpbin_answers_as_under_gunicorn_but_for_what_the_document_tells(servers: tuple[str, str]) -> None:
    known = listed("Compared with gunicorn", REQUESTS)

    found = {one for name in REQUESTS for one in differences(servers, name)}

    assert not found - known, rows(found - known)
    assert not known - found, rows(known - found)
