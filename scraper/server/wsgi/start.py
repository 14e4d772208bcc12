"""What an application says of its answer, judged before it goes anywhere (PEP 3333, start_response).

Headers that speak of the connection are refused, for they are the server's own word. `Proxy-Authenticate`, which
PEP 3333 counts among them, is not: RFC 9110 section 7.6.1 no longer does, and a test of clients may want a 407.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from scraper.server.answers import FileSlice, Pairs, Response

_STATUS = re.compile(r"([2-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?", re.ASCII)  # 1xx are no answers
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_CONNECTION = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailers", "transfer-encoding", "upgrade"}
)


class Start:
    """Status, reason and headers as start_response got them; raises ValueError for what is not fit.

    `length` is the Content-Length among them, None where there is none.
    """

    def __init__(self, status: Any, headers: Iterable[tuple[Any, Any]]) -> None:
        match = _STATUS.fullmatch(status) if isinstance(status, str) else None
        if not match:
            raise ValueError(f"{status!r} is no status of an answer, such as '200 OK'")
        self.status, self.reason = int(match[1]), match[2] or ""
        fields = tuple((name, value) for name, value in headers)
        for name, value in fields:
            _check(name, value)
        self.length = _length(fields)
        silent = self.status == 204  # RFC 9110 section 8.6: then no length is told
        self.fields: Pairs = tuple(one for one in fields if not (silent and one[0].lower() == "content-length"))

    def response(
        self, body: bytes = b"", stream: Iterable[bytes] | None = None, file: FileSlice | None = None
    ) -> Response:
        """The answer, with one of the bodies."""
        return Response(self.status, self.fields, body, stream, file, self.reason)


def _check(name: Any, value: Any) -> None:
    if not (isinstance(name, str) and isinstance(value, str) and _NAME.fullmatch(name) and _VALUE.fullmatch(value)):
        raise ValueError(f"the header {name!r}: {value!r} is not fit: a name, and a value in Latin-1 without controls")
    if name.lower() in _CONNECTION:
        raise ValueError(f"the header {name} is the server's own; an application must not send it (PEP 3333)")


def _length(fields: Pairs) -> int | None:
    lengths = [value.strip() for name, value in fields if name.lower() == "content-length"]
    if not lengths:
        return None
    if len(lengths) > 1 or not re.fullmatch("[0-9]{1,18}", lengths[0]):
        raise ValueError(f"Content-Length {', '.join(lengths)!r} is not one number")
    return int(lengths[0])
