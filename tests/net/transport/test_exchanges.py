"""The protocol of net/transport.py: what a source is asked, what an exchange is told, and in which order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from scraper import errors
from scraper.net.outgoing import Wire
from scraper.server import Response, Server
from scraper.server.faults import read_faults

BIG = bytes(range(256)) * 4096  # 1 MiB


def test_head_pieces_and_end_come_in_order_and_once(carry: Any, server: Server) -> None:
    (one,) = carry(f"{server.url}/x")
    assert (one.told, one.result) == (["head", "piece", "done"], ("whole", 200, b"x"))


@pytest.mark.parametrize("status", [200, 204, 304])
def test_an_answer_without_a_body_has_no_pieces(status: int, answered: Any) -> None:
    one = answered(Response(status))
    assert (one.told, one.result) == (["head", "done"], ("whole", status, b""))


def test_a_large_body_comes_whole(answered: Any) -> None:
    one = answered(Response(200, {}, BIG))
    assert (one.told, one.body == BIG, len(one.pieces) > 1) == (["head", "piece", "done"], True, True)


def test_a_head_is_told_as_it_came(answered: Any) -> None:
    one = answered(Response(404, {"X-A": "1", "x-b": " two  blanks ", "Content-Type": "text/x; a=b"}, b"no"))
    found = {name: one.answer.headers[name] for name in ("x-a", "x-b", "content-type", "content-length")}
    assert found == {"x-a": "1", "x-b": "two  blanks", "content-type": "text/x; a=b", "content-length": "2"}
    assert (one.answer.reason, one.answer.address, one.answer.is_proxied) == ("Not Found", "127.0.0.1", False)


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_no_more_are_asked_for_than_may_be_in_flight(
    jobs: int, carry: Any, server: Server, order: Any, script: Any
) -> None:
    lock, most, now = threading.Lock(), [0], [0]

    def enter(answer: Any) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])

    def leave() -> None:
        with lock:
            now[0] -= 1

    orders = [order(f"{server.url}/{at}", at_head=enter, at_done=leave) for at in range(12)]
    source = script(orders)
    carry.drive(source, jobs=jobs)
    assert [one.body for one in orders] == [str(at).encode() for at in range(12)]
    assert (most[0] <= jobs, source.bugs) == (True, [])
    assert all(asked is None or 1 <= asked <= jobs for asked in source.asked)


def test_where_there_is_nothing_to_do_it_ends(carry: Any, script: Any) -> None:
    source = script([])
    carry.drive(source, jobs=3)
    assert source.bugs == []


class Late:
    """A source that has nothing at first, is asked again when it rings, and then says that this was all."""

    def __init__(self, orders: list[Any]) -> None:
        self._orders = orders
        self._ring = threading.Event()
        self._wake: Callable[[], None] = lambda: None
        self._is_over = False
        self.bugs: list[BaseException] = []

    def take(self, most: int) -> Sequence[Any] | None:
        if not self._ring.is_set():
            threading.Thread(target=self._rings).start()
            return []
        given, self._orders = self._orders[:most], self._orders[most:]
        return given or None

    def wait(self) -> Sequence[Any] | None:
        if not self._ring.is_set():
            self._rings()
            return []
        return [self._orders.pop()] if self._orders else None

    def _rings(self) -> None:
        self._ring.set()
        self._wake()

    def pause(self) -> float | None:
        return None

    def wake_by(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def failed_with(self, bug: BaseException) -> None:
        self.bugs.append(bug)


def test_a_source_that_has_nothing_yet_is_asked_again_when_it_rings(carry: Any, server: Server, order: Any) -> None:
    """Though nobody says how long that takes."""
    one = order(f"{server.url}/x")
    source = Late([one])
    carry.drive(source)
    assert (one.result, source.bugs) == (("whole", 200, b"x"), [])


# -- what an exchange says ---------------------------------------------------------------------------------


def refuse(*_: Any) -> None:
    raise errors.LengthError("http://h/", "not so")


def stumble(*_: Any) -> None:
    raise KeyError("a bug")


@pytest.mark.parametrize(("raises", "ending"), [(refuse, "failed:length"), (stumble, "KeyError")])
def test_what_head_raises_ends_the_exchange_and_no_other(
    raises: Any, ending: str, carry: Any, server: Server, order: Any
) -> None:
    told = carry(order(f"{server.url}/x", at_head=raises), f"{server.url}/y")
    assert [(one.told, one.ending) for one in told] == [
        (["head", "done"], ending),
        (["head", "piece", "done"], "whole"),
    ]


@pytest.mark.parametrize(("raises", "ending"), [(refuse, "failed:length"), (stumble, "KeyError")])
def test_what_piece_raises_ends_the_exchange_and_no_other(
    raises: Any, ending: str, carry: Any, server: Server, order: Any
) -> None:
    server.site.route("/big")(lambda request: BIG)
    told = carry(order(f"{server.url}/big", at_piece=raises), f"{server.url}/y")
    assert [(one.ending, len(one.pieces)) for one in told] == [(ending, 1), ("whole", 1)]
    assert told[1].body == b"y"


def test_a_bug_at_the_end_is_the_sources_affair(carry: Any, server: Server, order: Any, script: Any) -> None:
    source = script([order(f"{server.url}/x", at_done=stumble)])
    carry.drive(source)
    assert [type(bug) for bug in source.bugs] == [KeyError]


def test_a_small_body_that_nobody_wants_leaves_its_connection_to_the_next(
    carry: Any, server: Server, order: Any
) -> None:
    told = carry(order(f"{server.url}/x", wanted=False), f"{server.url}/y")
    assert [(one.told, one.body) for one in told] == [(["head", "done"], b""), (["head", "piece", "done"], b"y")]
    assert len({seen.port for seen in server.log}) == 1


def test_a_large_body_that_nobody_wants_is_not_read(carry: Any, server: Server, order: Any) -> None:
    server.site.route("/big")(lambda request: BIG * 16)
    told = carry(order(f"{server.url}/big", wanted=False), f"{server.url}/y")
    assert [(one.ending, one.body) for one in told] == [("whole", b""), ("whole", b"y")]
    assert told[0].told == ["head", "done"]


def test_a_body_that_nobody_wants_and_that_does_not_come_is_not_waited_for(
    carry: Any, server: Server, order: Any
) -> None:
    """Nowhere near as long as a server may be silent: the carrier of these tests would lose its patience."""
    stall(server)
    told = carry(order(f"{server.url}/x", wanted=False), http={"timeout": {"connect": 5, "read": 300}})
    assert told[0].result == ("whole", 200, b"")


def stall(server: Server) -> None:
    """Bodies of the server do not go on behind their fifth byte."""
    server.site.route("/x")(lambda request: b"begun, and no more")
    server.site.lay(read_faults([{"do": "stall", "at": 5}]))


@pytest.mark.parametrize("carry", ["curl"], indirect=True)
def test_what_becomes_unwanted_on_its_way_ends(carry: Any, server: Server, order: Any) -> None:
    """A transport of threads tells by its next piece, and there is none here."""
    stall(server)
    one = order(f"{server.url}/x")
    one._at_piece = lambda piece: setattr(one, "unwanted", errors.LengthError("http://h/", "enough"))
    carry(one, http={"timeout": {"connect": 5, "read": 300}})
    assert (one.ending, one.body) == ("failed:length", b"begun")


# -- connections -------------------------------------------------------------------------------------------


def test_a_connection_serves_again(carry: Any, server: Server) -> None:
    told = carry(*(f"{server.url}/{at}" for at in range(10)))
    assert [one.body for one in told] == [str(at).encode() for at in range(10)]
    assert len({seen.port for seen in server.log}) == 1


def test_a_connection_that_was_closed_meanwhile_costs_nothing(carry: Any, server: Server) -> None:
    server.site.route("/close")(lambda request: Response(200, {"Connection": "close"}, b"bye"))
    told = carry(f"{server.url}/close", f"{server.url}/y", f"{server.url}/close", f"{server.url}/z")
    assert [one.result for one in told] == [("whole", 200, body) for body in (b"bye", b"y", b"bye", b"z")]


def test_nobody_there(carry: Any, unused_port: int) -> None:
    (one,) = carry(f"http://127.0.0.1:{unused_port}/x")
    assert one.may_repeat == ("failed:connect", False, False)


def test_a_name_without_an_address(carry: Any) -> None:
    (one,) = carry("http://nowhere.invalid/x")
    assert one.may_repeat == ("failed:dns", False, False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_guarded_exchange_reaches_no_private_address(host: str, carry: Any, server: Server) -> None:
    """Neither by a new connection nor by one that stands."""
    url = f"http://{host}:{server.port}/x"
    told = carry(url, Wire("GET", url, guarded=True), url)
    assert [one.ending for one in told] == ["whole", "skipped:private", "whole"]
    assert [seen.target for seen in server.log] == ["/x", "/x"]
