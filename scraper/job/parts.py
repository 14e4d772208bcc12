"""The words that job/model.py is made of: scalars, selectors, and what `requests` is told.

Where JOBS.md allows several shapes for one thing (`"h1"` or `{css: h1, type: int}`),
the type is a union whose member is chosen by looking at the value (`by_kind`), so
that a mistake is told once and about the shape that was meant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    Tag,
    ValidationInfo,
    model_validator,
)

from scraper import units

Bool = Annotated[bool, Strict()]
Int = Annotated[int, Strict()]
Count = Annotated[int, Strict(), Field(ge=1)]
Seconds = Annotated[float, Strict(), Field(ge=0)]
Scalar = (
    Annotated[str, Strict()] | Annotated[int, Strict()] | Annotated[float, Strict()] | Annotated[bool, Strict()] | None
)
Json = Any
"""Any value of YAML; texts in it may be templates."""


class Model(BaseModel):
    """A mapping with known keys only."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=False, allow_inf_nan=False, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _noted(cls, data: Any, info: ValidationInfo) -> Any:
        """Notes in the context, where there is one, what a mapping was meant to be (job/words.py)."""
        if isinstance(info.context, dict) and isinstance(data, dict):
            info.context[id(data)] = cls
        return data


def parsed(parse: Callable[[Any], Any], *kinds: type) -> Any:
    """A validator that shows the value to `parse` and keeps it as it is: its mistakes are told at the key."""

    def check(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise ValueError(f"expected {' or '.join('text' if kind is str else 'a number' for kind in kinds)}")
        parse(value)
        return value

    return BeforeValidator(check)


Size = Annotated[int | str, parsed(units.size, str, int)]
SomeSize = Annotated[int | str, parsed(units.some(units.size), str, int)]
Rate = Annotated[int | str, parsed(units.rate, str, int)]
Delay = Annotated[float | int | str, parsed(units.delay, str, int, float)]
Bound = Annotated[str | int, parsed(units.bound, str, int)]


def no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a number or text, not true or false")
    return value


def listed(value: Any) -> Any:
    """One value where a list is meant becomes a list of one."""
    return value if isinstance(value, (list, tuple)) else (value,)


Texts = Annotated[tuple[str, ...], BeforeValidator(listed, json_schema_input_type=str | list[str])]
Params = dict[str, Json]

# -- http ----------------------------------------------------------------------------------------------


class Auth(Model):
    """One kind of authentication."""

    basic: tuple[str, str] | None = None
    digest: tuple[str, str] | None = None
    bearer: str | None = None
    netrc: Bool | None = None

    @model_validator(mode="after")
    def _one(self) -> Auth:
        if len(self.model_fields_set) != 1:
            raise ValueError("give one of basic, digest, bearer, netrc")
        return self


class Timeout(Model):
    """Seconds; `total` bounds one attempt, `slowest` is bytes/s averaged over `read` seconds."""

    connect: Annotated[float, Strict(), Field(gt=0)] = 10
    read: Annotated[float, Strict(), Field(gt=0)] = 30
    total: Annotated[float, Strict(), Field(gt=0)] | None = None
    slowest: Annotated[float, Strict(), Field(ge=0)] = 1


Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
_LowerMethod = Literal["get", "post", "put", "patch", "delete", "head", "options"]
AnyMethod = Annotated[
    Method,
    BeforeValidator(
        lambda value: value.upper() if isinstance(value, str) else value,
        json_schema_input_type=Method | _LowerMethod,
    ),
]
Status = Annotated[int, Strict(), Field(ge=100, le=599)]


class Retry(Model):
    """When a request is tried again; waits are seconds."""

    attempts: Count = 5
    first_wait: Seconds = 1
    max_wait: Seconds = 60
    statuses: tuple[Status, ...] = (429, 500, 502, 503, 504)
    methods: tuple[AnyMethod, ...] = ("GET", "HEAD")


def tag(name: str) -> Tag:
    """The tag of a union's member, written so that it is never taken for a key where a mistake is told."""
    return Tag(f"<{name}>")


def chosen_by(choose: Callable[[Any], str]) -> Discriminator:
    """Chooses a union's member by its tag's name."""
    return Discriminator(lambda value: f"<{choose(value)}>")


def by_kind(*kinds: tuple[type | tuple[type, ...], str]) -> Discriminator:
    """Chooses a union's member by the value's Python type."""

    def choose(value: Any) -> str:
        for kind, tag in kinds:
            if isinstance(value, kind) and not (isinstance(value, bool) and kind is int):
                return tag
        return kinds[0][1]

    return chosen_by(choose)


BROWSERS = ("brave", "chrome", "chromium", "edge", "firefox", "opera", "safari", "vivaldi", "whale")


def _browser(value: Any) -> Any:
    """`firefox`, or `chrome:Profile`."""
    if isinstance(value, str) and value.partition(":")[0].lower() not in BROWSERS:
        raise ValueError(f'"{value}" is no browser that is known; there are {", ".join(BROWSERS)}')
    return value


Version = Literal["1.1", "2", "3"]
"""The highest version of HTTP that is spoken; the number that YAML makes of one without quotes says the same."""


class Http(Model):
    """How every request of the job is made, in requests' words."""

    headers: dict[str, Scalar] = {}
    cookies: Annotated[
        Annotated[dict[str, Scalar], tag("mapping")] | Annotated[str, tag("text")],
        by_kind((dict, "mapping"), (str, "text")),
    ] = {}
    save_cookies: str | None = None
    cookies_from_browser: Annotated[str, BeforeValidator(_browser, json_schema_input_type=str)] | None = None
    auth: Auth | None = None
    proxies: (
        Annotated[
            Annotated[dict[str, str], tag("mapping")] | Annotated[tuple[str, ...], tag("list")],
            by_kind((dict, "mapping"), ((list, tuple), "list")),
        ]
        | None
    ) = None
    verify: Annotated[
        Annotated[Bool, tag("bool")] | Annotated[str, tag("text")], by_kind((bool, "bool"), (str, "text"))
    ] = True
    cert: (
        Annotated[
            Annotated[tuple[str, str], tag("list")] | Annotated[str, tag("text")],
            by_kind(((list, tuple), "list"), (str, "text")),
        ]
        | None
    ) = None
    timeout: Timeout = Timeout.model_construct()
    allow_redirects: Annotated[
        Annotated[Bool, tag("bool")] | Annotated[Annotated[int, Strict(), Field(ge=0)], tag("number")],
        by_kind((bool, "bool"), (int, "number")),
    ] = True
    retry: Retry = Retry.model_construct()
    version: Annotated[
        Version,
        BeforeValidator(lambda value: str(value) if value in (1.1, 2, 3) else value, json_schema_input_type=Version),
    ] = "1.1"
    origins: tuple[str, ...] = ()


# -- polite --------------------------------------------------------------------------------------------


class HostPolicy(Model):
    """What differs for the hosts of one pattern."""

    per_host: Count | None = None
    delay: Delay | None = None


class Polite(Model):
    """What the hosts may expect of us."""

    robots: Literal["obey", "ignore"] = "obey"
    per_host: Count = 4
    delay: Delay = 0
    rate: Rate | None = None
    hosts: dict[str, HostPolicy] = {}


# -- selectors -----------------------------------------------------------------------------------------

Type = Literal["int", "float", "bool", "date", "url", "json"]
LANGUAGES = ("css", "xpath", "regex", "jmespath")


class LongSelector(Model):
    """The long form of a selector; its parts apply in the order of JOBS.md, Selectors."""

    css: str | None = None
    xpath: str | None = None
    regex: str | None = None
    jmespath: str | None = None
    match: str | None = None
    type: Type | None = None
    format: str | None = None
    template: str | None = None
    all: Bool = False
    default: Json = None
    required: Bool = False
    root: Bool = False

    @model_validator(mode="after")
    def _fits(self) -> LongSelector:
        if sum(getattr(self, language) is not None for language in ("css", "xpath", "regex")) > 1:
            raise ValueError("give one of css, xpath, regex")
        if self.format is not None and self.type != "date":
            raise ValueError("format goes with type: date")
        if not any(getattr(self, part) is not None for part in (*LANGUAGES, "match", "template")):
            raise ValueError("a selector needs css, xpath, regex, jmespath, match or template")
        return self


Selector = Annotated[
    Annotated[str, tag("text")] | Annotated[LongSelector, tag("selector")],
    by_kind((str, "text"), (dict, "selector"), (LongSelector, "selector")),
]


class Expect(Model):
    """What a page must look like; `has` is a selector of the rule's language."""

    status: (
        Annotated[tuple[Status, ...], BeforeValidator(listed, json_schema_input_type=Status | list[Status])] | None
    ) = None
    has: Selector | None = None


# -- requests: login, start, follow --------------------------------------------------------------------

Upload = Annotated[
    Annotated[str, tag("path")] | Annotated[tuple[str, ...], Field(min_length=2, max_length=3), tag("list")],
    by_kind((str, "path"), ((list, tuple), "list")),
]


class RequestParts(Model):
    """What `requests` sends beside method and URL, in its own words."""

    params: Params | None = None
    data: (
        Annotated[
            Annotated[dict[str, Json], tag("mapping")] | Annotated[str, tag("text")],
            by_kind((dict, "mapping"), (str, "text")),
        ]
        | None
    ) = None
    json_: Json = Field(default=None, alias="json")
    headers: dict[str, Scalar] | None = None
    cookies: dict[str, Scalar] | None = None
    auth: Auth | None = None


VERBS = ("get", "post", "put", "patch", "delete", "head", "options")


_STEPS = (*VERBS, "token", "form")


class LoginStep(RequestParts):
    """One request of the login: a verb with its URL, the URL of an OAuth token, or the page's own form."""

    get: str | None = None
    post: str | None = None
    put: str | None = None
    patch: str | None = None
    delete: str | None = None
    head: str | None = None
    options: str | None = None
    token: str | None = None
    form: str | None = None
    files: dict[str, Upload] | None = None
    save: dict[str, Selector] = {}
    expect: Expect | None = None

    @model_validator(mode="after")
    def _one(self) -> LoginStep:
        if sum(getattr(self, verb) is not None for verb in _STEPS) != 1:
            raise ValueError(f"a login step is one of {', '.join(_STEPS[:-1])} (with a URL) or form")
        return self

    @property
    def verb(self) -> str:
        """The one of `VERBS`, `token` or `form` that this step is."""
        return next(verb for verb in _STEPS if getattr(self, verb) is not None)


class Range(Model):
    """An axis from … to, ends included; numbers or ISO dates."""

    from_: Json = Field(alias="from")
    to: Json
    step: Scalar = None


Axis = Annotated[
    Annotated[tuple[Scalar, ...], tag("list")] | Annotated[Range, tag("range")] | Annotated[str, tag("template")],
    by_kind(((list, tuple), "list"), (dict, "range"), (Range, "range"), (str, "template")),
]
SOURCES = ("list", "for", "sitemap", "feed", "records")


class StartEntry(RequestParts):
    """One thing that is read first: a request, or a source of rows."""

    url: str | None = None
    method: AnyMethod = "GET"
    files: dict[str, Upload] | None = None
    rule: str | None = None
    as_: Literal["files"] | None = Field(default=None, alias="as")
    when: Selector | None = None
    list_: str | None = Field(default=None, alias="list")
    column: str | None = None
    for_: dict[str, Axis] | None = Field(default=None, alias="for")
    sitemap: str | None = None
    match: str | None = None
    since: Scalar = None
    feed: str | None = None
    records: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> StartEntry:
        given = [name for name in SOURCES if self.source(name) is not None]
        rows = self.source("list", "records")
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} cannot stand together: one source an entry")
        if self.column is not None and rows is None:
            raise ValueError("column goes with list and records")
        if self.match is not None and self.sitemap is None:
            raise ValueError("match goes with sitemap")
        if self.since is not None and self.sitemap is None:
            raise ValueError("since goes with sitemap")
        if self.url is None and self.column is None and not (self.sitemap or self.feed):
            raise ValueError("url is missing" + (" (or column)" if rows else ""))
        if self.url is not None and self.column is not None:
            raise ValueError("column is short for a url of that column; give one of them")
        return self

    def source(self, *names: str) -> Any:
        """The value of the first of these `SOURCES` (of all, without names) that is given, or None."""
        given = (getattr(self, {"list": "list_", "for": "for_"}.get(name, name)) for name in names or SOURCES)
        return next((value for value in given if value is not None), None)


Start = Annotated[
    Annotated[str, tag("url")] | Annotated[StartEntry, tag("entry")],
    by_kind((str, "url"), (dict, "entry"), (StartEntry, "entry")),
]
