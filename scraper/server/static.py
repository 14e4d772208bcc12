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
import io
import os
import stat
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


def answer_file(root: Path, request: Request, *, lists: bool = True) -> Response:
    """The file or folder below `root` that a GET or HEAD names; raises BadRequest 400, 403 or 404.

    Without `lists` a folder that has no index is as if it was not there.
    """
    segments = request.head.target.segments
    names = segments[:-1] if segments[-1] == "" else segments
    for name in names:
        _check(name)
    return _answer_open(request, _walk(root, names), names, lists)


def answer_existing(root: Path, request: Request) -> Response | None:
    """The file that a GET or HEAD names, or the `index.html` of its folder; None where there is none to be served."""
    try:
        return answer_file(root, request, lists=False)
    except BadRequest as fault:
        if fault.status >= 500:
            raise
        return None


def _check(name: str) -> None:
    """Refuse what can be no name of a file here."""
    if "/" in name or "\\" in name:
        raise BadRequest(400, "a name has a separator in it")
    if name in (".", ".."):
        raise BadRequest(403, "dot segments are not walked")
    if not name or (name.startswith(".") and name != ".well-known"):
        raise BadRequest(404, "there is no such file")


def _answer_open(request: Request, fd: int, names: tuple[str, ...], lists: bool) -> Response:
    """The answer for what was opened, which is closed here or with the answer."""
    wants_folder = request.path.endswith("/")
    content = _content(fd, names[-1] if names else "")
    if content is None:
        try:
            return _answer_folder(request, fd, names, lists) if wants_folder else _redirect(request, fd, names, lists)
        finally:
            os.close(fd)
    if wants_folder:
        content.release()
        raise BadRequest(404, "there is no such folder")
    return present(request, content)


def _answer_folder(request: Request, folder: int, names: tuple[str, ...], lists: bool) -> Response:
    index = _index(folder)
    if index is not None:
        return present(request, index)
    if lists:
        return _listing(folder, names)
    raise BadRequest(404, "this folder has no index")


def _index(folder: int) -> Content | None:
    """Its `index.html`; None where there is none, or a link, or it may not be read."""
    try:
        fd = _open("index.html", _FILE, folder)
        content = _content(fd, "index.html")
    except BadRequest:
        return None
    if content is None:
        os.close(fd)
    return content


def _content(fd: int, name: str) -> Content | None:
    """An open file as content, which closes it; None for a folder. Pipes and devices are closed, and
    BadRequest(403)."""
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise BadRequest(403, "this is not a plain file")
    # Size, time and inode: a file that is replaced by rename changes its inode, one that is rewritten its
    # time.
    etag = f'"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"'
    known = Validators(etag, max(0, int(status.st_mtime)))
    return Content(media_type(name), status.st_size, known, io.FileIO(fd))


def _redirect(request: Request, folder: int, names: tuple[str, ...], lists: bool) -> Response:
    if not lists:
        index = _index(folder)
        if index is None:
            raise BadRequest(404, "this folder has no index")
        index.release()
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


def _walk(root: Path, names: tuple[str, ...]) -> int:
    """What `names` lead to, open. The root itself is the user's word and may be a link.

    It is not opened by itself: its path and the first name are one path, of which only the last part is not followed.
    """
    if not names:
        return _open(str(root), _FOLDER & ~os.O_NOFOLLOW, None)
    found = _open(f"{root}/{names[0]}", _FOLDER if names[1:] else _FILE, None)
    for at, name in enumerate(names[1:], 2):
        folder = found
        try:
            found = _open(name, _FOLDER if at < len(names) else _FILE, folder)
        finally:
            os.close(folder)
    return found


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
