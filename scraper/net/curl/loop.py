"""The event loop of one thread: many transfers, one epoll, no waiting but there.

Theory. libcurl says through callbacks which sockets it waits for and when it wants to be
called at the latest; the loop waits for the first of that, for a wake-up of the source,
and for the next look at what takes too long. Callbacks only note; whatever talks to the
source is done between libcurl's calls.
"""

from __future__ import annotations

import select
from collections.abc import Callable

import pycurl

from scraper import errors, secrets
from scraper.net import wire
from scraper.net.answer import DRAIN_TIME
from scraper.net.bell import Bell, Waker
from scraper.net.curl.brake import Brake
from scraper.net.curl.multi import Multi
from scraper.net.curl.profiles import BUFFER, Profile, profile_of
from scraper.net.curl.transfer import Transfer, header_lines
from scraper.net.outgoing import Credentials, Outgoing, UnsendableError, Wire
from scraper.net.proxies import Way
from scraper.net.rate import Rate
from scraper.net.transport import Exchange, Source

LOOK = 0.25
"""Seconds between two looks at the transfers in flight."""
IDLE = 10.0
"""Seconds that the loop waits at most, whatever anybody said."""
_DIRECT, _GUARDED = Profile(None, None, False), Profile(None, None, False, guarded=True)


def _kind_of(outgoing: Outgoing) -> type[Transfer]:
    """What transfers are made of: where nobody listens, of nothing that could tell."""
    if outgoing.detour is not None:
        from scraper.net.curl.detoured import DetouredTransfer

        return DetouredTransfer
    if outgoing.tap is None:
        return Transfer
    from scraper.net.curl.tapped import TappedTransfer

    return TappedTransfer


class Loop:
    """One thread's transfers.

    Args:
        most: transfers in flight.
        rate: what bodies are held to.
        bell: what wakes the loop beside its connections and the bell that the source rings.
    """

    def __init__(
        self, outgoing: Outgoing, source: Source, most: int, clock: Callable[[], float], rate: Rate | None = None,
        bell: Waker | None = None,
    ) -> None:  # fmt: skip
        rate = rate or Rate(None, clock)
        self._brake = Brake(rate) if rate.is_limited else None
        self._buffer = rate.piece(BUFFER)
        self._outgoing = outgoing
        self._source = source
        self._most = most
        self._clock = clock
        self._epoll = select.epoll()
        self._multi = Multi(self._epoll, clock, most)
        self._made = _kind_of(outgoing)
        self._idle: dict[Profile, list[Transfer]] = {}
        self._flying: set[Transfer] = set()
        self._lines: dict[str, list[bytes]] = {}
        self._looked = 0.0
        self._is_over = False
        self._hungry = True
        self._bell = Bell()
        self._bells: dict[int, Waker] = {each.descriptor: each for each in (self._bell, bell) if each is not None}
        for descriptor in self._bells:
            self._epoll.register(descriptor, select.EPOLLIN)
        source.wake_by(self._bell.ring)

    def run(self) -> None:
        """Until the source gives no more and nothing is in flight."""
        try:
            while not self._is_over or self._flying:
                self._turn()
        except BaseException as bug:  # handed to the main thread, which raises it
            self._source.failed_with(bug)
        finally:
            self._close()

    def _turn(self) -> None:
        if self._hungry and not self._is_over:
            self._take()
            if self._is_over and not self._flying:
                return
        self._wait()
        self._multi.on_time(self._clock())
        if self._brake is not None:
            self._brake.release()
        self._collect()
        self._look()

    def _take(self) -> None:
        room = self._most - len(self._flying)
        if room <= 0:
            return
        given = self._source.take(room)
        self._hungry = False
        if given is None:
            self._is_over = True
            return
        for exchange in given:
            self._begin(exchange)

    def _begin(self, exchange: Exchange) -> None:
        asked, out = exchange.wire, self._outgoing
        try:
            url = out.url(asked)
            headers, found = (self._common(asked), None) if out.is_common(asked) else header_lines(out, asked, url)
            way = None if out.is_direct else out.proxies.way(url)
            if out.detour is None:
                wire.check_reach(url if way is None else way.proxy)
            transfer = self._transfer(self._profile(asked, found, way))
            transfer.begin(exchange, asked, url, headers, way)
        except wire.LookupFailed as error:  # only where tests confine us
            exchange.done(errors.DnsError(secrets.display(asked.url), str(error.strerror), sent=False))
            self._hungry = True
            return
        except (UnsendableError, UnicodeError, ValueError, pycurl.error) as error:
            told = f"the request cannot be sent: {out.conceal(str(error))}"
            exchange.done(errors.ProtocolError(secrets.display(asked.url), told, sent=False, final=True))
            self._hungry = True
            return
        self._flying.add(transfer)
        self._multi.handle.add_handle(transfer.easy)

    def _profile(self, asked: Wire, found: Credentials | None, way: Way | None) -> Profile:
        """The profile of an exchange: where neither proxy nor certificate nor digest is in play, one of two."""
        if found is None and self._outgoing.is_direct:
            return _GUARDED if asked.guarded else _DIRECT
        return profile_of(self._outgoing, asked, found, way)

    def _common(self, asked: Wire) -> list[bytes]:
        """The header lines that most exchanges share."""
        if asked.encodings not in self._lines:
            self._lines[asked.encodings] = header_lines(self._outgoing, asked, asked.url)[0]
        return self._lines[asked.encodings]

    def _transfer(self, profile: Profile) -> Transfer:
        idle = self._idle.setdefault(profile, [])
        return idle.pop() if idle else self._made(self._outgoing, profile, self._clock, self._brake, self._buffer)

    # -- waiting ---------------------------------------------------------------------------------------

    def _wait(self) -> None:
        for descriptor, events in self._epoll.poll(self._patience()):
            if (bell := self._bells.get(descriptor)) is not None:
                bell.hush()
                self._hungry = True
            else:
                self._multi.on_event(descriptor, events)

    def _patience(self) -> float:
        """Seconds until something is to be done whatever happens."""
        if self._hungry and len(self._flying) < self._most and not self._is_over:
            return 0.0
        now = self._clock()
        ends = [now + IDLE]
        if self._multi.due is not None:
            ends.append(self._multi.due)
        if self._brake is not None and (held := self._brake.patience()) is not None:
            ends.append(now + held)
        if self._flying:
            ends.append(self._looked + LOOK)
        if len(self._flying) < self._most and not self._is_over:
            pause = self._source.pause()
            if pause is not None:
                ends.append(now + pause)
                self._hungry = True
        return max(0.0, min(ends) - now)

    # -- what came to its end --------------------------------------------------------------------------

    def _collect(self) -> None:
        while True:
            queued, whole, broken = self._multi.handle.info_read()
            for easy in whole:
                easy.transfer.look_back()
                self._ended(easy.transfer, 0, "")
            for easy, code, text in broken:
                self._ended(easy.transfer, code, text)
            if not queued:
                return

    def _ended(self, transfer: Transfer, code: int, text: str) -> None:
        self._put_away(transfer)
        transfer.finish(code, text)

    def _put_away(self, transfer: Transfer) -> None:
        self._flying.remove(transfer)
        if self._brake is not None:
            self._brake.forget(transfer)
        self._multi.handle.remove_handle(transfer.easy)
        self._idle[transfer.profile].append(transfer)
        self._hungry = True

    def _look(self) -> None:
        """Several times a second: who takes too long?"""
        now = self._clock()
        if now - self._looked < LOOK:
            return
        self._looked = now
        for transfer in [*self._flying]:
            trouble = transfer.look(DRAIN_TIME)
            if trouble is not None:
                self._put_away(transfer)
                transfer.stop(trouble)

    def _close(self) -> None:
        for transfer in self._flying:
            self._multi.handle.remove_handle(transfer.easy)
        for idle in self._idle.values():
            for transfer in idle:
                transfer.easy.close()
        self._multi.handle.close()
        self._epoll.close()
        self._bell.close()
