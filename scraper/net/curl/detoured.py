"""A transfer that goes to the server of a replay (net/detour.py). Without a detour none of this is in the way."""

from __future__ import annotations

from typing import Any

import pycurl

from scraper import errors
from scraper.net import detour, head, wire
from scraper.net.curl.transfer import CurlAnswer, Transfer
from scraper.net.outgoing import Wire
from scraper.net.proxies import Way
from scraper.net.transport import Exchange


class DetouredTransfer(Transfer):
    """As Transfer, over an `outgoing` that has a detour."""

    _recorded: errors.RequestError | None = None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        goal = self._outgoing.detour
        assert goal is not None, "this class is for those that have one"
        host = f"[{goal.host}]" if ":" in goal.host else goal.host
        self.easy.setopt(pycurl.CONNECT_TO, [f"::{host}:{goal.port}"])
        self.easy.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        self.easy.setopt(pycurl.PIPEWAIT, 0)

    def begin(
        self, exchange: Exchange, asked: Wire, url: str, headers: list[bytes], way: Way | None = None
    ) -> None:  # fmt: skip
        """Puts an exchange on the handle."""
        super().begin(exchange, asked, detour.plain(url), headers)
        self._url, self._recorded = url, None
        self.easy.setopt(pycurl.REQUEST_TARGET, url)

    def _open(self, _: int, found: Any) -> Any:
        return wire.Lent(found.family, found.socktype, found.protocol)

    def _reach(self, address: str, *_: object) -> int:
        self._is_connected = True
        return int(pycurl.PREREQFUNC_OK)

    def _answered(self, shown: str, found: head.Head) -> CurlAnswer:
        came = detour.came(found.headers, found.reason, shown, guarded=self._asked.guarded)
        self._recorded = came.failure
        told = found._replace(headers=came.headers, reason=came.reason, is_plain=False)
        return CurlAnswer(shown, told, self._outgoing, came.address)

    def _ended(self, code: int, text: str) -> Exception | None:
        if self._trouble is None and self._answer is not None and self._is_wanted and self._recorded is not None:
            return self._recorded
        return super()._ended(code, text)
