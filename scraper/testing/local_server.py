"""The bundled server for a test: what the fixture `scraper_server` gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from scraper.server import Seen, Server, Site
from scraper.server.faults import Faults, read_faults

_READING = ("GET",)


class LocalServer:
    """A server of this machine on a free port, empty until it is given routes or a folder.

    Attributes:
        site: what it serves, for what is not offered here (`site.lay`).
        server: the server beneath.
    """

    def __init__(self) -> None:
        self.site = Site()
        self.server = Server(self.site)
        self.server.start()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, without a slash at its end."""
        return self.server.url

    @property
    def log(self) -> list[Seen]:
        """Every request that came, in order: `.method`, `.target`, `.headers`, `.body`."""
        return self.server.log

    @property
    def targets(self) -> list[str]:
        """Path and query of every request that came, in order, without robots.txt."""
        return [seen.target for seen in self.log if seen.target != "/robots.txt"]

    def route(self, pattern: str, answer: Any = None, *, methods: Iterable[str] = _READING) -> Callable[..., Any]:
        """Answers `pattern` by a function, or always by the same `answer`.

            @scraper_server.route("/book/<slug>")
            def book(request, slug):
                return f"<h1>{slug}</h1>"

            scraper_server.route("/logo.png", PNG)

        Args:
            pattern: a path; `<name>` stands for text without a slash, `<path:name>` for the rest.
            answer: a text (HTML), bytes, a mapping or list (JSON), a tuple (status, headers, body), or a function of
                the request that gives one of these; None: the decorated function answers.
            methods: what it answers; GET answers HEAD, too.
        """
        keep = self.site.route(pattern, methods)
        if answer is None:
            return keep
        return keep(answer if callable(answer) else lambda request, **parameters: answer)

    def folder(self, path: str | Path) -> None:
        """Serves the files of a folder wherever no route answers."""
        self.site.root = Path(path)

    def faults(self, entries: Iterable[Mapping[str, Any]]) -> Faults:
        """Spoils answers: `[{"url": "*/3.jpg", "do": "reset", "at": "50%", "times": 1}]`.

        Returns:
            The layer; its `strikes` tell what it did.

        Raises:
            ValueError: an unknown fault, key or value, with the cure.
        """
        __tracebackhide__ = True
        try:
            layer = read_faults(entries)
        except ValueError as error:
            raise error.with_traceback(None) from None
        self.site.lay(layer)
        return layer

    def close(self) -> None:
        """Ends it; the fixture does."""
        self.server.close()
