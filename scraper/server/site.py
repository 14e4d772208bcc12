"""What a server serves: routes, and behind them the files of a folder.

    site = Site(Path("public"))

    @site.route("/book/<slug>")
    def book(request: Request, slug: str) -> str:
        return f"<h1>{escape(slug)}</h1>"

A pattern is a path in which `<name>` stands for text without a slash and `<path:name>` for the rest,
slashes included. A route wins over a file, a route without parameters over one with them, an earlier one
over a later. An encoded slash is part of its segment: `<slug>` may get one. GET routes answer HEAD too, and
OPTIONS tells the methods.

    site.mount("/api", app)

A WSGI application has everything below its prefix that no route has, of two the one with the longer prefix. One
at `/` shares it with the folder: a GET or HEAD for a file that is there is answered with it, and so is a folder with
an `index.html`; all else is the application's, so nothing is listed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from scraper.server.answers import HTML, JSON, Answer, Raw, Response, Scripted
from scraper.server.http1 import KNOWN_METHODS
from scraper.server.refusal import BadRequest
from scraper.server.request import Request
from scraper.server.static import answer_existing, answer_file
from scraper.server.wsgi import Application, answer_wsgi

Answerer = Callable[[Request], Answer]
Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)

_PARAMETER = re.compile(r"<(path:)?([a-z_]+)>")
_NEVER = frozenset({"CONNECT", "TRACE"})
_ALLOW_READING = (("Allow", "GET, HEAD, OPTIONS"),)
_SLASH = "\0"  # stands for an encoded slash while patterns are matched; a real NUL never gets here


@dataclass(frozen=True, slots=True)
class _Route:
    pattern: re.Pattern[str]
    methods: frozenset[str]
    handler: Handler


@dataclass(frozen=True, slots=True)
class _Mount:
    segments: tuple[str, ...]
    app: Application


class Layer:
    """What stands between clients and a site. This one changes nothing."""

    def welcomes(self, address: tuple[str, int]) -> bool:
        """Whether a connection that came to this address and port of ours is served at all."""
        return True

    def answer(self, request: Request, inner: Answerer) -> Answer:
        """The answer to a request; `inner` gives that of what lies beneath, and may raise BadRequest."""
        return inner(request)


class Site:
    """Routes and an optional folder `root`; a Server serves it, several may."""

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = None if root is None else Path(root)
        self._plain: dict[str, list[_Route]] = {}
        self._patterns: list[_Route] = []
        self._layers: list[Layer] = []
        self._mounts: list[_Mount] = []

    def lay(self, layer: Layer) -> None:
        """Put a layer over everything, earlier layers included."""
        self._layers.append(layer)

    def welcomes(self, address: tuple[str, int]) -> bool:
        """Whether a connection to this address and port of ours is served; one layer that refuses is enough."""
        return all(layer.welcomes(address) for layer in self._layers)

    def route(self, pattern: str, methods: Iterable[str] = ("GET",)) -> Callable[[H], H]:
        """Let the decorated function answer `pattern`.

        It takes a Request and the parameters by name, and returns a Response, a Raw, a Scripted, a str (HTML),
        bytes, a dict or list (JSON), or a tuple (status, headers, any of these as body). It may raise BadRequest.
        """
        allowed = frozenset(methods) | ({"HEAD"} if "GET" in methods else frozenset())

        def keep(handler: H) -> H:
            route = _Route(_compile(pattern), allowed, handler)
            if "<" in pattern:
                self._patterns.append(route)
            else:
                self._plain.setdefault(pattern, []).append(route)
            return handler

        return keep

    def mount(self, prefix: str, app: Application) -> None:
        """Let a WSGI application answer `prefix` (`/api`, or `/` for all) and everything below it.

        Raises:
            ValueError: the prefix does not begin with a slash, has an empty part, or is taken.
        """
        segments = tuple(prefix.rstrip("/").split("/")[1:])
        if not prefix.startswith("/") or "" in segments:
            raise ValueError(f"{prefix!r} is no prefix of paths, such as /api")
        if any(mount.segments == segments for mount in self._mounts):
            raise ValueError(f"there is an application at {prefix} already")
        self._mounts.append(_Mount(segments, app))
        self._mounts.sort(key=lambda mount: -len(mount.segments))

    def answer(self, request: Request) -> Answer:
        """The answer to a request; raises BadRequest where it is refused, and what a route raises."""
        answer: Answerer = self._answer
        for layer in self._layers:
            answer = partial(layer.answer, inner=answer)
        return answer(request)

    def _answer(self, request: Request) -> Answer:
        if request.head.target.path == "*":
            return _options(KNOWN_METHODS - _NEVER)
        if request.method in _NEVER:
            raise BadRequest(405, "this is no proxy, and it tells nobody's headers", _ALLOW_READING)
        path = "/" + "/".join(segment.replace("/", _SLASH) for segment in request.head.target.segments)
        routes = self._plain.get(path, []) + [one for one in self._patterns if one.pattern.fullmatch(path)]
        for route in routes:
            if request.method in route.methods:
                return make_answer(route.handler(request, **_parameters(route, path)))
        mount = self._mounted(request.head.target.segments) if self._mounts and not routes else None
        return self._otherwise(request, routes) if mount is None else self._applied(request, mount)

    def _mounted(self, segments: tuple[str, ...]) -> _Mount | None:
        return next((one for one in self._mounts if segments[: len(one.segments)] == one.segments), None)

    def _applied(self, request: Request, mount: _Mount) -> Answer:
        """What the application answers, or the file that goes before one at `/`."""
        if not mount.segments and self.root is not None and request.method in ("GET", "HEAD"):
            found = answer_existing(self.root, request)
            if found is not None:
                return found
        rest = request.head.target.segments[len(mount.segments) :]
        return answer_wsgi(mount.app, request, _joined(mount.segments), _joined(rest))

    def _otherwise(self, request: Request, routes: list[_Route]) -> Answer:
        """No route has this method: a file, the methods there are, or a refusal."""
        on_disk = not routes and self.root is not None
        if self.root is not None and on_disk and request.method in ("GET", "HEAD"):
            return answer_file(self.root, request)
        if not routes and not on_disk:
            raise BadRequest(404, "there is nothing at this path")
        methods = {"GET", "HEAD"} if on_disk else {method for route in routes for method in route.methods}
        if request.method == "OPTIONS":
            return _options(methods)
        raise BadRequest(405, "this method is not for this path", (("Allow", _allow(methods)),))


def make_answer(value: Any) -> Answer:
    """A route's return value as an answer; raises TypeError for one of another type."""
    if isinstance(value, Response | Raw | Scripted):
        return value
    if isinstance(value, tuple):
        status, headers, body = value
        return _with(status, headers, _make_plain(body))
    return _make_plain(value)


def _make_plain(value: Any) -> Response:
    maker = _MAKERS.get(type(value))
    if maker is None:
        raise TypeError(f"a route returned {type(value).__name__}")
    type_, body = maker(value)
    return Response(200, (("Content-Type", type_),), body)


_MAKERS: dict[type, Callable[[Any], tuple[str, bytes]]] = {
    str: lambda value: (HTML, value.encode("utf-8")),
    bytes: lambda value: ("application/octet-stream", value),
    dict: lambda value: (JSON, json.dumps(value, ensure_ascii=False).encode("utf-8")),
    list: lambda value: (JSON, json.dumps(value, ensure_ascii=False).encode("utf-8")),
}


def _with(status: int, headers: Any, plain: Response) -> Response:
    """`plain` with another status and more headers; a Content-Type among them wins."""
    own = Response(status, headers).pairs()
    given = {name.lower() for name, _ in own}
    rest = [pair for pair in plain.pairs() if pair[0].lower() not in given and plain.body]
    return Response(status, own + rest, plain.body)


def _parameters(route: _Route, path: str) -> dict[str, str]:
    match = route.pattern.fullmatch(path)
    return {name: value.replace(_SLASH, "/") for name, value in match.groupdict().items()} if match else {}


def _compile(pattern: str) -> re.Pattern[str]:
    parts, at = [], 0
    for match in _PARAMETER.finditer(pattern):
        parts += [re.escape(pattern[at : match.start()]), f"(?P<{match[2]}>{'.*' if match[1] else '[^/]+'})"]
        at = match.end()
    return re.compile("".join([*parts, re.escape(pattern[at:])]), re.DOTALL)


def _joined(segments: tuple[str, ...]) -> str:
    return "".join(f"/{segment}" for segment in segments)


def _options(methods: AbstractSet[str]) -> Response:
    return Response(204, (("Allow", _allow(methods)),))


def _allow(methods: AbstractSet[str]) -> str:
    return ", ".join(sorted({*methods, "OPTIONS"}))
