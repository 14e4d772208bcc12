"""A transfer that somebody listens to (net/tap.py). Without a tap none of this is in the way.

The tap hears what came, whether its reader wanted it or not; what went wrong only where the transport says so. So
between a transfer and its reader stands one who remembers what the reader raised.
"""

from __future__ import annotations

import pycurl

from scraper.net import head
from scraper.net.answer import Answer
from scraper.net.curl.transfer import Transfer
from scraper.net.outgoing import Wire
from scraper.net.proxies import Way
from scraper.net.tap import Take, Tap
from scraper.net.transport import Exchange


class TappedTransfer(Transfer):
    """As Transfer, over an `outgoing` that has a tap."""

    _take: Take
    _reader: _Reader

    def begin(
        self, exchange: Exchange, asked: Wire, url: str, headers: list[bytes], way: Way | None = None
    ) -> None:  # fmt: skip
        """Puts an exchange on the handle."""
        tap: Tap | None = self._outgoing.tap
        assert tap is not None, "this class is for those that have one"
        reader = _Reader(exchange)
        super().begin(reader, asked, url, headers, way)
        reader.take = self._take = tap.begin(asked)
        self._reader = reader

    def finish(self, code: int, text: str) -> None:
        """libcurl is done with it."""
        self._reader.is_whole = code == 0
        super().finish(code, text)

    def _write(self, piece: bytes) -> int | None:
        told = super()._write(piece)
        if self._answer is not None and told != pycurl.WRITEFUNC_PAUSE:
            self._take.piece(piece)
        return told

    def _judge(self) -> None:
        try:
            super()._judge()
        finally:
            if (answer := self._answer) is not None:
                found = head.read(self._lines)
                self._take.head(found.status, found.reason, head.fields(self._lines), answer.address)


class _Reader:
    """An exchange, and what it raised; `is_whole`: whether the body came to its end."""

    take: Take

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._raised: Exception | None = None
        self.is_whole = False

    @property
    def wire(self) -> Wire:
        return self._exchange.wire

    @property
    def unwanted(self) -> Exception | None:
        if (why := self._exchange.unwanted) is not None:
            self._raised = why
        return why

    def head(self, answer: Answer) -> bool:
        try:
            return self._exchange.head(answer)
        except Exception as error:
            self._raised = error
            raise

    def piece(self, piece: bytes) -> None:
        try:
            self._exchange.piece(piece)
        except Exception as error:
            self._raised = error
            raise

    def done(self, trouble: Exception | None) -> None:
        told = None if trouble is self._raised else trouble
        self.take.end(told, self.is_whole and told is None)
        self._exchange.done(trouble)
