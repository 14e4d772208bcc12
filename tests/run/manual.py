"""A documentation tree of some 300 pages and 100 images, whose generator knows what a mirror of it holds.

Each page and image has one target in normal form (`norm`), by which the site looks up what is asked for, so that
every spelling of a URL meets the same page and a client that spells one wrong meets a 404. The tree's edges are
spelled in turn in every way of SPELLINGS, against the page's own URL or its `<base href>`; further links, drawn with
a fixed seed, lead to pages that are known already. The heading of a page is its target in normal form.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from itertools import cycle
from posixpath import relpath
from typing import Any
from urllib.parse import quote

from scraper.server import Response, Site
from scraper.server.fixture.pictures import picture

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_ENCODED_RUN = re.compile(r"(?:%[0-9A-F]{2})+")
_PLACEHOLDER = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


def norm(target: str) -> str:
    """A target with every escape of an unreserved character undone, the others in capitals, and no empty query."""

    def undo(found: re.Match[str]) -> str:
        char = chr(int(found[1], 16))
        return char if _UNRESERVED.fullmatch(char) else found[0].upper()

    return _ESCAPE.sub(undo, target.removesuffix("?"))


def target(text: str) -> str:
    """A path in plain characters, and perhaps a query, as a target in normal form; `%2F` in it stands."""
    path, mark, query = text.partition("?")
    return quote(path, safe="/;+!$&'()*,=:@~%") + mark + query


# -- spellings -----------------------------------------------------------------------------------------------


def relative(base: str, goal: str) -> str:
    """A reference without a leading slash, from one target to another."""
    path, mark, query = goal.partition("?")
    if "//" in path or "//" in base:  # relpath drops an empty segment; test_mirror has these by themselves
        return goal
    made = relpath(path, base.partition("?")[0].rpartition("/")[0] or "/")
    return made + ("/" if path.endswith("/") else "") + mark + query


def before(dots: str, reference: str) -> str:
    """Segments that change nothing, before a reference that is relative."""
    return reference if reference.startswith("/") else dots + reference


def plainly(goal: str) -> str:
    """What is encoded of other scripts, and blanks, as the characters themselves."""

    def decoded(found: re.Match[str]) -> str:
        raw = bytes.fromhex(found[0].replace("%", ""))
        text = raw.decode("utf-8", "replace")
        return text if text == " " or (not text.isascii() and "\ufffd" not in text) else found[0]

    return _ENCODED_RUN.sub(decoded, goal)


def overdone(goal: str) -> str:
    """Each `e`, `p` and `~` encoded, which need not be."""
    return re.sub("[ep~]", lambda found: f"%{ord(found[0]):02x}", goal)


SPELLINGS: dict[str, Callable[[str, str, str], str]] = {
    "relative": lambda base, goal, host: relative(base, goal),
    "dot": lambda base, goal, host: before("./", relative(base, goal)),
    "down and up": lambda base, goal, host: before("x/../", relative(base, goal)),
    "absolute path": lambda base, goal, host: goal,
    "without scheme": lambda base, goal, host: f"//{host}{goal}",
    "whole": lambda base, goal, host: f"http://{host}{goal}",
    "scheme in capitals": lambda base, goal, host: f"HTTP://{host}{goal}",
    "fragment": lambda base, goal, host: f"{goal}#a%20b",
    "empty fragment": lambda base, goal, host: relative(base, goal) + "#",
    "blanks around": lambda base, goal, host: f" \n\t{goal}\r\n ",
    "line break inside": lambda base, goal, host: goal[:3] + "\n" + goal[3:],
    "plain characters": lambda base, goal, host: plainly(goal),
    "plain characters, relative": lambda base, goal, host: plainly(relative(base, goal)),
    "escapes in lower case": lambda base, goal, host: _ESCAPE.sub(lambda found: found[0].lower(), goal),
    "needless escapes": lambda base, goal, host: overdone(goal),
    "dots in the path": lambda base, goal, host: "/./x/y/../.." + goal,
    "above the root": lambda base, goal, host: "/../.." + goal,
    "empty query": lambda base, goal, host: goal if "?" in goal else f"{goal}?",
}

TAGS = ('<a href="{}">', "<a href='{}'>", '<A class="x" HREF="{}" rel="next">', '<a\n  title=">" href = "{}">')

IMAGES: dict[str, str] = {
    "src": '<img src="{}">',
    "widths": '<img src="{no}" srcset="{no} 100w, {} 800w, {no} 400w" sizes="50vw">',
    "densities": '<img src="{no}" srcset="{no} 1.5x, {} 2x">',
    "picture": '<picture><source srcset="{} 900w, {no} 90w"><img src="{no}" alt=""></picture>',
    "lazy": f'<img class="lazy" src="{_PLACEHOLDER}" data-src="{{}}">',
    "lazy srcset": f'<img src="{_PLACEHOLDER}" data-srcset="{{no}} 1x, {{}} 3x">',
    "original": '<img src="{no}" data-original="{}">',
    "style": "<div style=\"color: red; background: url('{}') no-repeat\"></div>",
    "link": '<a href="{}">as it is</a>',
    "icon": '<link rel="icon" href="{}">',
}
"""How an image stands in a page; `{no}` is one that nobody needs."""
NARROW = ("widths", "densities", "picture", "lazy srcset", "style", "link")
"""Where a URL cannot be spelled in every way: no blank, bracket or quote; a link's ending tells it from a page."""

IGNORED = ("mailto:a@example.org", "javascript:void(0)", "data:text/html,<p>x", "tel:+49", "", " ", "ftp://x/")
OUTSIDE = ("http://other.invalid/", "http://other.invalid:80/#x", "//other.invalid", "https://other.invalid/b?c=1")
OUTSIDE_PAGES = {"http://other.invalid/", "https://other.invalid/b?c=1"}

PARTS = (
    "guide", "reference", "Größe", "with space", "v1.2", "semi;colon", "~home", "a+b", "日本語", "Case", "case", "q&a",
)  # fmt: skip
ODD = (
    "Page.html", "page.html", "naïve.html", "two words.html", "50%25.html", "one%2Ftwo.html", "x;v=1.html", "t~ilde",
    "list.html", "list.html?page=2", "list.html?page=3&sort=a", "list.html?sort=a&page=3", "folder", "it's (here).html",
    "index.html",
)  # fmt: skip
PLAIN = 9
"""Further pages of a part."""


@dataclass
class Manual:
    """The site, and what it holds.

    Attributes:
        pages: targets of all pages. moved: target of a redirect -> status and where it leads, as Location says it.
        bases: page -> its `<base href>` as written, and the target that this means. images: target -> content.
        linked: images that are linked, too, and not read as pages.
    """

    host: str = ""
    pages: dict[str, list[str]] = field(default_factory=dict)
    bases: dict[str, tuple[str, str]] = field(default_factory=dict)
    moved: dict[str, tuple[int, str]] = field(default_factory=dict)
    images: dict[str, bytes] = field(default_factory=dict)
    linked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._dice = random.Random(7)
        self._spellings = cycle(SPELLINGS.values())
        self._tags = cycle(TAGS)
        self._kinds = cycle(IMAGES)

    # -- what is served ------------------------------------------------------------------------------------

    def site(self) -> Site:
        """A site of it, still empty: a page can spell its host once it is served."""
        site = Site()
        site.route("/<path:name>")(lambda request, name: self._answer(norm(request.target)))
        return site

    def _answer(self, asked: str) -> Any:
        if asked in self.moved:
            status, location = self.moved[asked]
            return Response(status, {"Location": location}, b"<p>moved")
        if asked in self.images:
            return Response(200, {"Content-Type": "image/png"}, self.images[asked])
        if asked not in self.pages:
            return Response(404, {"Content-Type": "text/html"}, b"<h1>nothing here</h1>")
        return self.page(asked)

    def page(self, goal: str) -> str:
        """The text of a page."""
        base = f'<base href="{escape(self.bases[goal][0])}"><base href="/second/">' if goal in self.bases else ""
        body = "\n".join(self.pages[goal])
        return f"<!doctype html>{base}<link rel=canonical href=/never><title>x</title><h1>{escape(goal)}</h1>\n{body}"

    # -- how it is made ------------------------------------------------------------------------------------

    def grow(self, host: str) -> Manual:
        """All of it, for a server at this host."""
        self.host = host
        self._page("/")
        for at, name in enumerate(PARTS):
            self._part(at, target(f"/{name}/"))
        for at in range(len(PARTS)):
            self._behind_redirects(at, target(f"/{PARTS[at]}/"))
        for at in range(100):
            self._image(at)
        self._decorate()
        return self

    def _page(self, goal: str) -> str:
        assert goal == norm(goal)
        self.pages[goal] = []
        return goal

    def _part(self, at: int, folder: str) -> None:
        """An index, which the root links; the pages of the part, a few linked by it, each of those linking more."""
        self._link("/", self._page(folder))
        inside = [folder + target(name) for name in ODD] + [f"{folder}{number}.html" for number in range(PLAIN)]
        inside += [folder + "sub/"] if at % 2 else [folder + "double//slash.html"]
        for number, goal in enumerate(inside):
            self._page(goal)
            self._set_base(goal, number + at)
            self._link(folder if number < 5 else inside[(number - 5) // 3], goal)

    def _set_base(self, page: str, number: int) -> None:
        """Some pages have a base: of its own host or none, which is then the page's own URL."""
        folder = page.partition("?")[0].rpartition("/")[0] + "/"
        ways = {
            3: ("/guide/", "/guide/"),
            6: (f"//{self.host}/", "/"),
            10: ("x/y/../", folder + "x/"),
            14: ("mailto:x", page),
            17: ("../up?a#b", "/up?a"),
        }
        if number in ways and "//" not in page:
            self.bases[page] = ways[number]

    def _link(self, page: str, goal: str, spell: Callable[[str, str, str], str] | None = None) -> None:
        base = self.bases[page][1] if page in self.bases else page
        href = (spell or next(self._spellings))(base, goal, self.host)
        self.pages[page].append(f"{next(self._tags).format(escape(href))}{escape(goal)}</a>")

    def _behind_redirects(self, at: int, folder: str) -> None:
        """`old` leads to `new/`, by way of another host spelling, a relative Location, or a chain of three."""
        old, new, status = f"{folder}moved", self._page(f"{folder}moved/"), (301, 302, 303, 307, 308)[at % 5]
        self._link(folder, old)
        if at % 3 == 0:
            steps = [old, f"{folder}step-1", f"{folder}step-2?again=1"]
            for source, goal in zip(steps, [*steps[1:], new], strict=True):
                self.moved[source] = (status, goal)
        else:
            self.moved[old] = (status, f"http://{self.host}{new}#top" if at % 3 == 1 else "./moved/")

    def _image(self, at: int) -> None:
        """Of each image its page has one spelling, and another page a second."""
        folder = target(f"/{PARTS[at % len(PARTS)]}/")
        turn = at // len(PARTS)
        names = (f"fig-{turn // 4}.png", f"Fig-{turn // 4}.png", f"figures/größe {turn}.png", f"pic.png?v={turn}")
        goal = folder + target(names[turn % 4])
        self.images[goal] = picture(at, "png")
        kind = next(self._kinds)
        for page in self._dice.sample(sorted(self.pages), 2):
            base = self.bases[page][1] if page in self.bases else page
            spelled = next(self._spellings)(base, goal, self.host)
            spelled = norm_blanks(goal) if kind in NARROW else spelled
            self.pages[page].append(IMAGES[kind].format(escape(spelled), no="/never.png"))
        if kind == "link":
            self.linked.add(goal)

    def _decorate(self) -> None:
        """Links to what is known, and those that lead nowhere. Pages behind redirects are linked by nobody else."""
        known = [page for page in self.pages if not page.endswith("/moved/")]
        for page in self.pages:
            for goal in self._dice.sample(known, 5):
                self._link(page, goal)
            for href in self._dice.sample(IGNORED, 3):
                self._write(page, href)
            self._write(page, self._dice.choice(OUTSIDE))
            if page in known and page not in self.bases:
                self._write(page, "#top")
        for page in self.pages:
            if page.endswith("/list.html") and page not in self.bases:
                for query in ("?page=2", "?page=3&sort=a"):
                    self._write(page, query)

    def _write(self, page: str, href: str) -> None:
        self.pages[page].append(next(self._tags).format(escape(href)) + "elsewhere</a>")


def norm_blanks(goal: str) -> str:
    """A target that may stand in a srcset or in CSS."""
    return goal.replace("'", "%27").replace("(", "%28").replace(")", "%29")
