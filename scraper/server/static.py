"""Files of one folder, and nothing outside of it.

A path is walked as the kernel walks it, but one segment at a time from an open folder, each step with
O_NOFOLLOW. So no spelling of a path is compared with any other: a segment that is `.` or `..`, is empty, or
has a separator in it is refused, and a symbolic link is never followed, wherever it leads and whenever it
appears.

Names that begin with a dot are neither listed nor served (`.scraper` of an output folder, `.git`),
`.well-known` (RFC 8615) excepted. A folder is its `index.html`, else a list of its names; without its slash
it is a redirect whose Location begins with one slash and a name, so that it cannot be read as `//host`.
"""

from __future__ import annotations

import errno
import html
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from scraper.server.answers import HTML, Response
from scraper.server.conditional import Validators
from scraper.server.content import Content, present
from scraper.server.mediatypes import media_type
from scraper.server.refusal import BadRequest
from scraper.server.request import Request

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # NONBLOCK: a pipe must not hold the thread
_STATUS = {errno.EACCES: 403, errno.EPERM: 403, errno.ELOOP: 403, errno.EMFILE: 503, errno.ENFILE: 503}


def answer_file(root: Path, request: Request) -> Response:
    """The file or folder below `root` that a GET or HEAD names; raises BadRequest 400, 403 or 404."""
    segments = request.head.target.segments
    names = segments[:-1] if segments[-1] == "" else segments
    for name in names:
        _check(name)
    with _walk(root, names[:-1]) as folder, _closing(_open(names[-1] if names else ".", _FILE, folder)) as fd:
        return _answer_open(request, fd, names)


def _check(name: str) -> None:
    """Refuse what can be no name of a file here."""
    if "/" in name or "\\" in name:
        raise BadRequest(400, "a name has a separator in it")
    if name in (".", ".."):
        raise BadRequest(403, "dot segments are not walked")
    if not name or (name.startswith(".") and name != ".well-known"):
        raise BadRequest(404, "there is no such file")


def _answer_open(request: Request, fd: int, names: tuple[str, ...]) -> Response:
    wants_folder = request.path.endswith("/")
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        return _answer_folder(request, fd, names) if wants_folder else _redirect(request, names)
    if wants_folder:
        raise BadRequest(404, "there is no such folder")
    return present(request, _content(fd, names[-1]))


def _answer_folder(request: Request, folder: int, names: tuple[str, ...]) -> Response:
    try:
        opened = _open("index.html", _FILE, folder)
    except BadRequest:  # none, or a link, or not to be read: the list tells what else there is
        return _listing(folder, names)
    with _closing(opened) as index:
        return present(request, _content(index, "index.html"))


def _content(fd: int, name: str) -> Content:
    """An open file as content, which has a descriptor of its own; raises BadRequest(403) for pipes and
    devices."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise BadRequest(403, "this is not a plain file")
    # Size, time and inode: a file that is replaced by rename changes its inode, one that is rewritten its
    # time.
    etag = f'"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"'
    known = Validators(etag, max(0, int(status.st_mtime)))
    return Content(media_type(name), status.st_size, known, os.fdopen(os.dup(fd), "rb", buffering=0))


def _redirect(request: Request, names: tuple[str, ...]) -> Response:
    query = request.head.target.query
    location = "/" + "".join(f"{_encode(name)}/" for name in names) + (f"?{query}" if query else "")
    return Response(301, (("Location", location),))


def _listing(folder: int, names: tuple[str, ...]) -> Response:
    title = html.escape(_shown("/" + "".join(f"{name}/" for name in names)))
    up = '<li><a href="../">../</a></li>\n' if names else ""
    page = (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<h1>{title}</h1>\n<ul>\n{up}{''.join(map(_row, _entries(folder)))}</ul>\n</html>\n"
    )
    return Response(200, (("Content-Type", HTML),), page.encode("utf-8"))


def _row(entry: tuple[str, str]) -> str:
    name, mark = entry
    return f'<li><a href="{_encode(name)}{mark}">{html.escape(_shown(name))}{mark}</a></li>\n'


def _entries(folder: int) -> list[tuple[str, str]]:
    """Names that would be served, sorted, and `/` beside those that are folders."""
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(".") and not entry.is_symlink()]
        return sorted((entry.name, "/" if entry.is_dir(follow_symlinks=False) else "") for entry in shown)


@contextmanager
def _walk(root: Path, names: tuple[str, ...]) -> Iterator[int]:
    """The open folder that `names` lead to. The root itself is the user's word and may be a link."""
    folder = _open(str(root), _FOLDER & ~os.O_NOFOLLOW, None)
    try:
        for name in names:
            inner = _open(name, _FOLDER, folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


@contextmanager
def _closing(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


def _open(name: str, flags: int, folder: int | None) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError as fault:
        status = _STATUS.get(fault.errno or 0, 404)
        raise BadRequest(status, "there is no such file that may be read") from fault
    except ValueError as fault:  # a name that is no name for the file system, such as a lone surrogate
        raise BadRequest(404, "there is no such file") from fault


def _encode(name: str) -> str:
    return quote(os.fsencode(name), safe="")


def _shown(name: str) -> str:
    """A name for people: bytes that are not UTF-8 become the replacement character."""
    return os.fsencode(name).decode("utf-8", "replace")
