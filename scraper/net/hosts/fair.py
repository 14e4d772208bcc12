"""How many of a host's slots a process may hold while others are at the same host. Pure.

The limit is the smallest that any of them has. Each is due an equal part of it, one slot at least; who wants less
leaves the rest to the others. *Hungry* is who waits and holds less than it is due: what it lacks is kept free for it,
first for who waits longest, so nobody starves. Where there are more processes than slots they take turns: whoever
had its turn goes behind those who wait.

A process never takes more by this than is free, so the sum never grows beyond the limit; where the limit becomes
smaller (another process came), all give back as their requests end, and the newcomer waits until there is room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Claim(NamedTuple):
    """What one process has and wants at a host.

    Attributes:
        seat: which process; settles who is first where `since` is the same.
        held: slots that it holds, in use or not.
        want: slots that it asked for and waits for, those held included; 0: it waits for none.
        limit: the most that its job allows to all.
        since: when it began to wait, in microseconds.
        delay: microseconds that its job wants between two requests.
    """

    seat: int
    held: int
    want: int
    limit: int
    since: int
    delay: int

    def is_before(self, other: Claim) -> bool:
        """Whether it has waited longer."""
        return (self.since, self.seat) < (other.since, other.seat)


def limit_of(mine: Claim, others: Sequence[Claim]) -> int:
    """The slots that all of them may hold together."""
    return min(mine.limit, *(each.limit for each in others)) if others else mine.limit


def takes_turns(mine: Claim, others: Sequence[Claim]) -> bool:
    """Whether there are fewer slots than processes."""
    return limit_of(mine, others) <= len(others)


def share(mine: Claim, others: Sequence[Claim], *, in_turn: bool = False) -> int:
    """How many slots it may hold: more than now (it takes them), or fewer (it gives back as its requests end).

    Args:
        in_turn: where turns are taken, whether this is still its turn.
    """
    limit = limit_of(mine, others)
    part = limit // (1 + len(others))
    due = max(1, part)
    free = limit - sum(each.held for each in others)
    hungry = [each for each in others if each.held < min(due, each.want)]
    ahead = [] if in_turn else [each for each in hungry if each.is_before(mine)]
    spare = free - sum(due - each.held for each in hungry)
    own = min(due, free - sum(due - each.held for each in ahead))
    kept = min(mine.held, due) if part else 0  # all that are due can be held at once
    return max(0, min(mine.want, max(spare, own, kept)))
