"""The bundled server: a folder or routes, served on plain sockets, strict in what it accepts.

    from scraper.server import Server, Site

`http1`, `target`, `ranges`, `conditional`, `answers`, `multipart` decide and know no socket; `site`,
`static`, `content` make answers; `line`, `tls`, `connection`, `listening` and `server` own the sockets; `faults` is a
layer over a site that does what servers do wrong; `wsgi` mounts applications of others; `fixture` is the site
that the tests and the demo run against. Nothing but the standard library is imported.
"""

from scraper.server.answers import FileSlice, Raw, Response, Scripted
from scraper.server.connection import Deadlines, Seen
from scraper.server.content import bytes_content, present
from scraper.server.http1 import Limits
from scraper.server.line import Line
from scraper.server.refusal import BadRequest
from scraper.server.request import Request
from scraper.server.server import ServeError, Server
from scraper.server.site import Layer, Site
from scraper.server.tls import Certificate

__all__ = [
    "BadRequest",
    "Certificate",
    "Deadlines",
    "FileSlice",
    "Layer",
    "Limits",
    "Line",
    "Raw",
    "Request",
    "Response",
    "Scripted",
    "Seen",
    "ServeError",
    "Server",
    "Site",
    "bytes_content",
    "present",
]
