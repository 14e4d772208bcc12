"""The one way in which a request is refused: a status, a reason for a person, and the fields that belong to
it."""

from __future__ import annotations


class BadRequest(Exception):  # noqa: N818 - a word of HTTP, as its statuses are
    """A request that is answered with an error status.

    Raised by the request reader (then the connection closes, for nobody knows where the next request begins)
    and by routes and static files (then it is an answer like any other).

    `status` is 400 to 599, `reason` one line in ASCII, `headers` pairs for the answer, such as Allow for 405.
    """

    def __init__(self, status: int, reason: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"
