"""WARC files for tests: made by hand, judged by warcio, cut at will."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from warcio.archiveiterator import ArchiveIterator
from warcio.checker import Checker

from scraper.tape.taken import Answered, Asked, Slice, Taken
from scraper.tape.warc import Tape

WHEN = datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=UTC)


def took(url: str = "http://h.test/a", body: bytes | Slice = b"hello", method: str = "GET", **more: object) -> Taken:
    """A plain exchange."""
    answered = Answered(200, "OK", (("Content-Type", "text/plain"),), body, **more)  # type: ignore[arg-type]
    return Taken(Asked(method, url, (("Host", "h.test"),)), answered, None, WHEN)


def check(path: Path) -> list[str]:
    """What `warcio check` finds wrong with a file: nothing, it is hoped."""
    checker = Checker(SimpleNamespace(inputs=[str(path)], verbose=False))
    return [] if checker.process_all() == 0 else [f"warcio check finds {path.name} wrong"]


def kinds(path: Path) -> list[str]:
    """The types of a file's records, as warcio reads them."""
    with path.open("rb") as file:
        return [record.rec_type for record in ArchiveIterator(file)]


def starts(path: Path) -> list[int]:
    """Where its records begin, as warcio reads them."""
    with path.open("rb") as file:
        records = ArchiveIterator(file)
        return [records.get_record_offset() for _ in records]


def read(path: Path) -> list[Taken]:
    """The exchanges of a tape, larger bodies in memory as well."""
    with Tape.open(path) as tape:
        return [loaded(one) for one in tape.takes]


def loaded(taken: Taken) -> Taken:
    """An exchange with its body in memory."""
    answered = taken.answered
    if answered is None or isinstance(answered.body, bytes):
        return taken
    return Taken(taken.asked, _with(answered, content(answered.body)), taken.failure, taken.when)


def content(body: bytes | Slice) -> bytes:
    """The bytes of a body, wherever it lies."""
    if isinstance(body, bytes):
        return body
    with body.path.open("rb") as file:
        file.seek(body.offset)
        return file.read(body.count)


def record(kind: str, block: bytes, url: str = "http://h.test/a", version: str = "1.0", **named: str) -> bytes:
    """A record made by hand: the fields that it needs, and those that are named (`WARC_Date=...`)."""
    fields = {"WARC-Type": kind, "WARC-Record-ID": "<urn:x>", "WARC-Date": "2026-11-21T12:30:15Z"}
    fields["WARC-Target-URI"] = url
    fields |= {name.replace("_", "-"): value for name, value in named.items()}
    fields["Content-Length"] = str(len(block))
    head = f"WARC/{version}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return head.encode() + b"\r\n" + block + b"\r\n\r\n"


def response(head: str, body: bytes = b"", **named: str) -> bytes:
    """A response record; `head` with bare line feeds, without its empty line."""
    return record("response", head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body, **named)


def _with(answered: Answered, body: bytes) -> Answered:
    return Answered(answered.status, answered.reason, answered.headers, body, answered.whole, answered.address)
