"""What goes out: headers, cookies and credentials of one exchange, put together anew for its origin.

    outgoing = Outgoing(http, lookup, home, folder)
    outgoing.headers(wire), outgoing.cookie_header(wire, url, named), outgoing.auth(wire, url)

Both transports send what is put together here, so what one origin may see does not hang
on who sends it. Secrets go only to the origins that the job names (JOBS.md, Secrets);
anything else gets User-Agent, Accept and Accept-Language. Marks are replaced by their
values here and nowhere else; what comes in passes the other way (`conceal`): a mark for
each secret that is echoed. The environment's proxies, CA bundle and netrc are read here,
once, and not at every request.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from scraper import __version__, errors, secrets, urls
from scraper.net import wire
from scraper.net.proxies import Proxies
from scraper.values import dataclass

if TYPE_CHECKING:
    from scraper.job.parts import Auth, Http
    from scraper.net.cookies import Jar
    from scraper.net.detour import Detour

USER_AGENT = f"scraper-jobs/{__version__}"
OPEN_HEADERS = frozenset({"user-agent", "accept", "accept-language"})
# RFC 9110 section 5.6.2
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_ESCAPE = re.compile("%[0-9a-f]{2}", re.IGNORECASE)
_BREAKS = re.compile(r"[\r\n\0]")
_FORGED = re.compile("\u00ef\u00b7[\u0090-\u00af]")  # U+FDD0 to U+FDEF in UTF-8, as Latin-1 shows it


NONE: Mapping[str, Any] = MappingProxyType({})
"""No headers."""


class UnsendableError(Exception):
    """A header that would break out of its line, or a mark that stands for no secret of the job."""


class Credentials(NamedTuple):
    """Who asks: `kind` is basic, digest or bearer; a bearer's token is the user."""

    kind: str
    user: str
    password: str = ""


@dataclass(frozen=True, slots=True)
class Wire:
    """One exchange, with marks.

    `given` headers are a file's own and go to any host; `added` are ours (Range, If-None-Match).
    `guarded`: a private address is refused. `deadline`: seconds that all of it may take.
    """

    method: str
    url: str
    headers: Mapping[str, Any] = field(default_factory=lambda: NONE)
    given: Mapping[str, Any] = field(default_factory=lambda: NONE)
    added: Mapping[str, str | None] = field(default_factory=lambda: NONE)
    cookies: Mapping[str, Any] | None = None
    auth: Auth | None = None
    data: Any = None
    json: Any = None
    files: Mapping[str, Any] | None = None
    encodings: str = "gzip, deflate"
    deadline: float | None = None
    guarded: bool = False


class Outgoing:
    """`http:` in force. May be used from many threads.

    Args:
        http: rendered settings, marks inside.
        lookup: from a mark's name to the secret.
        home: origins that may see auth, cookies, cert and headers.
        folder: what relative paths in `http:` are relative to.

    Attributes:
        cookies: the jar of the run: both transports read it and put into it.
        bearer: the token of the login, in the place of `http.auth`; not for token_endpoint, which gives it.
        on_cookies: is told what came for the jar, and from which URL, after it was put there.
        on_secret: is told the name and value of what is a secret too, once it goes out: the Base64 of a password.
        tap: listens in on every exchange; to be set before transports are made.
        detour: where every connection goes, whatever its URL, since a tape is replayed; to be set as early.
        verify: False, a path, or True for the bundle that is shipped; cert: one path, or that of certificate and key.
    """

    def __init__(self, http: Http, lookup: secrets.Lookup, home: Iterable[str], folder: Path) -> None:
        self.http = http
        self.folder = folder
        self._lookup = lookup
        self._sent: dict[str, str] = {}
        self._home = set(home)
        self._jar: Jar | None = None
        self._making = threading.Lock()
        self._era = 0
        self._login_by: int | None = None
        self.bearer: Auth | None = None
        self.token_endpoint = ""
        self.on_cookies: Callable[[str, Sequence[str]], None] | None = None
        self.on_secret: Callable[[str, str], None] | None = None
        self.tap: Any = None  # of net/tap.py, which knows this module
        self.detour: Detour | None = None
        self._named = self._settle_cookies()
        self.verify = self._settle_verify()
        self.cert = self._settle_cert()
        self.proxies = Proxies(http.proxies, self.reveal)

    @property
    def home(self) -> frozenset[str]:
        """The origins that may see secrets."""
        return frozenset(self._home)

    def is_home(self, url: str) -> bool:
        """Whether the job's secrets may go to this URL."""
        return urls.origin(url) in self._home

    @property
    def home_hosts(self) -> frozenset[str]:
        """The hosts of the origins that may see secrets."""
        return frozenset(map(urls.host_of, self._home))

    @property
    def cookies(self) -> Jar:
        """The jar, made when there is something to put into it: what it needs takes a while to load."""
        with self._making:
            if self._jar is None:
                from scraper.net import cookies

                self._jar = cookies.Jar(self.is_home)
            return self._jar

    @contextmanager
    def logging_in(self) -> Iterator[None]:
        """This thread logs in: only what it is answered counts, and from then on what is asked afterwards.

        A page that was asked before comes back with the cookie of a stranger, which would undo the login.
        """
        self._era, self._login_by = self._era + 1, threading.get_ident()
        try:
            with self.held():
                yield
        finally:
            self._era, self._login_by = self._era + 1, None

    def held(self) -> AbstractContextManager[None]:
        """What this thread exchanges meanwhile may bring secrets that are known as such only when it is over."""
        if self.tap is None:
            return nullcontext()
        holding: AbstractContextManager[None] = self.tap.holding()
        return holding

    @property
    def era(self) -> int:
        """By what the cookies of an exchange are judged that begins now, in this thread."""
        return self._era if self._login_by in (None, threading.get_ident()) else -1

    def take_cookies(self, url: str, given: Sequence[str], era: int) -> None:
        """What the Set-Cookie headers of an answer say goes into the jar, as far as its policy allows.

        Args:
            era: when the exchange began; where there was a login since, its cookies are those of a stranger.
        """
        if era != self._era:
            return
        self.put_cookies(url, given)
        if self.on_cookies is not None:
            self.on_cookies(url, given)

    def put_cookies(self, url: str, given: Sequence[str]) -> None:
        """As `take_cookies`, but nobody is told: they came by another process."""
        self.cookies.take(url, given)

    @property
    def _has_jar(self) -> bool:
        """Whether any cookie came."""
        return self._jar is not None

    @cached_property
    def is_direct(self) -> bool:
        """Whether no URL takes a proxy, and no origin is shown a certificate of ours."""
        return self.detour is not None or (self.cert is None and not self.proxies)

    def is_proxied(self, url: str) -> bool:
        """Whether a proxy, or a tape, stands between us and this URL: then its name is not ours to look up."""
        return self.detour is not None or self.proxies.is_for(url)

    @property
    def has_sent_secrets(self) -> bool:
        """Whether any secret went out, which an answer may echo."""
        return bool(self._sent)

    def conceal(self, text: str) -> str:
        """Text that came, with marks for the secrets that it echoes."""
        return secrets.conceal(text, self._sent) if self._sent else text

    def header_texts(self, headers: dict[str, str]) -> dict[str, str]:
        """`header_text` of each; the same mapping where nothing is to be changed."""
        if not self._sent:
            whole = "".join(headers.values())
            if whole.isascii() and "\t" not in whole:
                return headers
        return {name: self.header_text(value) for name, value in headers.items()}

    def header_text(self, value: str) -> str:
        """A header that came, echoes concealed, without noncharacters that could forge a mark once read as UTF-8.

        A tab becomes the blank it stands for: whoever takes tabs out of a URL must not find a mark then.
        """
        if not value.isascii():
            value = _FORGED.sub("\u00ef\u00bf\u00bd", value)
        return self.conceal(value.replace("\t", " "))

    # -- one request -----------------------------------------------------------------------------------

    @cached_property
    def _is_plain(self) -> bool:
        """Whether every origin gets the same: no credentials, cookies, or headers that only some may see."""
        return self._all_open and self.http.auth is None and not self._named

    def is_common(self, wire_: Wire) -> bool:
        """Whether an exchange carries what all others carry too, so that it need be put together only once."""
        is_own = wire_.headers or wire_.given or wire_.added or wire_.cookies or wire_.auth
        return self._is_plain and self.bearer is None and not is_own and "@" not in wire_.url and not self._has_jar

    def url(self, wire_: Wire) -> str:
        """The URL as it goes out: both transports send these bytes (urls.sendable).

        Raises:
            UnsendableError: it is no http or https URL.
        """
        try:
            url = urls.sendable(self.reveal(urls.without_userinfo(wire_.url) if "@" in wire_.url else wire_.url))
        except ValueError as error:
            raise UnsendableError(str(error)) from error
        auth = self._auth_for(wire_)
        if auth is None or auth.digest is None or "%" not in url:
            return url
        return _ESCAPE.sub(lambda found: found[0].upper(), url)  # as libcurl hashes it, so that is what must be sent

    def headers(self, wire_: Wire) -> dict[str, str | None]:
        """The headers by their names as given, cookies and credentials not among them; None: not to be sent at all.

        A later header replaces an earlier one of the same name, whatever its case.

        Raises:
            UnsendableError: a name that is none, a value with a line break, a mark without its secret.
        """
        if not (wire_.headers or wire_.given or wire_.added):
            home = self._home_headers if self._all_open or self.is_home(wire_.url) else self._open_headers
            return {**home, "Accept-Encoding": wire_.encodings}
        found = _Merged(self._defaults)
        scoped = [*self.http.headers.items(), *wire_.headers.items()]
        home_ = self.is_home(wire_.url)
        allowed = [(name, value) for name, value in scoped if home_ or name.lower() in OPEN_HEADERS]
        for name, value in [*allowed, *wire_.given.items(), *wire_.added.items()]:
            found.put(name, self._header_value(name, value))
        found.put("Accept-Encoding", wire_.encodings)
        return found.headers()

    _defaults = {"User-Agent": USER_AGENT, "Accept": "*/*"}

    @cached_property
    def _all_open(self) -> bool:
        """Whether the job's headers are such as anybody may see."""
        return all(name.lower() in OPEN_HEADERS for name in self.http.headers)

    @cached_property
    def _home_headers(self) -> dict[str, str | None]:
        return self._merged(self.http.headers.items())

    @cached_property
    def _open_headers(self) -> dict[str, str | None]:
        return self._merged((name, value) for name, value in self.http.headers.items() if name.lower() in OPEN_HEADERS)

    def _merged(self, given: Iterable[tuple[str, Any]]) -> dict[str, str | None]:
        found = _Merged(self._defaults)
        for name, value in given:
            found.put(name, self._header_value(name, value))
        return found.headers()

    def _header_value(self, name: str, value: Any) -> str | None:
        if not _TOKEN.fullmatch(name):
            raise UnsendableError(f"{name!r} is no name of a header")
        return None if value is None else wire_text(name, self.reveal(urls.text(value)))

    def cookie_header(self, wire_: Wire, url: str) -> str:
        """The jar's cookies for the URL as it goes out, and at home those that the job names; "" where there are none.

        Raises:
            UnsendableError: as for headers.
        """
        named = {**self._named, **(wire_.cookies or {})} if self.is_home(wire_.url) else {}
        own = [f"{name}={self.reveal(urls.text(value))}" for name, value in named.items() if value is not None]
        if self._has_jar:
            own += filter(None, [self.cookies.header_for(url)])
        return wire_text("Cookie", "; ".join(own))

    def auth(self, wire_: Wire, url: str) -> Credentials | None:
        """At home the request's own, the job's, else the user and password of the URL; `url` is as it goes out."""
        auth = self._auth_for(wire_)
        if auth is None and "@" not in wire_.url:
            return None
        if not self.is_home(wire_.url):
            return None
        if auth is None:
            pair = urls.userinfo(wire_.url)
            return self._credentials("basic", pair) if pair else None
        if auth.netrc:
            return _from_netrc(url) if self.detour is None else None
        kind = "basic" if auth.basic else "digest" if auth.digest else "bearer"
        return self._credentials(kind, auth.basic or auth.digest or (auth.bearer or "",))

    def _auth_for(self, wire_: Wire) -> Auth | None:
        """The request's own, else the token of the login, else the job's."""
        usual = self.http.auth if self.bearer is None or wire_.url == self.token_endpoint else self.bearer
        return wire_.auth or usual

    def _credentials(self, kind: str, given: tuple[str, ...]) -> Credentials:
        """With the secrets' values; what basic authentication makes of them is a secret from now on."""
        found = Credentials(kind, *map(self.reveal, given))
        if kind == "basic" and (marks := secrets.names("".join(given))):
            self._learn(f"basic:{marks[-1]}", basic_header(found).removeprefix("Basic "))
        return found

    def _learn(self, name: str, value: str) -> None:
        """One more text that goes out and may be echoed: a secret in another spelling."""
        if self._sent.get(name) != value:
            self._sent[name] = value
            if self.on_secret is not None:
                self.on_secret(name, value)

    def _look(self, name: str) -> str:
        """The value of a secret, noted because from now on an answer may echo it."""
        value = self._known(name)
        if value is None:
            whose = "the login does not save" if name.startswith("saved:") else "the job does not name"
            raise UnsendableError(f"it needs {{{name}}}, which {whose} any more; give it back, or begin a run anew")
        self._sent[name] = value
        return value

    def _known(self, name: str) -> str | None:
        try:
            return self._lookup(name)
        except KeyError:
            return None

    def reveal(self, text: str) -> str:
        """A text with its marks as values."""
        if text.isascii():
            return text  # a mark is not
        return secrets.reveal(text, self._look)

    def reveal_all(self, value: Any) -> Any:
        """As `reveal`, for each text in a JSON-like value."""
        return secrets.reveal_all(value, self._look)

    def uploads(self, files: Mapping[str, Any] | None, shown: str) -> dict[str, Any] | None:
        """`name: path` or `[path, filename, type]` as requests takes them; each sending reads the file anew."""
        if not files:
            return None
        found: dict[str, Any] = {}
        for name, given in files.items():
            path, *rest = (given,) if isinstance(given, str) else tuple(given)
            try:
                content = (self.folder / path).read_bytes()
            except OSError as error:
                why = f"{path} cannot be read: {error.strerror}"
                raise errors.WriteError(shown, why, sent=False, final=True) from error
            found[name] = (rest[0] if rest else Path(path).name, content, *rest[1:])
        return found

    # -- settled once ----------------------------------------------------------------------------------

    def _settle_cookies(self) -> dict[str, Any]:
        given = self.http.cookies
        if isinstance(given, str):
            if self._is_unmade(given):
                return {}
            from scraper.net import cookies

            self.cookies.fill(cookies.read_cookies_txt(self.folder / given))
            return {}
        return dict(given)

    def _is_unmade(self, path: str) -> bool:
        """Whether this very run is to make a file of cookies: the first one begins without."""
        saved = self.http.save_cookies
        return saved is not None and Path(saved) == Path(path) and not (self.folder / path).exists()

    def _settle_verify(self) -> bool | str:
        verify = self.http.verify
        if isinstance(verify, str):
            return str(self.folder / verify)
        return (wire.ca_bundle() or True) if verify else False

    def _settle_cert(self) -> str | tuple[str, str] | None:
        cert = self.http.cert
        if cert is None or isinstance(cert, str):
            return cert and str(self.folder / cert)
        return str(self.folder / cert[0]), str(self.folder / cert[1])


class _Merged:
    """Headers, a later one in the place of an earlier one of the same name."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._found: dict[str, tuple[str, str | None]] = {name.lower(): (name, value) for name, value in given.items()}

    def put(self, name: str, value: str | None) -> None:
        self._found[name.lower()] = (name, value)

    def headers(self) -> dict[str, str | None]:
        return dict(self._found.values())


def wire_text(name: str, value: str) -> str:
    """A header value as it is sent: Latin-1 where it fits, else the bytes of its UTF-8.

    White space around it is no part of it (RFC 9110 section 5.5).

    Raises:
        UnsendableError: it holds a line break or NUL.
    """
    value = value.strip(" \t")
    if _BREAKS.search(value):
        raise UnsendableError(f"the header {name} holds a line break or NUL")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode().decode("latin-1")
    return value


def basic_header(found: Credentials) -> str:
    """The Authorization header of basic and bearer; UTF-8 as RFC 7617 section 2.1 advises (RFC 6750 2.1)."""
    from base64 import b64encode

    if found.kind == "bearer":
        return wire_text("Authorization", f"Bearer {found.user}")
    return "Basic " + b64encode(f"{found.user}:{found.password}".encode()).decode()


def _from_netrc(url: str) -> Credentials | None:
    """What the netrc of the environment says for this host, else for `default`: NETRC, ~/.netrc, ~/_netrc."""
    named = [os.environ["NETRC"]] if os.environ.get("NETRC") else ["~/.netrc", "~/_netrc"]
    path = next((path for path in map(os.path.expanduser, named) if os.path.isfile(path)), None)
    if path is None:
        return None
    import netrc

    try:
        found = netrc.netrc(path).authenticators(urls.host_of(url))
    except (netrc.NetrcParseError, OSError) as error:
        raise UnsendableError(f"{path} cannot be read: {error}") from error
    return Credentials("basic", found[0] or found[1] or "", found[2] or "") if found else None
