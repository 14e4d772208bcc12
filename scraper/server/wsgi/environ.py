"""What an application is given: the variables of a request, in the strings of PEP 3333."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from scraper.server.request import Request

Environ = dict[str, Any]

_BLOCK = 64 * 1024


class FileWrapper:
    """`wsgi.file_wrapper`: a file as an answer. A plain file on disk is sent by the kernel itself."""

    def __init__(self, file: Any, block: int = _BLOCK) -> None:
        self.file = file
        self._block = block

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.file.read(self._block):
            yield piece

    def close(self) -> None:
        """Close the file, if it can be closed."""
        getattr(self.file, "close", lambda: None)()

    def rest(self) -> tuple[int, int] | None:
        """Where the file stands and how many bytes follow; None where it is no plain file on disk, read as it is."""
        if type(getattr(self.file, "raw", self.file)) is not io.FileIO:
            return None  # what it reads may not be what its descriptor reads, as with GzipFile
        status = os.fstat(self.file.fileno())
        at: int = self.file.tell() if stat.S_ISREG(status.st_mode) else 0
        return (at, max(0, status.st_size - at)) if stat.S_ISREG(status.st_mode) else None


def make_environ(request: Request, script: str, path: str) -> Environ:
    """The environ of a request. `script` and `path` are the mount and what follows it, decoded."""
    server = urlsplit(request.server_url or "http://localhost:80")
    host = server.hostname or ""
    return {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": _native(script),
        "PATH_INFO": _native(path),
        "QUERY_STRING": request.head.target.query,
        "REQUEST_URI": request.target,
        "RAW_URI": request.target,
        "SERVER_NAME": f"[{host}]" if ":" in host else host,
        "SERVER_PORT": str(server.port or {"https": 443}.get(server.scheme, 80)),
        "SERVER_PROTOCOL": "HTTP/{}.{}".format(*request.head.version),
        "SERVER_SOFTWARE": "scraper",
        "REMOTE_ADDR": request.client[0],
        "REMOTE_PORT": str(request.client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": server.scheme,
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        **_fields(request),
    }


def _native(text: str) -> str:
    """The bytes of a path, as a string of Latin-1."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _fields(request: Request) -> dict[str, str]:
    """The header fields as variables; those of one name joined in order.

    A name with an underscore could be taken for another one (RFC 9110 section 17.10) and is left out. The transfer
    coding is undone, so Content-Length takes its place (RFC 9112 section 7.1.3).
    """
    found: dict[str, str] = {}
    for name, value in request.head.fields:
        key = name.upper().replace("-", "_")
        if "_" not in name:
            found[key] = found[key] + ("; " if key == "COOKIE" else ",") + value if key in found else value
    coded = found.pop("TRANSFER_ENCODING", None) is not None
    if coded or "CONTENT_LENGTH" in found:
        found["CONTENT_LENGTH"] = str(len(request.body))
    if request.head.target.authority is not None:  # RFC 9112 section 3.2.2: it wins over Host
        found["HOST"] = request.head.target.authority
    bare = ("CONTENT_LENGTH", "CONTENT_TYPE")
    return {key if key in bare else f"HTTP_{key}": value for key, value in found.items()}
