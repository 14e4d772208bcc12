"""What flows through the program (DESIGN section 5). Frozen values; marks stand for secrets.

    Request -> fetch -> Page -> read -> Reading(items, requests, downloads)
    Download -> downloader -> Outcome -> ledger; Summary tells it

A **place** says where a thing stands in record order: the start entry's number, then
for each page on the way its number in its `next` chain and the position on it. Places
compare as tuples; where a page, item or file is found twice, the finding that is
nearer to the start, and among those the first in order, gives parent, row and name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import field, fields
from typing import TYPE_CHECKING, Any

from scraper import urls
from scraper.values import dataclass

if TYPE_CHECKING:
    from scraper.job.parts import Auth

Place = tuple[int, ...]


def rank(place: Place) -> tuple[int, Place]:
    """By what a finding wins over another of the same thing: nearer first, then record order."""
    return (len(place), place)


_NO_BODY = "[null, null, null]"
"""As JSON writes what nearly all requests have for a body; ledgers hold digests of it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One page to be fetched and the rule that reads it. Texts may hold marks, never templates.

    Attributes:
        params, data, json, files, headers, cookies, auth: as in requests.
        parent: fields of the item whose match held the link, or None.
        row: fields of the list row it came from, or None; row_index counts from 1.
        n: its number in its chain of `next` pages, from 1.
        place: where the chain stands; a page's own place is `place + (n,)`.
        depth: how many links lie between the start and it.
        priority: of those waiting for a host, the highest goes first.
        canonical: whether the page is left for another that it names as its canonical URL.
        found: whether it is a link that a page gave, not a request the job named or built.
        via_public: whether the page that gave it came from a public address.
        homebound: whether secrets in its URL and body go to home origins alone: a form of a page says where it goes.
        first: the request its chain of `next` pages began with; None: itself.
        before: digest of the page before it in that chain; None: there is none.
    """

    method: str
    url: str
    params: Mapping[str, Any] | None = None
    data: Mapping[str, Any] | str | None = None
    json: Any = None
    files: Mapping[str, Any] | None = None
    headers: Mapping[str, Any] | None = None
    cookies: Mapping[str, Any] | None = None
    auth: Auth | None = None
    rule: str | None = None
    parent: Mapping[str, Any] | None = None
    row: Mapping[str, Any] | None = None
    row_index: int = 0
    n: int = 1
    place: Place = (0,)
    depth: int = 0
    priority: int = 0
    canonical: bool = False
    found: bool = False
    via_public: bool = False
    homebound: bool = False
    first: Request | None = None
    before: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is a GET without a body: by its URL alone the page that it asks for."""
        return self.method == "GET" and self.data is None and self.json is None and self.files is None

    @property
    def full_url(self) -> str:
        """The URL with its params, still with marks."""
        return urls.with_params(self.url, self.params)

    @property
    def identity(self) -> str:
        """By what two requests are the same page: method, canonical URL and body (JOBS.md, Pages)."""
        parts = (self.data, self.json, self.files)
        body = _NO_BODY if parts == (None, None, None) else json.dumps(parts, sort_keys=True, default=urls.text)
        text = "\n".join((self.method, urls.canonical(self.full_url), body))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it came: decoded from its content encoding, not yet from its charset.

    Attributes:
        url: the final URL, after redirects.
        headers: names in lower case; a repeated header is joined with ", ".
        private: whether it came from an address that is not public.
        unchanged: whether it is as an earlier run kept it, and the server says that it still is so.
    """

    request: Request
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    private: bool = True
    unchanged: bool = False

    @property
    def content_type(self) -> str | None:
        """The Content-Type header."""
        return self.headers.get("content-type")


@dataclass(frozen=True, slots=True)
class Item:
    """One record: its own fields in the job's order, and where it was found."""

    key: str
    rule: str
    fields: Mapping[str, Any]
    url: str
    place: Place


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be fetched.

    Attributes:
        key: what makes it the same file in the next run; its canonical URL unless the job says.
        keyed: whether the job said.
        path: the rendered path below dest; naming.UNKNOWN_EXT stands where the response completes it.
        template: digest of the path template: a name holds while it is unedited.
        headers: given to this file by the job (`files.headers`); they go wherever it lies.
        accept: bounds and types as `job.model.Accept`, dumped; None: the job's.
        digests: algorithm -> expected hex digest.
        promised: the media type that the page promises, also a wildcard: an `img` leads to `image/*`.
        found: whether a page gave its URL (robots and private addresses are judged), not the job.
    """

    url: str
    key: str
    path: str
    item_key: str | None = None
    rule: str | None = None
    place: Place = (0,)
    keyed: bool = False
    template: str = ""
    headers: Mapping[str, Any] | None = None
    accept: Mapping[str, Any] | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    promised: str | None = None
    found: bool = True
    via_public: bool = False
    found_on: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """An item (or a link or file of it) that failed on a page that was read."""

    url: str
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule found on a page."""

    items: tuple[Item, ...] = ()
    requests: tuple[Request, ...] = ()
    downloads: tuple[Download, ...] = ()
    failures: tuple[Failure, ...] = ()
    skipped: tuple[tuple[Request, str], ...] = ()
    """Links that are not followed, with the why of their ending (`outside`), behind a colon more of it."""
    duplicate_of: str | None = None
    """The canonical URL for which the page was left."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a file ended, once a run.

    Attributes:
        ending: `saved`, `unchanged`, `skipped:<why>` or `failed:<class>` (DESIGN section 3).
        path: its name below dest, as far as it is known.
        url: the final URL, after redirects.
        seconds: from the first byte asked to the ending, waits included.
        why: a sentence for people, for anything but `saved`.
        final: `url`, where a redirect led to it; None: none did.
    """

    ending: str
    path: str = ""
    url: str = ""
    status: int | None = None
    bytes: int = 0
    sha256: str | None = None
    type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    attempts: int = 1
    seconds: float = 0.0
    why: str = ""
    final: str | None = None

    def told(self, attempts: int, seconds: float, *, was_redirected: bool = False) -> Outcome:
        """The same, with how many attempts it took, how long, and whether its URL is that of a redirect."""
        return Outcome(
            self.ending, self.path, self.url, self.status, self.bytes, self.sha256, self.type, self.etag,
            self.last_modified, attempts, seconds, self.why, self.url if was_redirected else None,
        )  # fmt: skip

    @property
    def kind(self) -> str:
        """The first word of the ending: saved, unchanged, skipped, failed."""
        return self.ending.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Stood:
    """What stands under a name on the disk: its inode, its size, and whether it is a folder."""

    inode: int
    size: int
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class PartNote:
    """What the ledger knows of a part on the disk (T2).

    Attributes:
        inode: by what the part is recognised.
        validator: what `If-Range` would say: a strong ETag, or a Last-Modified that is one; None: it cannot be resumed.
        etag, last_modified: as the server sent them with the bytes that are there.
        total: bytes of the whole file, where the server said.
        ranges: half-open byte ranges that are written; None: everything up to the part's size.
        boot: identity of the boot of the machine in which it was written.
    """

    inode: int
    validator: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    total: int | None = None
    ranges: tuple[tuple[int, int], ...] | None = None
    boot: str = ""


@dataclass(slots=True)
class State:
    """What a login leaves: values saved from its pages. Cookies live in the session."""

    saved: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Counts:
    """Counts of one kind; they add up."""

    def __add__(self, other: Any) -> Any:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def as_dict(self) -> dict[str, int]:
        """The counts by name, in the order of the summary."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(slots=True)
class PageCounts(Counts):
    """How pages ended."""

    ok: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0


@dataclass(slots=True)
class ItemCounts(Counts):
    """Items met by the run, and how they compare with what was known."""

    total: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    failed: int = 0


@dataclass(slots=True)
class FileCounts(Counts):
    """How files ended."""

    saved: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0


@dataclass(slots=True)
class Summary:
    """What a run came to; `as_dict` is the object of `--json` (DESIGN section 2). Adds up with `+`."""

    job: str
    run: str
    exit_code: int = 0
    pages: PageCounts = field(default_factory=PageCounts)
    items: ItemCounts = field(default_factory=ItemCounts)
    files: FileCounts = field(default_factory=FileCounts)
    bytes: int = 0
    seconds: float = 0.0
    failures: list[dict[str, str]] = field(default_factory=list)

    def __add__(self, other: Summary) -> Summary:
        return Summary(
            self.job,
            self.run,
            max(self.exit_code, other.exit_code),
            self.pages + other.pages,
            self.items + other.items,
            self.files + other.files,
            self.bytes + other.bytes,
            self.seconds + other.seconds,
            (self.failures + other.failures)[:20],
        )

    @property
    def failed(self) -> bool:
        """Whether anything failed."""
        return bool(self.pages.failed or self.items.failed or self.files.failed or self.failures)

    def as_dict(self) -> dict[str, Any]:
        """The summary as JSON, keys in the order of the contract."""
        return {
            "job": self.job,
            "run": self.run,
            "exit_code": int(self.exit_code),
            "pages": self.pages.as_dict(),
            "items": self.items.as_dict(),
            "files": self.files.as_dict(),
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "failures": self.failures[:20],
        }
