"""One job that shows nearly all ways in which a URL can end (DESIGN section 3), in one run against servers of its own.

    with endings.world(tmp_path) as world:
        summary = world.run()
        world.url("http:404")          # the URL that ended as failed:http:404
        world.paths["http:404"]        # "saved": what it is called here -> its path on the server or its URL

ENDINGS says how each ends; `world.run_saved` ends one file in two more ways.
127.0.0.2 counts as a public address while a world stands.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from scraper import urls
from scraper.job.load import from_data
from scraper.model import Summary
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.runner import run
from scraper.server import Raw, Response, Server, Site
from scraper.server.faults import bodies, heads
from scraper.server.fixture.pictures import picture

PNG = {"Content-Type": "image/png"}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
PUBLIC = "127.0.0.2"
_STATUSES = (401, 403, 404, 410, 429, 500, 503)

FILES: dict[str, str] = {
    "saved": "saved",
    "exists": "skipped:exists",
    "size": "skipped:size",
    "disallowed": "skipped:robots",
    "dns": "failed:dns",
    "connect": "failed:connect",
    "timeout": "failed:timeout",
    "stalled": "failed:stalled",
    "tls": "failed:tls",
    "proxy": "failed:proxy",
    **{f"http:{status}": f"failed:http:{status}" for status in _STATUSES},
    "redirect": "failed:redirect",
    "protocol": "failed:protocol",
    "length": "failed:length",
    "encoding": "failed:encoding",
    "digest": "failed:digest",
    "type": "failed:type",
    "limit": "failed:limit",
    "disk": "failed:disk",
    "busy": "failed:busy",
    "private": "skipped:private",
}
"""What a file is called here -> how it ends."""
PAGES: dict[str, str] = {
    "ok": "ok",
    "page robots": "skipped:robots",
    "outside": "skipped:outside",
    "page limit": "skipped:limit",
    "duplicate": "skipped:duplicate",
    "page shape": "failed:shape",
    "page type": "failed:type",
    "page http:404": "failed:http:404",
}
"""The same of pages."""
ENDINGS = {**FILES, **PAGES}
SHAPELESS = "/item/3"
"""The page on which a required field is empty, so that its item fails."""
NAMELESS = "/nameless.png"
"""A file of this page whose path cannot be worked out: a failure `name` of the run that no row of files tells."""


@dataclass
class World:
    """The servers, and the job's folder.

    Attributes:
        paths: what is called so here -> its URL.
        data: the job.
    """

    server: Server
    folder: Path
    paths: dict[str, str]
    data: dict[str, Any]
    runs: list[Summary] = field(default_factory=list)

    @property
    def dest(self) -> Path:
        """The output folder."""
        return self.folder / "out"

    def url(self, name: str) -> str:
        """The URL of what is called so here."""
        return self.paths[name]

    def run(self, **changes: Any) -> Summary:
        """Runs the job; `changes` are top-level keys that are merged into it."""
        summary = run(self.loaded(**changes), Options(dest=self.dest), Events(), None)
        self.runs.append(summary)
        return summary

    def run_saved(self, existing: str) -> Summary:
        """Another run, for the file `saved` alone: `check` ends it as `unchanged`, `fail` as `failed:name`."""
        saved = {"item": {"title": "h1"}, "files": "img[src$='/saved.png']"}
        data = {**self.data, "start": self.data["start"][:1], "rules": {"all": saved}}
        data["files"] = {**data["files"], "existing": existing}
        loaded = from_data(data, file="endings.yaml", folder=self.folder)
        self.runs.append(run(loaded, Options(dest=self.dest), Events(), None))
        return self.runs[-1]

    def loaded(self, **changes: Any) -> Any:
        """The job as it is loaded."""
        data = dict(self.data)
        for name, value in changes.items():
            data[name] = {**data.get(name, {}), **value} if isinstance(value, dict) else value
        return from_data(data, file="endings.yaml", folder=self.folder)

    def write_job(self) -> Path:
        """The job as a file, for what is called from a command line (JSON is YAML)."""
        path = self.folder / "endings.yaml"
        path.write_text(json.dumps({**self.data, "dest": str(self.dest)}), "utf-8")
        return path


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """The servers of a world, until the block ends; nothing is run yet."""
    is_private, site, door = urls.is_private, _site(), Site()
    door.route("/robots.txt")(lambda request: Response(404))
    door.route("/door")(lambda request: '<img src="http://10.1.2.3/inside.png">')
    with (
        mock.patch.object(urls, "is_private", lambda address: address != PUBLIC and is_private(address)),
        socket.create_server(("127.0.0.1", 0)) as closed,
        Server(site) as server,
        Server(door, host=PUBLIC) as public,
        Server(Site(), tls=True) as secure,
    ):
        port = closed.getsockname()[1]
        closed.close()
        urls_ = _urls(server.url, port, secure.url)
        site.route("/")(lambda request: _index(urls_))
        data = _data(server.url, public.url, port)
        made = World(server, folder, urls_, data)
        _prepare(made.dest)
        yield made


def _prepare(dest: Path) -> None:
    """What stands there before: a file, and another one where a folder is wanted."""
    dest.mkdir()
    (dest / "exists.png").write_bytes(b"was there")
    (dest / "disk").write_bytes(b"no folder")


def _urls(base: str, port: int, secure: str) -> dict[str, str]:
    special = {
        "dns": "http://nowhere.invalid/dns.png",
        "connect": f"http://127.0.0.1:{port}/connect.png",
        "tls": f"{secure}/tls.png",
        "proxy": "http://proxied.invalid/proxy.png",
        "private": "http://10.1.2.3/inside.png",
        "disk": f"{base}/deep/disk.png",
        "ok": f"{base}/",
        "outside": "http://elsewhere.invalid/page",
        "page robots": f"{base}/private/page",
        "page limit": f"{base}/few/2",
        "duplicate": f"{base}/again",
        "page shape": f"{base}/shape",
        "page type": f"{base}/kind",
        "page http:404": f"{base}/nobody",
        "disallowed": f"{base}/private/disallowed.png",
    }
    plain = {name: f"{base}/{name.replace(':', '')}.png" for name in FILES}
    return {name: special.get(name, plain.get(name, "")) for name in ENDINGS}


def _index(paths: dict[str, str]) -> str:
    kinds = {"digest": "digest", "size": "size", "type": "type", "disk": "disk"}
    images = [
        f'<img class="{kinds.get(name, "plain")}" src="{paths[name]}">' for name in FILES if name not in ("private",)
    ]
    links = [
        '<a class="page" href="/item/1">1</a>',
        f'<a class="page" href="{SHAPELESS}">3</a>',
        f'<a class="page" href="{paths["page robots"]}">robots</a>',
        f'<a class="page" href="{paths["outside"]}">outside</a>',
        f'<a class="page" href="{paths["duplicate"]}">again</a>',
        f'<a class="strict" href="{paths["page shape"]}">shape</a>',
        f'<a class="page" href="{paths["page type"]}">type</a>',
        f'<a class="page" href="{paths["page http:404"]}">404</a>',
        f'<a class="few" href="/few/1">1</a><a class="few" href="{paths["page limit"]}">2</a>',
    ]
    images.append(f'<img class="nameless" src="{NAMELESS}">')
    return f"<h1 data-sum='{'0' * 64}'>All of them</h1>{''.join(images)}{''.join(links)}"


def _site() -> Site:
    site = Site()
    for path, answer in _answers().items():
        site.route(path)(answer if callable(answer) else lambda request, answer=answer: answer)
    return site


def _answers() -> dict[str, Any]:
    gzipped = {**PNG, "Content-Encoding": "gzip"}
    whole = picture(1, "png")
    return {
        "/robots.txt": "User-agent: *\nDisallow: /private/\n",
        "/saved.png": lambda request: _conditional(request, whole),
        "/exists.png": Response(200, PNG, whole),
        "/size.png": Response(200, PNG, whole[:100]),
        "/deep/disk.png": Response(200, PNG, whole),
        NAMELESS: Response(200, PNG, whole),
        "/timeout.png": bodies.silence().over(),
        "/stalled.png": bodies.stall(at=10).over(Response(200, PNG, whole)),
        **{f"/http{status}.png": Response(status, {}, b"no") for status in _STATUSES},
        "/redirect.png": Response(302, {"Location": "/redirect.png"}),
        "/protocol.png": Raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
        "/length.png": Raw(HEAD + b"Content-Length: 99\r\n\r\npixels"),
        "/encoding.png": Response(200, gzipped, b"pixels"),
        "/digest.png": Response(200, PNG, whole),
        "/type.png": Response(200, {"Content-Type": "text/html"}, b"<!doctype html><h1>Please log in</h1>"),
        "/limit.png": heads.big_head().over(Response(200, PNG, whole)),
        "/busy.png": Response(503, {"Retry-After": "21601"}, b""),
        "/item/1": "<h1>one</h1><i>1</i>",
        SHAPELESS: "<h1>three</h1>",
        "/again": Response(302, {"Location": "/item/1"}),
        "/shape": "<h1>no price list</h1>",
        "/kind": Response(200, {"Content-Type": "text/html"}, whole),
        "/few/1": "<h1>few</h1><i>1</i>",
        "/few/2": "<h1>few</h1><i>2</i>",
    }


def _conditional(request: Any, body: bytes) -> Response:
    if request.headers.get("If-None-Match") == '"saved"':
        return Response(304, {"ETag": '"saved"'})
    return Response(200, {**PNG, "ETag": '"saved"'}, body)


def _data(base: str, public: str, port: int) -> dict[str, Any]:
    files = [
        {"select": "img.plain"},
        {"select": "img.digest", "sha256": {"css": "h1::attr(data-sum)", "root": True}},
        {"select": "img.size", "accept": {"min_bytes": "1k"}},
        {"select": "img.type", "accept": {"types": ["image/*"]}},
        {"select": "img.disk", "path": "disk/{{ filename }}"},
        {"select": "img.nameless", "path": "{{ row.nothing }}/{{ filename }}"},
    ]
    follow = {"page": "a.page", "strict": "a.strict", "few": {"select": "a.few", "max_pages": 1}}
    page = {"item": {"title": "h1", "price": {"css": "i", "required": True}}}
    return {
        "name": "endings",
        "start": [f"{base}/", {"url": f"{public}/door", "rule": "door"}],
        "rules": {
            "all": {"item": {"title": "h1"}, "files": files, "follow": follow},
            "page": page,
            "few": page,
            "strict": {**page, "expect": {"has": ".prices"}},
            "door": {"files": "img"},
        },
        "http": {
            "retry": {"attempts": 2, "first_wait": 0, "max_wait": 0},
            "timeout": {"connect": 5, "read": 1},
            "proxies": {"http://proxied.invalid": f"http://127.0.0.1:{port}"},
        },
        "polite": {"per_host": 16},
        "files": {"path": "{{ filename }}", "existing": "skip"},
    }
