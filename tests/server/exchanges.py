"""Two hundred requests that servers of files are asked alike, as bytes, and what came back.

In a request `{etag}` and `{modified}` stand for what the server itself told of /ok.txt before; `{later}` and
`{earlier}` are an hour off.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from itertools import product
from pathlib import Path

MODIFIED = 1_767_323_045
_PORTION = 64  # characters of a body that are shown as they are


@dataclass(frozen=True)
class Exchange:
    """A request: its name in tables, and its bytes with the places of {etag} and the like."""

    name: str
    raw: str
    whole: bool = True

    @property
    def method(self) -> str:
        return self.raw.partition(" ")[0]

    def bytes(self, known: dict[str, str]) -> bytes:
        """For a server whose validators are known; followed by another request, unless it is not whole itself."""
        text = self.raw + (NEXT if self.whole else "")
        for name, value in known.items():
            text = text.replace("{" + name + "}", value)
        return text.encode("latin-1")


@dataclass(frozen=True)
class Came:
    """What a server answered: status, headers with names in lower case, the body, and whether it answered another
    request on that connection."""

    status: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stays: bool = False


def make_folder(root: Path) -> None:
    """The files that are asked for; all of one time."""
    text = "".join(f"{number:03}\n" for number in range(250)).encode("ascii")
    names = (
        "ok.txt",
        "empty.txt",
        "page.html",
        "picture.png",
        "noextension",
        "a b.txt",
        "caf\u00e9.txt",
        "plus+sign.txt",
    )
    more = ("percent%41.txt", ".hidden", "sub/index.html", "list/one.txt", "list/.two", "semi;colon.txt", "UPPER.TXT")
    for name in names + more:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name == "empty.txt" else text)
    (root / "big.bin").write_bytes(text * 300)
    (root / "link.txt").symlink_to("ok.txt")
    for path in [*root.rglob("*"), root]:
        os.utime(path, (MODIFIED, MODIFIED), follow_symlinks=False)


def exchanges() -> Iterator[Exchange]:
    """All of them; names are different and hold no comma with a space."""
    yield from _methods()
    yield from _ranges()
    yield from _conditions()
    yield from _paths()
    yield from _broken()


def request(target: str, *fields: str, method: str = "GET", version: str = "HTTP/1.1", host: str = "localhost") -> str:
    return "\r\n".join([f"{method} {target} {version}", f"Host: {host}", *fields, "", ""])


NEXT = request("/ok.txt", "Connection: close")  # answered where the connection was kept


def _methods() -> Iterator[Exchange]:
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "X" * 40, "G=T")
    for method, target in product(methods, ("/ok.txt", "/nothing")):
        yield Exchange(f"{method if len(method) < 20 else 'X x 40'} {target}", request(target, method=method))
    yield Exchange("OPTIONS *", request("*", method="OPTIONS"))
    yield Exchange("GET *", request("*"))
    yield Exchange("CONNECT localhost:80", request("localhost:80", method="CONNECT"))
    yield Exchange("POST with a body", request("/ok.txt", "Content-Length: 3", method="POST") + "abc")
    yield Exchange("GET with a body", request("/ok.txt", "Content-Length: 3") + "abc")
    yield Exchange(
        "GET with a chunked body", request("/ok.txt", "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n"
    )


def _ranges() -> Iterator[Exchange]:
    for value in (
        "bytes=0-0", "bytes=0-99", "bytes=10-", "bytes=-1", "bytes=-1000", "bytes=-5000", "bytes=999-999", "bytes=999-",
        "bytes=1000-", "bytes=1000-2000", "bytes=0-999", "bytes=0-5000", "bytes=5-4", "bytes=-0", "bytes=-", "bytes=",
        "bytes", "bytes=a-b", "bytes=0x0-5", "bytes=+1-5", "bytes= 1-5", "bytes =1-5", "bytes=1 -5", "bytes=1- 5",
        "bytes=1-5 ", "BYTES=1-5", "octets=1-5", "items=0-1", "bytes=0-1,2-3", "bytes=0-1,,5-6", "bytes=,1-5",
        "bytes=1-5,", "bytes=0-1,5000-", "bytes=5000-,6000-", "bytes=0-1,x", "bytes=0-9,5-15", "bytes=0-,0-,0-",
        "bytes=1-5;q=1", "bytes=00-05", "bytes=99999999999999999999-", "bytes=0-99999999999999999999",
        "bytes=-99999999999999999999", "bytes=" + ",".join(["0-0"] * 100),
    ):  # fmt: skip
        name = value if len(value) < 60 else "bytes=0-0 x 100"
        yield Exchange(f"Range: {name}".rstrip() + (" and a space" if value.endswith(" ") else ""),
                       request("/ok.txt", f"Range: {value}"))  # fmt: skip
    for target, value in product(("/empty.txt", "/big.bin"), ("bytes=0-", "bytes=-5", "bytes=0-0")):
        yield Exchange(f"{target} Range: {value}", request(target, f"Range: {value}"))
    yield Exchange("HEAD Range: bytes=0-9", request("/ok.txt", "Range: bytes=0-9", method="HEAD"))
    yield Exchange("HEAD Range: bytes=5000-", request("/ok.txt", "Range: bytes=5000-", method="HEAD"))
    yield Exchange("two Range fields", request("/ok.txt", "Range: bytes=0-9", "Range: bytes=20-29"))
    yield Exchange("Range of a list", request("/list/", "Range: bytes=0-9"))
    yield Exchange("Range of nothing", request("/nothing", "Range: bytes=0-9"))


def _conditions() -> Iterator[Exchange]:
    tags = ("{etag}", '"other"', "W/{etag}", "*", '"other",{etag}', "unquoted", '"', "")
    dates = ("{modified}", "{later}", "{earlier}", "Friday, 02-Jan-26 03:04:05 GMT", "Fri Jan  2 03:04:05 2026", "soon")
    for name in ("If-None-Match", "If-Match"):
        for tag in tags:
            yield Exchange(f"{name}: {tag}".rstrip(), request("/ok.txt", f"{name}: {tag}"))
    for name in ("If-Modified-Since", "If-Unmodified-Since"):
        for date in dates:
            yield Exchange(f"{name}: {date.replace(', ', ' ')}", request("/ok.txt", f"{name}: {date}"))
    for value in ("{etag}", '"other"', "W/{etag}", "{modified}", "{later}", "{earlier}", "soon"):
        yield Exchange(f"Range with If-Range: {value}", request("/ok.txt", "Range: bytes=0-9", f"If-Range: {value}"))
    for one, other in (
        ('If-None-Match: "other"', "If-Modified-Since: {modified}"),
        ("If-None-Match: {etag}", "If-Modified-Since: {earlier}"),
        ("If-Match: {etag}", "If-Unmodified-Since: {earlier}"),
        ('If-Match: "other"', "If-Unmodified-Since: {modified}"),
        ("If-Match: {etag}", "If-None-Match: {etag}"),
        ('If-Match: "other"', "If-None-Match: {etag}"),
        ("If-None-Match: {etag}", "Range: bytes=0-9"),
        ("If-None-Match: {etag}", "Range: bytes=5000-"),
        ('If-Match: "other"', "Range: bytes=5000-"),
        ("If-Modified-Since: {modified}", "Range: bytes=0-9"),
        ("If-Unmodified-Since: {earlier}", "Range: bytes=0-9"),
    ):
        yield Exchange(f"{one} with {other}", request("/ok.txt", one, other))
    yield Exchange("HEAD If-None-Match: {etag}", request("/ok.txt", "If-None-Match: {etag}", method="HEAD"))
    yield Exchange(
        "HEAD If-Modified-Since: {modified}", request("/ok.txt", "If-Modified-Since: {modified}", method="HEAD")
    )
    yield Exchange('HEAD If-Match: "other"', request("/ok.txt", 'If-Match: "other"', method="HEAD"))
    yield Exchange("two If-None-Match fields", request("/ok.txt", "If-None-Match: {etag}", 'If-None-Match: "other"'))
    yield Exchange("two If-Match fields", request("/ok.txt", 'If-Match: "other"', "If-Match: {etag}"))
    yield Exchange("/nothing If-None-Match: *", request("/nothing", "If-None-Match: *"))
    yield Exchange("/nothing If-Match: *", request("/nothing", "If-Match: *"))


def _paths() -> Iterator[Exchange]:
    for target in (
        "/", "/page.html", "/picture.png", "/noextension", "/UPPER.TXT", "/upper.txt", "/empty.txt", "/a%20b.txt",
        "/a+b.txt", "/caf%C3%A9.txt", "/caf%c3%a9.txt", "/caf%E9.txt", "/plus+sign.txt", "/plus%2Bsign.txt",
        "/percent%2541.txt", "/percent%41.txt", "/semi;colon.txt", "/semi%3Bcolon.txt", "/ok.txt?query=1", "/ok.txt?",
        "/ok.txt%3Fquery",
        "/ok.txt/", "/ok.txt%00", "/ok.txt%", "/ok.txt%4", "/ok.txt%zz", "/%6F%6B.txt", "/sub", "/sub/", "/sub?a=1",
        "/sub/index.html", "/list", "/list/", "/list/../ok.txt", "/list/%2E%2E/ok.txt", "/list/..%2Fok.txt",
        "/../ok.txt",
        "/../../etc/passwd", "/./ok.txt", "//ok.txt", "/list//one.txt", "/list%2Fone.txt", "/.hidden", "/list/.two",
        "/link.txt", "/ok.txt%20", "/list\\one.txt", "/list%5Cone.txt", "ok.txt", "http://localhost/ok.txt",
        "http://localhost", "https://localhost/ok.txt", "ftp://localhost/ok.txt", "http:///ok.txt", "/ok.txt#fragment",
        '/"', "/<a>", "/{a}", "/^", "/\u00e9", "/" + "a" * 300, "/" + "a" * 9000,
    ):  # fmt: skip
        shown = target if len(target) < 60 else f"/a x {len(target) - 1}"
        yield Exchange(f"GET {shown}", request(target))


def _broken() -> Iterator[Exchange]:
    good = "GET /ok.txt HTTP/1.1\r\nHost: localhost\r\n"
    for name, raw in {
        "HTTP/1.0": "GET /ok.txt HTTP/1.0\r\n\r\n",
        "HTTP/1.0 keep-alive": "GET /ok.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "HTTP/0.9": "GET /ok.txt\r\n",
        "HTTP/1.2": "GET /ok.txt HTTP/1.2\r\nHost: localhost\r\n\r\n",
        "HTTP/2.0": "GET /ok.txt HTTP/2.0\r\nHost: localhost\r\n\r\n",
        "http/1.1": "GET /ok.txt http/1.1\r\nHost: localhost\r\n\r\n",
        "HTTP/1.10": "GET /ok.txt HTTP/1.10\r\nHost: localhost\r\n\r\n",
        "no version number": "GET /ok.txt HTTP/\r\nHost: localhost\r\n\r\n",
        "a space in the target": "GET /ok .txt HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "two spaces": "GET  /ok.txt HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "a tab for a space": "GET\t/ok.txt HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "an empty line first": "\r\n" + good + "\r\n",
        "only LF": "GET /ok.txt HTTP/1.1\nHost: localhost\n\n",
        "a bare CR": "GET /ok.txt HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n",
        "a NUL in a field": good + "X: a\0b\r\n\r\n",
        "no Host": "GET /ok.txt HTTP/1.1\r\n\r\n",
        "an empty Host": "GET /ok.txt HTTP/1.1\r\nHost:\r\n\r\n",
        "two Hosts": good + "Host: other\r\n\r\n",
        "a Host that is none": "GET /ok.txt HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "a Host with a user": "GET /ok.txt HTTP/1.1\r\nHost: u@localhost\r\n\r\n",
        "a space before the colon": good + "X : a\r\n\r\n",
        "a folded field": good + "X: a\r\n b\r\n\r\n",
        "a field without a colon": good + "nothing\r\n\r\n",
        "a field without a name": good + ": a\r\n\r\n",
        "a name with a bracket": good + "X(: a\r\n\r\n",
        "a name with an underscore": good + "X_Y: a\r\n\r\n",
        "150 fields": good + "X: a\r\n" * 150 + "\r\n",
        "a field of 10 kB": good + f"X: {'a' * 10_000}\r\n\r\n",
        "fields of 100 kB": good + f"X: {'a' * 5000}\r\n" * 20 + "\r\n",
        "a length that is no number": good + "Content-Length: x\r\n\r\n",
        "a negative length": good + "Content-Length: -1\r\n\r\n",
        "two lengths": good + "Content-Length: 0\r\nContent-Length: 1\r\n\r\n",
        "the same length twice": good + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "a length and chunked": good + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "an unknown coding": good + "Transfer-Encoding: gzip\r\n\r\n",
        "chunked in HTTP/1.0": "GET /ok.txt HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "a chunk that is no number": good + "Transfer-Encoding: chunked\r\n\r\nx\r\n",
        "Expect: 100-continue": good + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        "Expect: other": good + "Expect: other\r\n\r\n",
        "Connection: close": good + "Connection: close\r\n\r\n",
    }.items():
        yield Exchange(name, raw)
    yield Exchange("an unfinished head", good, whole=False)


def read(raw: bytes, method: str) -> Came:
    """The answer at the beginning of what a server sent, interim ones left out."""
    raw = re.sub(rb"^(HTTP/1\.1 1\d\d [^\r]*\r\n(?:[^\r]+\r\n)*\r\n)+", b"", raw)
    if not raw.startswith(b"HTTP/"):
        return Came("no head" if raw else "closed", {}, raw)
    head, _, rest = raw.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    pairs = (one.partition(": ") for one in fields)
    headers = {name.lower(): value for name, _, value in pairs}
    status = line.split(" ")[1]
    if method == "HEAD" or status in ("204", "304"):
        return Came(status, headers, b"", b"HTTP/1.1 200" in rest)
    if headers.get("transfer-encoding") == "chunked":
        body, rest = _dechunked(rest)
    else:
        size = int(headers.get("content-length", len(rest)))
        body, rest = rest[:size], rest[size:]
    return Came(status, headers, body, rest.startswith(b"HTTP/1.1 200"))


def _dechunked(raw: bytes) -> tuple[bytes, bytes]:
    body = b""
    while size := int(raw.partition(b"\r\n")[0], 16):
        start = raw.index(b"\r\n") + 2
        body, raw = body + raw[start : start + size], raw[start + size + 2 :]
    return body, raw.partition(b"\r\n\r\n")[2]


def validators(came: Came) -> dict[str, str]:
    """What {etag} and the like stand for, by the answer to HEAD /ok.txt."""
    modified = parsedate_to_datetime(came.headers["last-modified"]).timestamp()
    assert modified == MODIFIED
    times = {"modified": 0, "later": 3600, "earlier": -3600}
    return {
        "etag": came.headers["etag"],
        **{name: formatdate(modified + off, usegmt=True) for name, off in times.items()},
    }


def told(came: Came, known: dict[str, str]) -> dict[str, str]:
    """What two servers are held to. Error pages are each server's own words."""
    found = {"status": came.status, "stays": "yes" if came.stays else "no"}
    names: tuple[str, ...] = ("Content-Range", "Location", "Allow", "Last-Modified", "ETag", "WWW-Authenticate")
    if came.status[0] == "2":
        names += ("Content-Type", "Content-Length")
        found["body"] = _shown(came)
    if came.status == "200":
        names += ("Accept-Ranges",)
    for name in names:
        if name.lower() in came.headers:
            found[name] = came.headers[name.lower()].replace(known["etag"], "{etag}")
    found["Content-Type"] = re.sub("boundary=.*", "boundary=...", found.get("Content-Type", "-"))
    if "ETag" in found:
        found["ETag"] = "strong" if re.fullmatch(r'"[^"]+"|{etag}', found["ETag"]) else found["ETag"]
    if "Last-Modified" in found and "ETag" not in found:
        del found["Last-Modified"]  # of a list that is made on the way
    return found


def _shown(came: Came) -> str:
    links = re.findall(rb'<a href="([^"]*)"', came.body)
    if links:
        return " ".join(sorted(link.decode("ascii") for link in links))
    if came.headers.get("content-type", "").startswith("multipart/"):
        return f"{len(re.findall(rb'^Content-Range: ', came.body, re.MULTILINE))} parts"
    text = came.body.decode("latin-1").replace("\n", " ").strip()
    digest = hashlib.sha256(came.body).hexdigest()[:8]
    return text if len(text) < _PORTION else f"{len(came.body)} bytes ({digest})"
