"""What goes out through requests: put together by net/outgoing.py, sent one exchange at a time.

Built once, `trust_env` off: nothing is read from the environment at each request.
"""

from __future__ import annotations

import threading
import warnings

import requests
import urllib3
from requests.structures import CaseInsensitiveDict
from urllib3.util import SKIP_HEADER

from scraper import errors, secrets
from scraper.net import detour
from scraper.net.line import PrivateAddressError, line
from scraper.net.outgoing import Credentials, Outgoing, Wire, basic_header, wire_text
from scraper.net.proxies import Way
from scraper.net.rate import Rate
from scraper.net.session.auth import Digest, no_cookies
from scraper.net.session.faults import exchange_trouble
from scraper.net.session.hops import BoundAdapter, FreshAdapter, OneHop
from scraper.net.session.reply import Reply
from scraper.net.tap import Tap


class Session:
    """`http:` in force, over requests. May be used from many threads.

    Args:
        outgoing: puts together what is sent.
        connections: how many connections to one host are kept.
        rate: what bodies are counted by.
    """

    def __init__(self, outgoing: Outgoing, connections: int = 32, rate: Rate | None = None) -> None:
        self._outgoing = outgoing
        self._rate = rate or Rate(None)
        self._digests: dict[Credentials, Digest] = {}
        self._lock = threading.Lock()
        if outgoing.verify is False:
            warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        self._session = _session(BoundAdapter(pool_connections=256, pool_maxsize=connections, max_retries=0))
        self._once = _session(FreshAdapter(max_retries=0))

    def exchange(self, wire_: Wire) -> Reply:
        """One request, one answer; redirects are answers.

        Raises:
            RequestError: with the class of what went wrong.
        """
        tap: Tap | None = self._outgoing.tap
        if tap is None:
            return self._exchange(wire_)
        take = tap.begin(wire_)
        try:
            reply = self._exchange(wire_)
        except Exception as error:
            take.end(error, whole=False)
            raise
        reply.tell(take)
        return reply

    def asked(self, wire_: Wire) -> tuple[list[tuple[str, str]], bytes]:
        """Header fields (without Host) and body of an exchange as they would go out.

        Raises:
            UnsendableError, requests' own: it cannot be sent. WriteError: a file of it cannot be read.
        """
        prepared = self._prepare(wire_, self._outgoing.url(wire_))
        body = prepared.body or b""
        assert isinstance(body, (bytes, str)), "nothing of a job is streamed"
        fields = [(name, _text(value)) for name, value in prepared.headers.items() if value != SKIP_HEADER]
        return fields, body.encode() if isinstance(body, str) else body

    def _exchange(self, wire_: Wire) -> Reply:
        shown, out = secrets.display(wire_.url), self._outgoing
        given = out.http.timeout
        connect, read = (_within(seconds, wire_.deadline) for seconds in (given.connect, given.read))
        way: Way | None = None
        era = out.era
        try:
            url = out.url(wire_)
            line.begin(guarded=wire_.guarded, seconds=wire_.deadline, url=url, detour=out.detour)
            prepared = self._prepare(wire_, url)
            if out.detour is None:
                way = out.proxies.way(url)
            else:
                prepared.url = detour.plain(url)
            session = self._session if wire_.method in out.http.retry.methods else self._once
            response = session.send(
                prepared,
                stream=True,
                allow_redirects=False,
                timeout=(connect, read),
                verify=out.verify,
                cert=out.cert if url.startswith("https:") and not out.detour and out.is_home(wire_.url) else None,
                proxies={} if way is None else {"http": way.proxy, "https": way.proxy},
            )
        except PrivateAddressError as error:
            told = f"a public page leads to the private address {error}"
            raise errors.SkippedError(shown, "private", told) from error
        except Exception as error:
            raise self._trouble(error, shown, way) from error
        reply = Reply(response, shown, read, out, self._rate, is_proxied=way is not None)
        self._check(reply, way)
        if out.detour is not None:
            reply.replayed(guarded=wire_.guarded)
        for each in (*response.history, response):  # before it may be the challenge of a digest authentication
            if given_ := each.raw.headers.getlist("set-cookie"):
                out.take_cookies(url, given_, era)
        return reply

    def _check(self, reply: Reply, way: Way | None) -> None:
        """Judges the head, of which a proxy that refuses is the author."""
        try:
            reply.check()
        except errors.ProxyError as error:
            self._outgoing.proxies.failed(way, error)
            raise
        self._outgoing.proxies.worked(way)

    def _trouble(self, error: Exception, shown: str, way: Way | None) -> Exception:
        if isinstance(error, errors.RequestError):
            return error
        found = exchange_trouble(
            error, shown, asked=line.is_asking, proxied=way is not None, conceal=self._outgoing.conceal
        )
        if isinstance(found, errors.ProxyError):
            self._outgoing.proxies.failed(way, found)
        return found

    # -- putting a request together --------------------------------------------------------------------

    def _prepare(self, wire_: Wire, url: str) -> requests.PreparedRequest:
        """Not by `Session.prepare_request`, which merges cookies into a jar that lacks our policy."""
        out = self._outgoing
        data = out.reveal_all(wire_.data)
        prepared = requests.PreparedRequest()
        prepared.prepare(
            wire_.method,
            url,
            headers=self._headers(wire_),
            data=data.encode() if isinstance(data, str) else data,
            json=out.reveal_all(wire_.json),
            files=out.uploads(wire_.files, secrets.display(wire_.url)),
        )
        prepared.url = url  # requests has encoded it anew; digest authentication hashes what goes out
        if (cookie := out.cookie_header(wire_, url)) and "Cookie" not in prepared.headers:
            prepared.headers["Cookie"] = cookie
        if (found := out.auth(wire_, url)) is not None:
            self._authorize(prepared, found)
        for name, value in [*prepared.headers.items()]:
            if isinstance(value, str) and value != SKIP_HEADER:
                prepared.headers[name] = wire_text(name, value)
        return prepared

    def _headers(self, wire_: Wire) -> CaseInsensitiveDict[str]:
        headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
        for name, value in self._outgoing.headers(wire_).items():
            if value is not None:
                headers[name] = value
            elif name.lower() == "user-agent":
                headers[name] = SKIP_HEADER  # urllib3 would fill in one of its own
        return headers

    def _authorize(self, prepared: requests.PreparedRequest, found: Credentials) -> None:
        if found.kind == "digest":
            prepared.prepare_auth(self._digest(found))
        else:
            prepared.headers["Authorization"] = basic_header(found)

    def _digest(self, found: Credentials) -> Digest:
        """One object for each pair: it keeps its nonce count between requests."""
        with self._lock:
            if found not in self._digests:
                self._digests[found] = Digest(found.user, found.password)
            return self._digests[found]


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _session(adapter: BoundAdapter) -> OneHop:
    session = OneHop()
    session.trust_env = False
    session.cookies = no_cookies()
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _within(seconds: float, deadline: float | None) -> float:
    """A timeout that does not reach beyond the deadline; 0 would mean that there is none."""
    return seconds if deadline is None else max(0.001, min(seconds, deadline))
