"""The Session: one exchange with one host, as the job's `http:` says. Owns requests.

    Session(settings).exchange(Wire(...)) -> Reply      raises a RequestError

Built once from `http:`, `trust_env` off: the environment's proxies, CA bundle and
netrc are read here, once, and not at every request. Each hop of a redirect is an
exchange of its own, so headers are put together anew for each origin: secrets go
only to the origins the job names (JOBS.md, Secrets); anything else gets User-Agent,
Accept and Accept-Language. Marks are replaced by their values here and nowhere else.
Every exception of requests and urllib3 becomes one of our classes here.
"""

from __future__ import annotations

import threading
import urllib.request
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth
from requests.cookies import get_cookie_header
from requests.structures import CaseInsensitiveDict
from requests.utils import get_netrc_auth, should_bypass_proxies
from urllib3.util import SKIP_HEADER

from scraper import __version__, errors, secrets, urls
from scraper.job.parts import Auth, Http
from scraper.net import cookies, wire

USER_AGENT = f"scraper-jobs/{__version__}"
OPEN_HEADERS = frozenset({"user-agent", "accept", "accept-language"})
PIECE = 256 * 1024
DRAIN = 64 * 1024


@dataclass(frozen=True, slots=True)
class Wire:
    """One exchange, with marks.

    `given` headers are a file's own and go to any host; `added` are ours (Range, If-None-Match).
    """

    method: str
    url: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, Any] | None = None
    auth: Auth | None = None
    data: Any = None
    json: Any = None
    files: Mapping[str, Any] | None = None
    encodings: str = "gzip, deflate"
    deadline: float | None = None


class Reply:
    """What a server answered; the body is still on the wire. Close it."""

    def __init__(self, response: requests.Response, url: str, read: float) -> None:
        self._response = response
        self._read = read
        self.url = url
        self.status = response.status_code
        self.reason = response.reason or ""
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.address = _peer(response)

    def pieces(self, size: int = PIECE) -> Iterator[bytes]:
        """The body as it comes, at most `size` bytes at once, content encoding untouched.

        Raises:
            RequestError: stalled, length, protocol, tls: whatever broke.
        """
        raw = self._response.raw
        try:
            while piece := raw.read1(size, decode_content=False):
                yield piece
        except Exception as error:
            raise body_trouble(error, self.url) from error

    def drain(self) -> None:
        """Reads at most 64 KiB of a body nobody wants, undecoded, so that the connection can serve again."""
        left = DRAIN
        try:
            for piece in self.pieces(16 * 1024):
                left -= len(piece)
                if left <= 0:
                    break
        except errors.RequestError:
            left = 0
        if left <= 0:
            self._response.raw.close()
        self.close()

    def abort(self) -> None:
        """Closes the connection: what is left of the body is not wanted."""
        self._response.raw.close()
        self.close()

    def close(self) -> None:
        """Gives the connection back to its pool, or closes it where the body was not read to its end."""
        self._response.close()


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
        self._folder = folder
        self._home = set(home)
        self._auths: dict[tuple[str, ...], AuthBase] = {}
        self._lock = threading.Lock()
        self.cookies: CookieJar = cookies.new_jar(self.is_home)
        self._named = self._settle_cookies()
        self._verify = self._settle_verify()
        self._cert = self._settle_cert()
        self._proxies = _Proxies(http.proxies, self._reveal)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies = self.cookies  # type: ignore[assignment]  # any CookieJar will do for requests
        adapter = HTTPAdapter(pool_connections=256, pool_maxsize=connections, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def is_home(self, url: str) -> bool:
        """Whether the job's secrets may go to this URL."""
        return urls.origin(url) in self._home

    def exchange(self, wire_: Wire) -> Reply:
        """One request, one answer; redirects are answers.

        Raises:
            RequestError: with the class of what went wrong.
        """
        shown = secrets.display(wire_.url)
        timeout = self._http.timeout
        read = timeout.read if wire_.deadline is None else max(0.001, min(timeout.read, wire_.deadline))
        try:
            prepared = self._prepare(wire_)
            response = self._session.send(
                prepared,
                stream=True,
                allow_redirects=False,
                timeout=(timeout.connect, read),
                verify=self._verify,
                cert=self._cert if self.is_home(wire_.url) else None,
                proxies=self._proxies.for_url(prepared.url or ""),
            )
        except Exception as error:
            raise self._trouble(error, shown) from error
        if response.status_code == 407:
            response.close()
            raise errors.ProxyError(shown, "the proxy wants a user and password (407)", sent=False)
        return Reply(response, shown, read)

    def _trouble(self, error: Exception, shown: str) -> errors.RequestError:
        if isinstance(error, errors.RequestError):
            return error
        told = exchange_trouble(error, shown, socks=self._proxies.is_socks)
        if isinstance(told, errors.RequestError):
            return told
        raise error

    # -- putting a request together --------------------------------------------------------------------

    def _prepare(self, wire_: Wire) -> requests.PreparedRequest:
        """Not by `Session.prepare_request`, which merges cookies into a jar that lacks our policy."""
        home = self.is_home(wire_.url)
        url = self._reveal(wire_.url)
        data = self._reveal_all(wire_.data)
        prepared = requests.PreparedRequest()
        prepared.prepare(
            wire_.method,
            urls.without_userinfo(url),
            headers=self._headers(wire_, home),
            data=data.encode() if isinstance(data, str) else data,
            json=self._reveal_all(wire_.json),
            files=self._uploads(wire_.files, secrets.display(wire_.url)),
        )
        if (cookie := self._cookie_header(wire_, prepared, home)) and "Cookie" not in prepared.headers:
            prepared.headers["Cookie"] = cookie
        if home and (auth := self._auth(wire_, url)) is not None:
            prepared.prepare_auth(auth)
        return prepared

    def _headers(self, wire_: Wire, home: bool) -> CaseInsensitiveDict[str]:
        headers: CaseInsensitiveDict[str] = CaseInsensitiveDict({"User-Agent": USER_AGENT, "Accept": "*/*"})
        scoped = [*self._http.headers.items(), *wire_.headers.items()]
        allowed = [(name, value) for name, value in scoped if home or name.lower() in OPEN_HEADERS]
        for name, value in [*allowed, *wire_.given.items()]:
            # urllib3 would fill in a User-Agent of its own where none is given.
            text = SKIP_HEADER if name.lower() == "user-agent" else None
            if value is not None:
                text = _wire_text(self._reveal(urls.text(value)))
            if text is None:
                headers.pop(name, None)
            else:
                headers[name] = text
        headers.update(wire_.added)  # validators of the server's: a mark in them is not ours
        headers["Accept-Encoding"] = wire_.encodings
        return headers

    def _cookie_header(self, wire_: Wire, prepared: requests.PreparedRequest, home: bool) -> str:
        """The jar's cookies, and at home those that the job names."""
        named = {**self._named, **(wire_.cookies or {})} if home else {}
        own = [f"{name}={self._reveal(urls.text(value))}" for name, value in named.items() if value is not None]
        from_jar = get_cookie_header(self.cookies, prepared)
        return "; ".join([*own, *([from_jar] if from_jar else [])])

    def _auth(self, wire_: Wire, url: str) -> AuthBase | None:
        auth = wire_.auth or self._http.auth
        if auth is None and (pair := urls.userinfo(url)):
            return HTTPBasicAuth(*(part.encode() for part in pair))
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
                self._auths[key] = _AUTHS[kind](*values)
            return self._auths[key]

    def _uploads(self, files: Mapping[str, Any] | None, shown: str = "") -> dict[str, Any] | None:
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

    def _reveal(self, text: str) -> str:
        return secrets.reveal(text, self._lookup)

    def _reveal_all(self, value: Any) -> Any:
        return secrets.reveal_all(value, self._lookup)

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


class _Proxies:
    """Which proxy a URL takes: the job's, else the environment's as it was at the start."""

    def __init__(self, given: Any, reveal: Callable[[str], str]) -> None:
        self._no_proxy: str | None = None
        if isinstance(given, Mapping):
            self._map = {name: reveal(value) for name, value in given.items()}
            self._no_proxy = self._map.pop("no_proxy", None)
        else:
            self._map = urllib.request.getproxies()
            self._no_proxy = self._map.pop("no", None)
        self.is_socks = any(value.startswith("socks") for value in self._map.values())

    def for_url(self, url: str) -> dict[str, str]:
        """The mapping that requests takes."""
        if not self._map or (self._no_proxy and should_bypass_proxies(url, self._no_proxy)):
            return {}
        return self._map


class _Bearer(AuthBase):
    """RFC 6750 section 2.1."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _basic(user: str, password: str) -> AuthBase:
    """UTF-8 as RFC 7617 section 2.1 advises."""
    return HTTPBasicAuth(user.encode(), password.encode())


_AUTHS: dict[str, Callable[..., AuthBase]] = {"basic": _basic, "digest": HTTPDigestAuth, "bearer": _Bearer}


def _wire_text(value: str) -> str:
    """A header value as requests sends it: Latin-1 where it fits, else the bytes of its UTF-8."""
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode().decode("latin-1")
    return value


def _peer(response: requests.Response) -> str | None:
    """The address that answered, or None where there is no socket (a mock) or it is gone already."""
    connection = getattr(response.raw, "_connection", None) or getattr(response.raw, "connection", None)
    sock = getattr(connection, "sock", None)
    try:
        return str(sock.getpeername()[0]) if sock is not None else None
    except OSError:
        return None


# -- exceptions become classes ------------------------------------------------------------------------


def exchange_trouble(error: Exception, url: str, *, socks: bool = False) -> Exception:
    """The class of what stopped an exchange before its headers came; a bug stays what it is."""
    causes = list(_causes(error))
    for kind, cls, sent, message in _EXCHANGE:
        found = next((cause for cause in causes if isinstance(cause, kind)), None)
        if found is not None:
            if socks and cls is errors.ConnectError:
                cls = errors.ProxyError
            final = cls is errors.ProtocolError and isinstance(found, (requests.RequestException, ValueError))
            ours = isinstance(found, requests.exceptions.InvalidHeader)  # its text holds the value, a secret perhaps
            why = "a header holds what no header may" if ours else _short(found)
            return cls(url, f"{message}: {why}", sent=sent, final=final)
    return error


def body_trouble(error: Exception, url: str) -> errors.RequestError:
    """The class of what broke a body."""
    causes = list(_causes(error))
    for kind, cls, message in _BODY:
        found = next((cause for cause in causes if isinstance(cause, kind)), None)
        if found is not None:
            return cls(url, f"{message}: {_short(found)}")
    raise error


_EXCHANGE: tuple[tuple[Any, type[errors.RequestError], bool, str], ...] = (
    (urllib3.exceptions.NameResolutionError, errors.DnsError, False, "the host name has no address"),
    (wire.LookupFailed, errors.DnsError, False, "the host name has no address"),
    (requests.exceptions.ProxyError, errors.ProxyError, False, "the proxy failed"),
    (urllib3.exceptions.ProxyError, errors.ProxyError, False, "the proxy failed"),
    (requests.exceptions.ConnectTimeout, errors.TimeoutError, False, "no connection in time"),
    (requests.exceptions.SSLError, errors.TlsError, False, "TLS failed"),
    (urllib3.exceptions.SSLError, errors.TlsError, False, "TLS failed"),
    (requests.exceptions.ReadTimeout, errors.TimeoutError, True, "no answer in time"),
    (urllib3.exceptions.ReadTimeoutError, errors.TimeoutError, True, "no answer in time"),
    (urllib3.exceptions.NewConnectionError, errors.ConnectError, False, "no connection"),
    (urllib3.exceptions.ProtocolError, errors.ProtocolError, True, "the connection broke"),
    (requests.exceptions.ConnectionError, errors.ConnectError, True, "no connection"),
    (requests.RequestException, errors.ProtocolError, False, "the request cannot be sent"),
    (urllib3.exceptions.HTTPError, errors.ProtocolError, True, "not HTTP"),
    (UnicodeError, errors.ProtocolError, False, "the request cannot be sent"),
    (OSError, errors.ProtocolError, True, "the connection broke"),
)
_BODY: tuple[tuple[Any, type[errors.RequestError], str], ...] = (
    (urllib3.exceptions.IncompleteRead, errors.LengthError, "the body ended early"),
    (urllib3.exceptions.ReadTimeoutError, errors.StalledError, "no bytes came in time"),
    (TimeoutError, errors.StalledError, "no bytes came in time"),
    (urllib3.exceptions.SSLError, errors.TlsError, "TLS failed"),
    (urllib3.exceptions.HTTPError, errors.ProtocolError, "the connection broke"),
    (OSError, errors.ProtocolError, "the connection broke"),
    (ValueError, errors.ProtocolError, "not HTTP"),
    (AttributeError, errors.ProtocolError, "the connection was closed"),
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and all that it wraps: requests and urllib3 hide causes in args, reason and context."""
    seen: set[int] = set()
    queue = [error]
    while queue:
        one = queue.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            queue += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def _short(error: BaseException) -> str:
    """The innermost message, on one line, without object addresses."""
    inner = list(_causes(error))[-1]
    text = (getattr(inner, "strerror", None) or str(inner) or type(inner).__name__).replace("\n", " ")
    return text if len(text) < 200 else text[:200] + "…"
