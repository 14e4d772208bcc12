"""The bundled server: a folder or routes, served on plain sockets, strict in what it accepts.

    from scraper.server import Server, Site

`http1`, `target`, `ranges`, `conditional`, `answers`, `multipart` decide and know no socket; `site`,
`static`, `content` make answers; `connection` and `server` own the sockets; `fixture` is the site that the
tests and the demo run against. Nothing but the standard library is imported.
"""

from scraper.server.answers import FileSlice, Raw, Response
from scraper.server.connection import Deadlines, Seen
from scraper.server.content import bytes_content, present
from scraper.server.http1 import Limits
from scraper.server.refusal import BadRequest
from scraper.server.request import Request
from scraper.server.server import ServeError, Server
from scraper.server.site import Site

__all__ = [
    "BadRequest",
    "Deadlines",
    "FileSlice",
    "Limits",
    "Raw",
    "Request",
    "Response",
    "Seen",
    "ServeError",
    "Server",
    "Site",
    "bytes_content",
    "present",
]
