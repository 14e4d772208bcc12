"""What holds the transfers of a loop to the byte rate of the run (net/rate.py).

Theory. While the run is in debt, a piece that comes is refused: libcurl keeps it, and stops reading from that
connection, so TCP holds the server back and memory stays bounded. Connections that are being made, heads, and bodies
that nobody wants go on: what is not read there would look like somebody's fault. When the debt is paid, the transfers
go on in the order in which they were held, one piece each, until there is debt again.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from scraper.net.rate import Rate


class Held(Protocol):
    """What can be held."""

    def go_on(self) -> None:
        """Takes the piece that was refused; it may be held again meanwhile."""
        ...


class Brake:
    """For one loop; the rate may be shared."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._held: deque[Held] = deque()

    def holds(self, transfer: Held) -> bool:
        """Whether the piece that just came is to be refused; the transfer is told when to go on."""
        if self._rate.spend(0) <= 0:
            return False
        self._held.append(transfer)
        return True

    def spend(self, count: int) -> None:
        """So many bytes were taken."""
        self._rate.spend(count)

    def forget(self, transfer: Held) -> None:
        """It is over."""
        if transfer in self._held:
            self._held.remove(transfer)

    def patience(self) -> float | None:
        """Seconds until somebody may go on; None: nobody is held."""
        return self._rate.spend(0) if self._held else None

    def release(self) -> None:
        """Lets those go on whom the debt no longer holds."""
        while self._held and self._rate.spend(0) <= 0:
            self._held.popleft().go_on()
