"""What the records of a WARC say, put together into exchanges. Pure.

    request  <- WARC-Concurrent-To, either way ->  response | revisit | resource
    request  <- WARC-Concurrent-To ------------    failure (a `metadata` record of ours)
    revisit  -- the response it refers to: by record, by URL and date, by digest

Where no link says so, a request belongs to the answer beside it that has its URL. An answer without one was asked
by GET; a request without an answer or failure tells of an exchange that was never over, and is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from scraper.tape.taken import Answered, Asked, Failure, Taken

__all__ = ["Refers", "Request", "Response", "Trouble", "exchanges"]

_HOPS = 8  # revisits that refer to revisits


@dataclass(slots=True)
class Request:
    """A `request` record: where it stands among the records, its id, what it is concurrent to."""

    place: int
    id: str
    to: Sequence[str]
    asked: Asked


@dataclass(frozen=True, slots=True)
class Refers:
    """To what a `revisit` record refers; what it does not tell is empty or None."""

    id: str = ""
    url: str = ""
    when: datetime | None = None


@dataclass(slots=True)
class Response:
    """An answer.

    Attributes:
        answered: None for a revisit that holds no head of its own; its body is empty in any revisit.
        digest: of the payload, as the record has it.
        short: whether the body is shorter than its Content-Length says, as an answer to HEAD may be.
    """

    place: int
    id: str
    to: Sequence[str]
    url: str
    when: datetime
    answered: Answered | None
    digest: str = ""
    refers: Refers | None = None
    short: bool = False


@dataclass(slots=True)
class Trouble:
    """A failure, and what was asked if its request is missing."""

    place: int
    to: Sequence[str]
    asked: Asked
    when: datetime
    failure: Failure


@dataclass(slots=True)
class _Exchange:
    place: int
    when: datetime
    asked: Asked
    answered: Answered | None = None
    failure: Failure | None = None


def exchanges(
    requests: Iterable[Request], responses: Sequence[Response], troubles: Iterable[Trouble], warnings: list[str]
) -> list[Taken]:
    """The exchanges, in the order of their answers or failures; `warnings` gets what could not be resolved."""
    links = _Links(requests)
    originals = _Originals(responses)
    found: list[_Exchange] = []
    by_request: dict[str, _Exchange] = {}
    for response in responses:
        answered = originals.resolve(response)
        if answered is None:
            warnings.append(f"what the revisit of {response.url} refers to is not in it")
            continue
        request = links.of(response)
        asked = Asked("GET", response.url) if request is None else replace(request.asked, url=response.url)
        if response.short and asked.method != "HEAD":
            answered = replace(answered, whole=False)
        found.append(_Exchange(response.place, response.when, asked, answered))
        if request is not None:
            by_request[request.id] = found[-1]
    for trouble in troubles:
        exchange = next((by_request[one] for one in trouble.to if one in by_request), None)
        if exchange is None:
            known = links.first(trouble.to)
            asked = trouble.asked if known is None else replace(known.asked, url=trouble.asked.url)
            exchange = _Exchange(trouble.place, trouble.when, asked)
            found.append(exchange)
        exchange.place = min(exchange.place, trouble.place)
        exchange.failure = trouble.failure
    found.sort(key=lambda one: one.place)
    return [Taken(one.asked, one.answered, one.failure, one.when) for one in found]


class _Links:
    """Finds the request of an answer."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._by_id: dict[str, Request] = {}
        self._by_target: dict[str, Request] = {}
        self._loose: dict[int, Request] = {}
        for request in requests:
            self._by_id[request.id] = request
            self._by_target.update(dict.fromkeys(request.to, request))
            if not request.to:
                self._loose[request.place] = request

    def first(self, ids: Iterable[str]) -> Request | None:
        return next((self._by_id[one] for one in ids if one in self._by_id), None)

    def of(self, response: Response) -> Request | None:
        found = self.first(response.to) or self._by_target.get(response.id)
        if found is not None:
            self._loose.pop(found.place, None)
            return found
        for place in (response.place - 1, response.place + 1):
            beside = self._loose.get(place)
            if beside is not None and beside.asked.url == response.url:
                return self._loose.pop(place)
        return None


class _Originals:
    """Finds what a revisit refers to."""

    def __init__(self, responses: Iterable[Response]) -> None:
        self._by_id: dict[str, Response] = {}
        self._by_place: defaultdict[tuple[str, datetime], list[Response]] = defaultdict(list)
        self._by_digest: defaultdict[str, list[Response]] = defaultdict(list)
        for one in responses:
            self._by_id[one.id] = one
            if one.refers is None:
                self._by_place[one.url, one.when].append(one)
                if one.digest:
                    self._by_digest[one.digest].append(one)

    def resolve(self, response: Response) -> Answered | None:
        """The answer with its body; None where a revisit's is not to be found."""
        own = response.answered
        if response.refers is None or (own is not None and own.status == 304):
            return own
        found = self._original(response, response.refers)
        if found is None or found.answered is None:
            return None
        return replace(found.answered if own is None else own, body=found.answered.body, whole=found.answered.whole)

    def _original(self, response: Response, refers: Refers) -> Response | None:
        linked = self._by_id.get(refers.id)
        for _ in range(_HOPS):
            if linked is None or linked.refers is None:
                break
            linked = self._by_id.get(linked.refers.id)
        if linked is not None and linked.refers is None:
            return linked
        if refers.when is not None:
            same = self._by_place.get((refers.url or response.url, refers.when), [])
            for one in sorted(same, key=lambda one: one.digest != response.digest):
                return one
        for one in sorted(self._by_digest.get(response.digest, []), key=lambda one: one.url != response.url):
            return one
        return None
