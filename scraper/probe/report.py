"""What a probe found, section by section, as plain values: `Report.as_dict()` is what `--json` prints."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong.

    Attributes:
        stage: `dns`, `tcp`, `proxy`, `tls`, `http` or `service`.
        name: as systems call it: ECONNREFUSED, EAI_NONAME, CERTIFICATE_EXPIRED, 404, or a class of endings.
        message: what it means; next: what to do now. One line each.
    """

    stage: str
    name: str
    message: str
    next: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the resolver says of one family of addresses; seconds are None for an address that was written."""

    family: str
    addresses: tuple[str, ...] = ()
    seconds: float | None = None
    error: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """A TCP connection to one address."""

    address: str
    port: int
    seconds: float
    error: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy of the URL, without its user and password.

    Attributes:
        source: `job` or `environment`.
        tunnel: what it said to being asked for a tunnel; None where none is needed, or none was asked for yet.
    """

    url: str
    source: str
    tunnel: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says of itself; times are ISO 8601, days count from now to its end."""

    subject: str
    names: tuple[str, ...]
    issuer: str
    since: str
    until: str
    days: int
    self_signed: bool


@dataclass(frozen=True, slots=True)
class Tls:
    """A handshake.

    Attributes:
        version, cipher: that were negotiated; None where no handshake succeeded.
        versions: by name (`1.0` to `1.3`): `taken`, `refused`, or `unknown` and why.
        certificate: None where none could be read.
        verified: whether it holds; why: if not. checked: whether a run would care (`http.verify`).
    """

    version: str | None = None
    cipher: str | None = None
    seconds: float | None = None
    versions: dict[str, str] = field(default_factory=dict)
    certificate: Certificate | None = None
    verified: bool = False
    why: str | None = None
    checked: bool = True


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent at one hop, by the rules of net/outgoing.py.

    Attributes:
        headers: names; with their text where a secret stands in it, as its mark.
        cookies: names. auth: kind and user. certificate: whether ours is shown.
        withheld: what the job sends home and not here.
    """

    headers: tuple[str, ...]
    cookies: tuple[str, ...] = ()
    auth: str | None = None
    certificate: bool = False
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hop:
    """One exchange; status is None where there was no answer."""

    method: str
    url: str
    sent: Sent
    status: int | None = None
    reason: str = ""
    location: str | None = None
    seconds: float = 0.0
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of the last answer.

    Attributes:
        content_length: bytes; None where it is not said, or no number.
        validator: `strong`, `weak`, or None: there is none.
        set_cookie: names, of all hops.
    """

    status: int
    url: str
    content_type: str | None
    content_length: int | None
    content_encoding: str | None
    last_modified: str | None
    etag: str | None
    validator: str | None
    accept_ranges: str | None
    cache_control: str | None
    retry_after: str | None
    set_cookie: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ranges:
    """What one byte that was asked for showed.

    Attributes:
        served: whether a part came; None: nobody knows.
        resume: whether a run would continue a part; why: in words.
    """

    status: int | None
    served: bool | None
    resume: bool
    why: str


@dataclass(frozen=True, slots=True)
class Robots:
    """What robots.txt says of the URL, if a page gave it as a link.

    Attributes:
        asked: whether it was asked for; a run asks as well.
        allowed: None: not known. line, text: the line that decided. delay: Crawl-delay in seconds.
    """

    asked: bool
    agent: str
    allowed: bool | None
    why: str
    url: str = ""
    status: int | None = None
    line: int | None = None
    text: str | None = None
    delay: float | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """The server's clock: seconds by which it is ahead of ours."""

    date: str
    ahead: float


@dataclass(frozen=True, slots=True)
class Service:
    """A talk over TCP or UDP, escaped and cut.

    Attributes:
        said: what came first, unasked. sent: what was sent; None: nothing. answer: what came to that.
        expected: whether it is what the named service says; None: no service was named.
    """

    address: str
    said: str | None
    sent: str | None
    answer: str | None
    seconds: float | None
    service: str | None = None
    expected: bool | None = None


@dataclass(slots=True)
class Report:
    """All of it; what was not come to is None or empty."""

    url: str
    kind: str
    job: str | None = None
    notes: list[str] = field(default_factory=list)
    proxy: Proxy | None = None
    dns: list[Lookup] = field(default_factory=list)
    tcp: list[Reach] = field(default_factory=list)
    tls: Tls | None = None
    hops: list[Hop] = field(default_factory=list)
    answer: Answer | None = None
    ranges: Ranges | None = None
    robots: Robots | None = None
    clock: Clock | None = None
    service: Service | None = None
    failures: list[Trouble] = field(default_factory=list)
    connections: int = 0
    requests: int = 0
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0: reached, and answered below 400; 4: not."""
        return 4 if self.failures else 0

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {**asdict(self), "exit_code": self.exit_code}
