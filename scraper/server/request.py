"""A request as routes see it, and what a server remembers between requests.

Everything is computed when it is asked for: most routes look at one parameter and nothing else.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from scraper.server.http1 import Head
from scraper.server.line import Line
from scraper.server.multipart import Part, parse_multipart
from scraper.server.refusal import BadRequest

T = TypeVar("T")


class Fields:
    """Pairs that answer like a mapping: `get` gives the first of a name, `all` gives them all.

    With `fold`, names are compared without case, as header names are.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]] = (), fold: bool = False) -> None:
        self.pairs = tuple(pairs)
        self._fold = fold

    def get(self, name: str, default: str = "") -> str:
        """The first value of `name`, or `default`."""
        return next(iter(self.all(name)), default)

    def all(self, name: str) -> list[str]:
        """Every value of `name`, in order."""
        if self._fold:
            return [value for key, value in self.pairs if key.lower() == name.lower()]
        return [value for key, value in self.pairs if key == name]

    def number(self, name: str, default: int) -> int:
        """The first value of `name` as a whole number not below 0; raises BadRequest(400) for anything
        else."""
        text = self.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise BadRequest(400, f"{name} is not a number")
        return int(text)

    def lists(self) -> dict[str, Any]:
        """Names and values; a list where a name came more than once."""
        found = {name: self.all(name) for name, _ in self.pairs}
        return {name: values[0] if len(values) == 1 else values for name, values in found.items()}

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))

    def __getitem__(self, name: str) -> str:
        if name not in self:
            raise KeyError(name)
        return self.get(name)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        return f"Fields({list(self.pairs)!r})"


class Memory:
    """What one server keeps between requests, by class: `memory.kept(Posts)` makes a Posts at its first
    asking."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._kept: dict[Any, Any] = {}
        self._lock = threading.Lock()

    def kept(self, make: Callable[[], T]) -> T:
        """The one that `make` made for this server."""
        with self._lock:
            if make not in self._kept:
                self._kept[make] = make()
            found: T = self._kept[make]
            return found

    def close(self) -> None:
        """Close what was kept and can be closed."""
        with self._lock:
            for kept in self._kept.values():
                getattr(kept, "close", lambda: None)()
            self._kept.clear()


@dataclass(frozen=True)
class Request:
    """One request, whole. `client` is the peer's address and port; `server_url` has no trailing slash. `line` is the
    connection, for an answer that begins before it is returned; None where there is none."""

    head: Head
    body: bytes = b""
    client: tuple[str, int] = ("", 0)
    server_url: str = ""
    memory: Memory = field(default_factory=Memory)
    line: Line | None = None
    struck: frozenset[str] = frozenset()
    """The names of the faults that spoil the answer, so that whoever asked may well ask again."""

    @property
    def method(self) -> str:
        """In capitals, as sent."""
        return self.head.method

    @property
    def target(self) -> str:
        """The request target as sent."""
        return self.head.target.raw

    @property
    def path(self) -> str:
        """The path, decoded once."""
        return self.head.target.path

    @cached_property
    def query(self) -> Fields:
        """The parameters of the query, decoded."""
        return Fields(_urlencoded(self.head.target.query))

    @cached_property
    def headers(self) -> Fields:
        """The header fields; names fold case."""
        return Fields(self.head.fields, fold=True)

    @cached_property
    def cookies(self) -> dict[str, str]:
        """Names and values of the Cookie field; of two with one name, the first (RFC 6265 section 5.4 sorts
        so)."""
        crumbs = "; ".join(self.headers.all("cookie")).split(";")
        pairs = [crumb.strip().partition("=") for crumb in crumbs if "=" in crumb]
        return {name: value for name, _, value in reversed(pairs)}

    @property
    def base(self) -> str:
        """`http://host:port` as the client wrote it, for absolute URLs in answers; https where that is spoken."""
        host = self.head.target.authority or self.headers.get("host")
        scheme = "https" if self.server_url.startswith("https:") else "http"
        return f"{scheme}://{host}" if host else self.server_url

    @property
    def url(self) -> str:
        """The URL that was asked for."""
        return self.base + self.target if self.target.startswith("/") else self.target

    @property
    def content_type(self) -> str:
        """The media type of the body, in lower case, without parameters."""
        return self.headers.get("content-type").partition(";")[0].strip().lower()

    @property
    def is_form(self) -> bool:
        """Whether the body is a form, by its type."""
        return self.content_type in ("application/x-www-form-urlencoded", "multipart/form-data")

    def form(self) -> Fields:
        """The plain fields of a form, urlencoded or multipart; none for another type."""
        if self.content_type == "application/x-www-form-urlencoded":
            return Fields(_urlencoded(self.body.decode("utf-8", "replace")))
        parts = [part for part in self._parts() if part.filename is None]
        return Fields((part.name, part.data.decode("utf-8", "replace")) for part in parts)

    def files(self) -> list[Part]:
        """The files of a multipart form."""
        return [part for part in self._parts() if part.filename is not None]

    def json(self) -> Any:
        """The body as JSON; raises BadRequest(400) where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as fault:
            raise BadRequest(400, "the body is not JSON") from fault

    def kept(self, make: Callable[[], T]) -> T:
        """What the server keeps of this class, made at its first asking."""
        return self.memory.kept(make)

    def wait(self, seconds: float) -> bool:
        """Do nothing for so long; true where the server is closing meanwhile."""
        return self.memory.stopping.wait(seconds)

    def _parts(self) -> list[Part]:
        if self.content_type != "multipart/form-data":
            return []
        return parse_multipart(self.body, self.headers.get("content-type"))


def _urlencoded(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=1000)
    except ValueError as fault:
        raise BadRequest(400, "too many parameters") from fault
