"""Two gates at one table: each stands for a process of its own, as locks of open file descriptions see it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.net.hosts import LocalGate, Policy, Told, fair, gate_for, table
from scraper.net.hosts.shared import SharedGate
from scraper.units import Delay

HOST = "h:80"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Room:
    """A folder with a table, gates at it, and what is in flight by each."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.clock = Clock()
        self.gates: list[SharedGate] = []
        self.flying: dict[int, int] = {}

    def gate(self, slots: int, delay: float = 0.0) -> SharedGate:
        def policy(_: str) -> Policy:
            return Policy(slots, Delay(delay, delay))

        own = LocalGate(policy, self.clock)
        made = SharedGate(own, policy, table.Table(self.place), self.clock)
        self.gates.append(made)
        return made

    def takes(self, gate: SharedGate, most: int = 100) -> int:
        """What it gets within two seconds of asking again when it is told to, at most; nobody else does anything."""
        got, until = 0, self.clock.now + 2
        while self.clock.now < until and got < most:
            took, wait = gate.acquire_many(HOST, most - got)
            for each in self.gates:
                each.tend()  # as their main threads do
            got += took
            if wait == math.inf:
                break
            self.clock.now += wait
        return got


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path / "shared")
    yield made
    for gate in made.gates:
        gate.leave()


def give_back(gate: SharedGate, count: int = 1) -> None:
    for _ in range(count):
        gate.release(HOST, Told("ok", 0.01))


def test_alone_it_is_as_if_nobody_shared(room: Room) -> None:
    one = room.gate(3)
    assert [one.acquire(HOST) for _ in range(4)] == [0, 0, 0, math.inf]
    give_back(one)
    assert one.acquire(HOST) == 0


def test_what_one_holds_the_other_does_not_get(room: Room) -> None:
    one, two = room.gate(4), room.gate(4)
    assert room.takes(one) == 4
    assert room.takes(two) == 0
    give_back(one, 2)
    assert room.takes(two) == 2
    assert room.takes(one) == 0


def test_who_is_alone_gives_back_what_it_does_not_use(room: Room) -> None:
    one, two = room.gate(8), room.gate(8)
    assert [one.acquire(HOST) for _ in range(3)] == [0, 0, 0]
    assert two.acquire(HOST) > 0, "the lease is all of them"
    one.tend()
    assert room.takes(two) == 5


def test_the_smallest_limit_is_that_of_all(room: Room) -> None:
    one, two = room.gate(10), room.gate(2)
    assert room.takes(one, 5) == 5
    assert room.takes(two) == 0
    give_back(one, 4)
    assert room.takes(two) == 1
    assert room.takes(one) == 0
    give_back(two)
    room.clock.now += 2
    assert room.takes(one) == 9, "who has gone does not count"


def test_one_slot_is_taken_by_turns(room: Room) -> None:
    gates = [room.gate(1) for _ in range(3)]
    served = [0, 0, 0]
    for _ in range(600):
        for at, gate in enumerate(gates):
            if gate.acquire(HOST) == 0:
                assert [other.acquire(HOST) > 0 for other in gates if other is not gate] == [True, True]
                room.clock.now += 0.01
                give_back(gate)
                served[at] += 1
        room.clock.now += 0.001
    assert min(served) > 0.5 * max(served)


def test_the_slots_of_one_that_is_gone_are_free(room: Room) -> None:
    one, two = room.gate(4), room.gate(4)
    assert room.takes(one) == 4
    assert room.takes(two) == 0
    one.leave()
    assert room.takes(two) == 4


def test_a_delay_of_one_is_kept_by_all(room: Room) -> None:
    slow, fast = room.gate(4, delay=2), room.gate(4)
    assert slow.acquire(HOST) == 0
    assert fast.acquire(HOST) == pytest.approx(2)
    room.clock.now += 2
    assert fast.acquire(HOST) == 0
    assert slow.acquire(HOST) == pytest.approx(2)


def test_with_a_delay_they_are_served_in_turn(room: Room) -> None:
    gates = [room.gate(4, delay=1), room.gate(4, delay=1)]
    served: list[int] = []
    due = [0.0, 0.0]
    while len(served) < 10:
        at = due.index(min(due))
        room.clock.now = max(room.clock.now, due[at])
        wait = gates[at].acquire(HOST)
        if not wait:
            served.append(at)
            give_back(gates[at])
        due[at] = room.clock.now + max(wait, 0.001)
    assert sorted(served) == [0] * 5 + [1] * 5


def test_a_parked_host_is_parked_for_all_that_are_there(room: Room) -> None:
    one, two = room.gate(4), room.gate(4)
    assert one.acquire(HOST) == 0
    one.park(HOST, 30)
    give_back(one)
    assert two.acquire(HOST) == pytest.approx(30)
    one.leave()
    assert two.acquire(HOST) == 0, "who was told so has gone"


def test_other_hosts_are_not_concerned(room: Room) -> None:
    one, two = room.gate(1), room.gate(1)
    assert [one.acquire("a:80"), two.acquire("b:80")] == [0, 0]


def test_a_million_hosts_take_no_memory(room: Room) -> None:
    one = room.gate(1)
    for at in range(5000):
        assert one.acquire(f"h{at}:80") == 0
        one.release(f"h{at}:80")
        room.clock.now += 0.01
    assert len(one._leases) <= 1024


def test_a_host_that_is_parked_stays_so_for_all_when_many_others_are_asked(room: Room) -> None:
    one, two = room.gate(1), room.gate(1)
    assert one.acquire(HOST) == 0
    one.park(HOST, 3600)
    one.release(HOST)
    for at in range(3000):  # so many that what is idle is forgotten
        assert one.acquire(f"h{at}:80") == 0
        one.release(f"h{at}:80")
    assert one.acquire(HOST) > 3000
    assert two.acquire(HOST) > 3000


def test_what_cron_starts_shares_with_what_a_shell_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCRAPER_SHARE")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    shell = table.folder()
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.delenv("TMPDIR")
    assert table.folder() == shell


def test_where_the_folder_is_somebody_elses_nothing_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scraper").mkdir(mode=0o777)
    os.chmod(tmp_path / "scraper", 0o777)
    monkeypatch.setenv("SCRAPER_SHARE", str(tmp_path / "scraper"))
    own = LocalGate(lambda _: Policy())
    assert gate_for(lambda _: Policy(), own, Clock()) is own


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(table.NoTableError):
        table.Table(tmp_path / "link")


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRAPER_SHARE", "0")
    own = LocalGate(lambda _: Policy())
    assert gate_for(lambda _: Policy(), own, Clock()) is own


def test_there_are_so_many_seats(tmp_path: Path) -> None:
    seats = [table.Table(tmp_path / "t") for _ in range(table.SEATS)]
    with pytest.raises(table.NoTableError, match="32 runs"):
        table.Table(tmp_path / "t")
    seats.pop().close()
    table.Table(tmp_path / "t").close()
    for each in seats:
        each.close()


@given(
    limits=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    steps=st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 40)), max_size=80),
)
def test_the_sum_never_grows_beyond_the_smallest_limit(
    limits: list[int], steps: list[tuple[int, bool, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    room = Room(tmp_path_factory.getbasetemp() / "sums")  # one table for all: what ended in it leaves nothing
    gates = [room.gate(limit) for limit in limits]
    flying = [0] * len(gates)
    for who, asks, wait in steps:
        at = who % len(gates)
        room.clock.now += wait / 1000
        if wait > 30:
            gates[at].tend()
        if asks:
            took, _ = gates[at].acquire_many(HOST, 3)
            flying[at] += took
            least = min(limit for limit, count in zip(limits, flying, strict=True) if count or limit == limits[at])
            assert not took or sum(flying) <= least
        elif flying[at]:
            give_back(gates[at])
            flying[at] -= 1
    for gate in gates:
        gate.leave()


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 8), st.integers(0, 5)), min_size=1, max_size=6
    )
)
def test_nobody_takes_more_than_is_free(rows: list[tuple[int, int, int, int]]) -> None:
    mine, *others = [fair.Claim(at, *row, 0) for at, row in enumerate(rows)]
    count = fair.share(mine, others)
    free = fair.limit_of(mine, others) - sum(each.held for each in others)
    assert count <= mine.held or count <= free
    assert count <= mine.want
