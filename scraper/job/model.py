"""The job file as types: what JOBS.md allows, and nothing else.

Values stay as they were written: a text with `{{` is still text here; job/load.py
checks it and job/template.py renders it. Everything is frozen.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    WithJsonSchema,
    model_validator,
)

from scraper.job.after import Commands, Cron, Limits, Metrics, Notices, TimeZone
from scraper.job.cases import Cases
from scraper.job.parts import (
    LANGUAGES,
    AnyMethod,
    Bool,
    Bound,
    Count,
    Expect,
    Http,
    Int,
    Json,
    LoginStep,
    LongSelector,
    Model,
    Polite,
    RequestParts,
    Scalar,
    Selector,
    Size,
    Start,
    StartEntry,
    Texts,
    Upload,
    by_kind,
    chosen_by,
    tag,
)


class FollowLinks(Model):
    """Links that a selector finds."""

    select: Selector
    same: Literal["host", "domain", "any"] = "host"
    allow: str | None = None
    deny: str | None = None
    depth: Count | None = None
    when: Selector | None = None
    max_pages: Count | None = None
    priority: Int = 0
    nofollow: Literal["obey", "ignore"] = "ignore"
    canonical: Literal["obey", "ignore"] = "ignore"


class FollowRequest(RequestParts):
    """A request that is built; it goes to any host."""

    url: str
    method: AnyMethod = "GET"
    files: dict[str, Upload] | None = None
    depth: Count | None = None
    when: Selector | None = None
    max_pages: Count | None = None
    priority: Int = 0


class FollowForm(Model):
    """A form of the page, sent."""

    form: str
    data: dict[str, Json] = {}
    when: Selector | None = None


_FOLLOW_MODELS = {"FollowLinks": "links", "FollowRequest": "request", "FollowForm": "form"}


def _follow_kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, BaseModel):
        return {FollowLinks: "links", FollowRequest: "request", FollowForm: "form"}.get(type(value), "selector")
    keys = {"form": "form", "select": "links", "url": "request"}
    return next((tag for key, tag in keys.items() if isinstance(value, dict) and key in value), "selector")


Follow = Annotated[
    Annotated[str, tag("text")]
    | Annotated[LongSelector, tag("selector")]
    | Annotated[FollowLinks, tag("links")]
    | Annotated[FollowRequest, tag("request")]
    | Annotated[FollowForm, tag("form")],
    chosen_by(_follow_kind),
]

# -- next ----------------------------------------------------------------------------------------------

Where = Literal["params", "data", "json"]
Limit = Annotated[
    Annotated[Int, tag("number")] | Annotated[str, tag("text")] | Annotated[LongSelector, tag("selector")],
    by_kind((int, "number"), (str, "text"), (dict, "selector"), (LongSelector, "selector")),
]


class NextModel(Model):
    """What every kind of `next` may carry."""

    when: Selector | None = None
    max_pages: Count | None = None
    until: Literal["seen"] | None = None


class NextSelect(NextModel):
    """The next URL, found by a selector."""

    select: Selector


class NextUrl(NextModel):
    """The next URL, found by a selector (the name that APIs use)."""

    url: Selector


class NextPage(NextModel):
    """A page number that counts up."""

    page: str
    first: Int = 1
    last: Limit | None = None
    step: Int = 1
    in_: Where = Field(default="params", alias="in")


class NextOffset(NextModel):
    """An offset that grows by `step`."""

    offset: str
    step: Count
    first: Int = 0
    total: Limit | None = None
    last: Limit | None = None
    in_: Where = Field(default="params", alias="in")


def _cursor_kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    long = isinstance(value, LongSelector) or (isinstance(value, dict) and bool(set(value) & set(LANGUAGES)))
    return "selector" if long else "mapping"


class NextCursor(NextModel):
    """A value found in the page is sent as a parameter of the next request."""

    cursor: Annotated[
        Annotated[str, tag("text")]
        | Annotated[LongSelector, tag("selector")]
        | Annotated[dict[str, Selector], tag("mapping")],
        chosen_by(_cursor_kind),
    ]
    param: str | None = None
    in_: Where = Field(default="params", alias="in")


class NextLink(NextModel):
    """A relation of the Link header (RFC 8288)."""

    link: str


class NextForm(NextModel):
    """A form of the page, sent with `data` and what `cursor` finds."""

    form: str
    data: dict[str, Json] = {}
    cursor: dict[str, Selector] = {}


_NEXT = {
    "form": "form", "page": "page", "offset": "offset", "cursor": "cursor", "link": "link", "url": "url",
    "select": "select",
}  # fmt: skip
_NEXT_MODELS = {
    "NextForm": "form", "NextPage": "page", "NextOffset": "offset", "NextCursor": "cursor",
    "NextLink": "link", "NextUrl": "url", "NextSelect": "select", "LongSelector": "selector",
}  # fmt: skip


def _next_kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, dict):
        return next((tag for key, tag in _NEXT.items() if key in value), "selector")
    return _NEXT_MODELS.get(type(value).__name__, "text")


Next = Annotated[
    Annotated[str, tag("text")]
    | Annotated[LongSelector, tag("selector")]
    | Annotated[NextSelect, tag("select")]
    | Annotated[NextUrl, tag("url")]
    | Annotated[NextPage, tag("page")]
    | Annotated[NextOffset, tag("offset")]
    | Annotated[NextCursor, tag("cursor")]
    | Annotated[NextLink, tag("link")]
    | Annotated[NextForm, tag("form")],
    chosen_by(_next_kind),
]

# -- files ---------------------------------------------------------------------------------------------


class Accept(Model):
    """What a file must be; bounds are bytes and pixels."""

    types: tuple[str, ...] | None = None
    min_bytes: Size | None = None
    max_bytes: Size | None = None
    min_width: Count | None = None
    max_width: Count | None = None
    min_height: Count | None = None
    max_height: Count | None = None

    def asked(self) -> dict[str, Any]:
        """What is asked of a file, by key."""
        return self.model_dump(exclude_none=True)


DIGESTS = ("md5", "sha1", "sha256", "sha512")


class FileSpec(Model):
    """Files of an item: what selects or builds their URLs, and what is known of them."""

    select: Selector | None = None
    url: str | None = None
    path: str | None = None
    accept: Accept | None = None
    headers: dict[str, Scalar] | None = None
    key: str | None = None
    when: Selector | None = None
    md5: Selector | None = None
    sha1: Selector | None = None
    sha256: Selector | None = None
    sha512: Selector | None = None

    @model_validator(mode="after")
    def _one(self) -> FileSpec:
        if self.select is not None and self.url is not None:
            raise ValueError("give select or url, not both")
        return self


def _file_kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, (list, tuple)):
        return "list"
    if isinstance(value, LongSelector) or (isinstance(value, dict) and set(value) & set(LANGUAGES)):
        return "selector"
    return "spec"


_OneFile = Annotated[str, tag("text")] | Annotated[LongSelector, tag("selector")] | Annotated[FileSpec, tag("spec")]
OneFile = Annotated[_OneFile, chosen_by(_file_kind)]
Files = Annotated[
    Annotated[str, tag("text")]
    | Annotated[LongSelector, tag("selector")]
    | Annotated[FileSpec, tag("spec")]
    | Annotated[tuple[OneFile, ...], tag("list")],
    chosen_by(_file_kind),
]


class FileSettings(Model):
    """How files are named and fetched."""

    path: str = "{{ filename }}"
    jobs: Count = 16
    existing: Literal["skip", "check", "overwrite", "fail"] = "skip"
    accept: Accept = Accept.model_construct()
    segments: Count = 4
    transport: Literal["auto", "curl", "requests"] = "auto"
    mtime: Literal["server", "now"] = "server"
    duplicates: Literal["keep", "link", "copy"] = "keep"
    durable: Bool = False


# -- rules ---------------------------------------------------------------------------------------------

Read = Literal["html", "json", "xml", "feed", "text"]
OWN_LANGUAGE: dict[str, str] = {
    "html": "css",
    "json": "jmespath",
    "feed": "jmespath",
    "xml": "xpath",
    "text": "regex",
}


def _field_kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    is_nested = isinstance(value, Nested) or (isinstance(value, dict) and "item" in value)
    return "fields" if is_nested else "selector"


class Nested(Model):
    """A field that has fields of its own: one object, or with `each` a list of one for each match."""

    each: Selector | None = None
    item: Annotated[dict[str, ItemField], Field(min_length=1)]


ItemField = Annotated[
    Annotated[str, tag("text")] | Annotated[LongSelector, tag("selector")] | Annotated[Nested, tag("fields")],
    chosen_by(_field_kind),
]


class Rule(Model):
    """How a kind of page is read."""

    read: Read = "html"
    parser: Literal["lxml", "lexbor"] = "lxml"
    expect: Expect | None = None
    each: Selector | None = None
    when: Selector | None = None
    item: dict[str, ItemField] = {}
    key: Texts = ()
    files: Files | None = None
    follow: dict[str, Follow] = {}
    next: Next | None = None
    max_pages: Count | None = None

    @property
    def file_specs(self) -> tuple[FileSpec, ...]:
        """`files` in one shape."""
        given = self.files if isinstance(self.files, tuple) else () if self.files is None else (self.files,)
        return tuple(one if isinstance(one, FileSpec) else FileSpec(select=one) for one in given)

    @property
    def language(self) -> str:
        """The language in which its selectors are written."""
        return OWN_LANGUAGE[self.read]


# -- the rest ------------------------------------------------------------------------------------------


class Records(Model):
    """Where the records go, and what becomes of those that are gone."""

    path: str = "records.jsonl"
    gone: Literal["drop", "keep"] = "drop"

    @model_validator(mode="after")
    def _suffix(self) -> Records:
        if not self.path.endswith((".jsonl", ".csv", ".sqlite", ".db", ".parquet")):
            raise ValueError("records are written as .jsonl, .csv, .sqlite, .db or .parquet")
        if not _is_below(self.path):
            raise ValueError("records stand below dest: no leading /, no .., not in .scraper")
        return self


def _is_below(path: str) -> bool:
    """Whether a path of ours stands below dest, and not where the ledger is."""
    *folders, name = path.split("/")
    return all(folders) and not {".", ".."} & {*folders, name} and ".scraper" not in folders[:1] and "\\" not in path


def _archive(value: str) -> str:
    if not value.endswith((".warc", ".warc.gz")) or value.rpartition("/")[2] in (".warc", ".warc.gz"):
        raise ValueError(f'{value!r}: an archive is a WARC; call it "pages.warc.gz", or .warc')
    if not _is_below(value):
        raise ValueError("the archive stands below dest: no leading /, no .., not in .scraper")
    return value


class RunExpect(Model):
    """What a run must bring, else exit 7."""

    items: Bound | None = None
    files: Bound | None = None
    failed: Bound | None = None
    filled: dict[str, Bound] = {}
    drop: Bound | None = None


_NAME = re.compile(r"[a-z0-9_-]+")


def _records(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f"{value!r}: a name is made of a-z, 0-9, _ and -")
    return value


class Job(Model):
    """A whole job file."""

    name: Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": "^[a-z0-9_-]+$"})]
    about: str = ""
    dest: str | None = None
    vars: dict[str, Json] = {}
    http: Http = Http.model_construct()
    polite: Polite = Polite.model_construct()
    login: tuple[LoginStep, ...] = ()
    start: Annotated[tuple[Start, ...], Field(min_length=1)]
    rules: dict[str, Rule] = {}
    files: FileSettings = FileSettings.model_construct()
    records: Annotated[
        Records,
        BeforeValidator(_records, json_schema_input_type=str | Records),
    ] = Records.model_construct()
    archive: Annotated[str, AfterValidator(_archive)] | None = None
    expect: RunExpect = RunExpect.model_construct()
    limits: Limits = Limits.model_construct()
    schedule: Cron | None = None
    timezone: TimeZone | None = None
    on_finish: Commands = ()
    on_failure: Commands = ()
    on_file: Commands = ()
    notify: Notices = ()
    metrics: Metrics = Metrics.model_construct()
    tests: Cases = {}

    def entry(self, index: int) -> StartEntry:
        """The start entry at `index`, a bare URL as an entry too."""
        given = self.start[index]
        return StartEntry(url=given) if isinstance(given, str) else given

    def rule_of(self, entry: StartEntry) -> str | None:
        """The name of the rule that reads an entry: its own, else the first; None for files without one."""
        if entry.rule is not None or entry.as_ == "files":
            return entry.rule
        return next(iter(self.rules), None)
