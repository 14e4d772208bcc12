"""What goes out: requests put together, sent, and their secrets kept at home.

Built once from `http:`, `trust_env` off: the environment's proxies, CA bundle and
netrc are read here, once, and not at every request. Secrets go only to the origins
the job names (JOBS.md, Secrets); anything else gets User-Agent, Accept and
Accept-Language.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import requests
import urllib3
from requests.auth import AuthBase, HTTPBasicAuth
from requests.cookies import get_cookie_header
from requests.structures import CaseInsensitiveDict
from requests.utils import get_netrc_auth
from urllib3.util import SKIP_HEADER

from scraper import __version__, errors, secrets, urls
from scraper.job.parts import Auth, Http
from scraper.net import cookies, wire
from scraper.net.line import PrivateAddressError, line
from scraper.net.session.auth import AUTHS, basic
from scraper.net.session.faults import UnsendableError, exchange_trouble
from scraper.net.session.hops import BoundAdapter, OneHop
from scraper.net.session.proxies import Proxies
from scraper.net.session.reply import Reply

USER_AGENT = f"scraper-jobs/{__version__}"
OPEN_HEADERS = frozenset({"user-agent", "accept", "accept-language"})
_BREAKS = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class Wire:
    """One exchange, with marks.

    `given` headers are a file's own and go to any host; `added` are ours (Range, If-None-Match).
    `guarded`: a private address is refused. `deadline`: seconds that all of it may take.
    """

    method: str
    url: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    added: Mapping[str, str | None] = field(default_factory=dict)
    cookies: Mapping[str, Any] | None = None
    auth: Auth | None = None
    data: Any = None
    json: Any = None
    files: Mapping[str, Any] | None = None
    encodings: str = "gzip, deflate"
    deadline: float | None = None
    guarded: bool = False


class Session:
    """`http:` in force. May be used from many threads.

    Args:
        http: rendered settings, marks inside.
        lookup: from a mark's name to the secret.
        home: origins that may see auth, cookies, cert and headers; `allow` adds to them.
        folder: what relative paths in `http:` are relative to.
        connections: how many connections to one host are kept.
    """

    def __init__(
        self, http: Http, lookup: secrets.Lookup, home: Iterable[str], folder: Path, connections: int = 32
    ) -> None:
        self._http = http
        self._lookup = lookup
        self._sent: dict[str, str] = {}
        self._folder = folder
        self._home = set(home)
        self._auths: dict[tuple[str, ...], AuthBase] = {}
        self._lock = threading.Lock()
        self.cookies: CookieJar = cookies.new_jar(self.is_home)
        self._named = self._settle_cookies()
        self._verify = self._settle_verify()
        self._cert = self._settle_cert()
        self._proxies = Proxies(http.proxies, self._reveal)
        self._session = OneHop()
        self._session.trust_env = False
        self._session.cookies = self.cookies  # type: ignore[assignment]  # any CookieJar will do for requests
        adapter = BoundAdapter(pool_connections=256, pool_maxsize=connections, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def is_home(self, url: str) -> bool:
        """Whether the job's secrets may go to this URL."""
        return urls.origin(url) in self._home

    def is_proxied(self, url: str) -> bool:
        """Whether a proxy stands between us and this URL."""
        return bool(self._proxies.for_url(url))

    def exchange(self, wire_: Wire) -> Reply:
        """One request, one answer; redirects are answers.

        Raises:
            RequestError: with the class of what went wrong.
        """
        shown = secrets.display(wire_.url)
        given = self._http.timeout
        connect, read = (_within(seconds, wire_.deadline) for seconds in (given.connect, given.read))
        line.begin(guarded=wire_.guarded, seconds=wire_.deadline)
        try:
            prepared = self._prepare(wire_)
            proxies = self._proxies.for_url(prepared.url or "")
            response = self._session.send(
                prepared,
                stream=True,
                allow_redirects=False,
                timeout=(connect, read),
                verify=self._verify,
                cert=self._cert if self.is_home(wire_.url) else None,
                proxies=proxies,
            )
        except PrivateAddressError as error:
            told = f"a public page leads to the private address {error}"
            raise errors.SkippedError(shown, "private", told) from error
        except Exception as error:
            raise self._trouble(error, shown) from error
        reply = Reply(response, shown, read, self._from_outside, is_proxied=bool(proxies))
        reply.check()
        return reply

    def _trouble(self, error: Exception, shown: str) -> Exception:
        if isinstance(error, errors.RequestError):
            return error
        return exchange_trouble(error, shown, socks=self._proxies.is_socks, conceal=self._from_outside)

    def _from_outside(self, text: str) -> str:
        """Text that came, with marks for the secrets that it echoes."""
        return secrets.conceal(text, self._sent)

    # -- putting a request together --------------------------------------------------------------------

    def _prepare(self, wire_: Wire) -> requests.PreparedRequest:
        """Not by `Session.prepare_request`, which merges cookies into a jar that lacks our policy."""
        home = self.is_home(wire_.url)
        data = self._reveal_all(wire_.data)
        prepared = requests.PreparedRequest()
        prepared.prepare(
            wire_.method,
            self._reveal(urls.without_userinfo(wire_.url)),
            headers=self._headers(wire_, home),
            data=data.encode() if isinstance(data, str) else data,
            json=self._reveal_all(wire_.json),
            files=self._uploads(wire_.files, secrets.display(wire_.url)),
        )
        if (cookie := self._cookie_header(wire_, prepared, home)) and "Cookie" not in prepared.headers:
            prepared.headers["Cookie"] = cookie
        if home and (auth := self._auth(wire_, prepared.url or "")) is not None:
            prepared.prepare_auth(auth)
        for name, value in [*prepared.headers.items()]:
            if isinstance(value, str) and value != SKIP_HEADER:
                prepared.headers[name] = _wire_text(name, value)
        return prepared

    def _headers(self, wire_: Wire, home: bool) -> CaseInsensitiveDict[str]:
        headers: CaseInsensitiveDict[str] = CaseInsensitiveDict({"User-Agent": USER_AGENT, "Accept": "*/*"})
        scoped = [*self._http.headers.items(), *wire_.headers.items()]
        allowed = [(name, value) for name, value in scoped if home or name.lower() in OPEN_HEADERS]
        for name, value in [*allowed, *wire_.given.items(), *wire_.added.items()]:
            # urllib3 would fill in a User-Agent of its own where none is given.
            text = SKIP_HEADER if name.lower() == "user-agent" else None
            if value is not None:
                text = _wire_text(name, self._reveal(urls.text(value)))
            if text is None:
                headers.pop(name, None)
            else:
                headers[name] = text
        headers["Accept-Encoding"] = wire_.encodings
        return headers

    def _cookie_header(self, wire_: Wire, prepared: requests.PreparedRequest, home: bool) -> str:
        """The jar's cookies, and at home those that the job names."""
        named = {**self._named, **(wire_.cookies or {})} if home else {}
        own = [f"{name}={self._reveal(urls.text(value))}" for name, value in named.items() if value is not None]
        from_jar = get_cookie_header(self.cookies, prepared)
        return "; ".join([*own, *([from_jar] if from_jar else [])])

    def _auth(self, wire_: Wire, url: str) -> AuthBase | None:
        """The request's own, the job's, else the user and password of the URL; `url` is as it goes out."""
        auth = wire_.auth or self._http.auth
        if auth is None and (pair := urls.userinfo(wire_.url)):
            return basic(*map(self._reveal, pair))
        if auth is None:
            return None
        if auth.netrc:
            found = get_netrc_auth(url)
            return HTTPBasicAuth(*found) if found else None
        return self._kept_auth(auth)

    def _kept_auth(self, auth: Auth) -> AuthBase:
        """One object for each pair: digest keeps its nonce count between requests."""
        kind = "basic" if auth.basic else "digest" if auth.digest else "bearer"
        given = auth.basic or auth.digest or (auth.bearer or "",)
        values = tuple(self._reveal(value) for value in given)
        with self._lock:
            key = (kind, *values)
            if key not in self._auths:
                self._auths[key] = AUTHS[kind](*values)
            return self._auths[key]

    def _uploads(self, files: Mapping[str, Any] | None, shown: str) -> dict[str, Any] | None:
        """`name: path` or `[path, filename, type]` as requests takes them; each sending reads the file anew."""
        if not files:
            return None
        uploads: dict[str, Any] = {}
        for name, given in files.items():
            path, *rest = (given,) if isinstance(given, str) else tuple(given)
            try:
                content = (self._folder / path).read_bytes()
            except OSError as error:
                why = f"{path} cannot be read: {error.strerror}"
                raise errors.WriteError(shown, why, sent=False, final=True) from error
            uploads[name] = (rest[0] if rest else Path(path).name, content, *rest[1:])
        return uploads

    def _look(self, name: str) -> str:
        """The value of a secret, noted because from now on an answer may echo it."""
        try:
            self._sent[name] = value = self._lookup(name)
        except KeyError as error:
            raise UnsendableError(f"{{{name}}} is not known") from error
        return value

    def _reveal(self, text: str) -> str:
        return secrets.reveal(text, self._look)

    def _reveal_all(self, value: Any) -> Any:
        return secrets.reveal_all(value, self._look)

    # -- settled once ----------------------------------------------------------------------------------

    def _settle_cookies(self) -> dict[str, Any]:
        given = self._http.cookies
        if isinstance(given, str):
            cookies.fill(self.cookies, cookies.read_cookies_txt(self._folder / given))
            return {}
        return dict(given)

    def _settle_verify(self) -> bool | str:
        verify = self._http.verify
        if isinstance(verify, str):
            return str(self._folder / verify)
        if not verify:
            warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
            return False
        return wire.ca_bundle() or True

    def _settle_cert(self) -> str | tuple[str, str] | None:
        cert = self._http.cert
        if cert is None or isinstance(cert, str):
            return cert and str(self._folder / cert)
        return str(self._folder / cert[0]), str(self._folder / cert[1])


def _within(seconds: float, deadline: float | None) -> float:
    """A timeout that does not reach beyond the deadline; 0 would mean that there is none."""
    return seconds if deadline is None else max(0.001, min(seconds, deadline))


def _wire_text(name: str, value: str) -> str:
    """A header value as requests sends it: Latin-1 where it fits, else the bytes of its UTF-8.

    White space around it is no part of it (RFC 9110 section 5.5).

    Raises:
        UnsendableError: it holds a line break or NUL; requests would print the value, and http.client raise.
    """
    value = value.strip(" \t")
    if _BREAKS.search(value):
        raise UnsendableError(f"the header {name} holds a line break or NUL")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode().decode("latin-1")
    return value
