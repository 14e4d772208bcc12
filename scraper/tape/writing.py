"""Writes a tape: a WARC of the exchanges that `put` is given (ISO 28500, WARC/1.1).

    put(taken) -> its records are made in a spool, compressed there -> appended in one go, under the lock

For each exchange: a `request` record, a `metadata` record where something went wrong, a `response` record where a
head came. In this order, so that a kill between two of them leaves no answer without the request it belongs to. The
bytes of heads are our own: warcio would percent-encode those that are not ASCII.

What an earlier run was killed in the middle of, at the end of the file, is cut off first (`tail`).
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import stat
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO, FileIO
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, Any, Self, cast
from uuid import uuid4

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from scraper import __version__
from scraper.errors import BusyError, TapeError
from scraper.tape.heads import SOFTWARE, STANDING, answer_head, fields_block, request_head, target_uri
from scraper.tape.tail import find_end
from scraper.tape.taken import Answered, Failure, Slice, Taken

__all__ = ["TapeWriter"]

log = logging.getLogger("scraper")

_STANDING = (
    f"{SOFTWARE}{__version__}",
    "WARC File Format 1.1",
    "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
)
_PIECE = 1 << 20
_LEVEL = 6  # of compression; what 9 gains is less than a hundredth, and takes twice the time
_SAMPLE = 16 * 1024  # bytes of a body that tell whether it can be compressed
_DENSE = 0.97
_SPOOLED = 1 << 20  # bytes of one exchange's records that are made in memory


class TapeWriter:
    """A WARC file that exchanges are appended to; each record is a gzip member where the name ends in `.gz`.

    Args:
        path: the file, made where it is not there, in a folder that is. It is held until it is closed.
        info: fields of the warcinfo record that comes first; `software`, `format` and `conformsTo` are our own.
        anew: what stands there goes.

    Raises:
        BusyError: another writer holds it.
        TapeError: the file is no WARC, is damaged in its middle, is a symbolic link, or cannot be opened.
        OSError: the disk takes no more.
    """

    def __init__(self, path: Path, info: Mapping[str, str], *, anew: bool = False) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._file = _opened(path)
        try:
            if anew:
                self._file.truncate(0)
            self._end, self._gzip = self._begin()
            self._info_id = _new_id()
            with self._spool() as spool:
                named = {"WARC-Record-ID": self._info_id, "WARC-Filename": path.name}
                named["WARC-Date"] = _date(datetime.now(UTC))
                fields = {**info, **dict(zip(STANDING, _STANDING, strict=True))}
                writer = self._writer(spool)
                writer.write_record(_fields_record(writer, "warcinfo", "", fields, named))
                self._append(spool)
        except BaseException:
            if not os.fstat(self._file.fileno()).st_size:
                path.unlink(missing_ok=True)
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def hold(self) -> int:
        """A descriptor by which the file is held even when this is closed; whoever takes it closes it."""
        return os.dup(self._file.fileno())

    def close(self) -> None:
        """No more is written. May be called again."""
        with self._lock:
            self._file.close()

    def put(self, taken: Taken) -> None:
        """Appends an exchange, whole or not at all. May be called from many threads.

        Raises:
            OSError: the disk takes no more, or a body's Slice cannot be read.
            ValueError: it is closed.
        """
        with self._spool() as spool:
            writer = self._writer(spool)
            request_id, response_id = _new_id(), _new_id()
            common = {"WARC-Date": _date(taken.when), "WARC-Warcinfo-ID": self._info_id}
            asked, url = taken.asked, target_uri(taken.asked.url)
            named = {**common, "WARC-Record-ID": request_id}
            if taken.answered is not None:
                named["WARC-Concurrent-To"] = response_id
            writer.write_record(
                _http_record(writer, "request", url, request_head(asked), BytesIO(asked.body), len(asked.body), named)
            )
            common["WARC-Concurrent-To"] = request_id
            if taken.failure is not None:
                fields = _failure_fields(taken, taken.failure)
                writer.write_record(_fields_record(writer, "metadata", url, fields, common))
            if taken.answered is not None:
                named = {**common, "WARC-Record-ID": response_id, **_about(taken.answered, taken.failure)}
                self._response(spool, url, taken.answered, named)
            self._append(spool)

    def _response(self, spool: IO[bytes], url: str, answered: Answered, named: dict[str, str]) -> None:
        head, body = answer_head(answered), answered.body
        with _stream(body) as stream:
            writer = self._writer(spool, _level(stream) if self._gzip else _LEVEL)
            length = body.count if isinstance(body, Slice) else len(body)
            writer.write_record(_http_record(writer, "response", url, head, stream, length, named))

    def _begin(self) -> tuple[int, bool]:
        """Where to append, and whether records are zipped: a file that has some already goes on as it began."""
        size = self._file.seek(0, os.SEEK_END)
        if not size:
            return 0, self._path.name.endswith(".gz")
        self._file.seek(0)
        end, zipped = find_end(self._path, self._file)
        if end < size:
            log.warning("%s: its last %d bytes are no whole record, and are cut off", self._path, size - end)
            self._file.truncate(end)
        return end, zipped if end else self._path.name.endswith(".gz")

    def _spool(self) -> IO[bytes]:
        """Of no name, in the folder of the tape: there is room for it, or there is none for the tape either."""
        return cast("IO[bytes]", SpooledTemporaryFile(_SPOOLED, dir=str(self._path.parent)))

    def _writer(self, spool: IO[bytes], level: int = _LEVEL) -> Any:
        return WARCWriter(_Members(spool, level) if self._gzip else spool, gzip=False, warc_version="1.1")

    def _append(self, spool: IO[bytes]) -> None:
        spool.seek(0)
        with self._lock:
            self._file.seek(self._end)
            try:
                while piece := spool.read(_PIECE):
                    _write_all(self._file, piece)
            except BaseException:
                self._file.truncate(self._end)
                raise
            self._end = self._file.tell()


def _opened(path: Path) -> FileIO:
    try:
        found = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        raise TapeError(path, _unwritable(error)) from error
    file = FileIO(found, "r+b")
    try:
        _hold(path, found)
    except BaseException:
        file.close()
        raise
    return file


def _hold(path: Path, file: int) -> None:
    """Keeps other writers out until the file is closed; a file that got another name meanwhile is not ours."""
    about = os.fstat(file)
    if not stat.S_ISREG(about.st_mode):
        raise TapeError(path, "it is no ordinary file; name another one")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = os.path.samestat(about, path.lstat())
    except (BlockingIOError, FileNotFoundError):
        is_ours = False
    except OSError as error:
        log.warning("%s: it cannot be locked (%s); let no other run write it", path, error.strerror)
        return
    if not is_ours:
        raise BusyError(f"another run writes {path}; wait for its end")


def _unwritable(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "it is a symbolic link, and none is written through; name the file itself"
    return f"it cannot be written: {error.strerror}"


def _write_all(file: FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


class _Window:
    """Bytes of a file as a stream of their own, which warcio reads more than once."""

    def __init__(self, file: IO[bytes], offset: int, count: int) -> None:
        self._file, self._offset, self._count, self._at = file, offset, count, 0

    def read(self, size: int = -1) -> bytes:
        left = self._count - self._at
        size = left if size < 0 else min(size, left)
        self._file.seek(self._offset + self._at)
        data = self._file.read(size)
        if size and not data:
            raise OSError(f"{self._file.name}: {left} bytes of a body are missing")
        self._at += len(data)
        return data

    def tell(self) -> int:
        return self._at

    def seek(self, at: int) -> None:
        self._at = at


@contextmanager
def _stream(body: bytes | Slice) -> Iterator[BytesIO | _Window]:
    if isinstance(body, bytes):
        yield BytesIO(body)
    else:
        with body.path.open("rb") as file:
            yield _Window(file, body.offset, body.count)


def _level(stream: BytesIO | _Window) -> int:
    """How hard to compress a body: not at all a longer one that is compressed already, as pictures are."""
    sample = stream.read(_SAMPLE)
    stream.seek(0)
    dense = len(sample) == _SAMPLE and len(zlib.compress(sample, 1)) > _DENSE * _SAMPLE
    return 0 if dense else _LEVEL


class _Members:
    """Makes a gzip member of what is written up to each flush; warcio flushes after each record."""

    def __init__(self, out: IO[bytes], level: int) -> None:
        self._out = out
        self._level = level
        self._member = self._new()

    def write(self, data: bytes) -> None:
        self._out.write(self._member.compress(data))

    def flush(self) -> None:
        self._out.write(self._member.flush())
        self._member = self._new()

    def _new(self) -> zlib._Compress:
        return zlib.compressobj(self._level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)


class _Head(StatusAndHeaders):  # type: ignore[misc]
    """A head whose bytes are ours."""

    def __init__(self, data: bytes) -> None:
        super().__init__("our own bytes", [])
        self._data = data

    def compute_headers_buffer(self, header_filter: Any = None) -> None:
        self.headers_buff = self._data


def _http_record(writer: Any, kind: str, url: str, head: bytes, body: Any, length: int, named: dict[str, str]) -> Any:
    return writer.create_warc_record(
        url, kind, payload=body, length=length, http_headers=_Head(head), warc_headers_dict=named
    )


def _fields_record(writer: Any, kind: str, url: str, fields: Mapping[str, str], named: dict[str, str]) -> Any:
    data = fields_block(fields)
    return writer.create_warc_record(url, kind, payload=BytesIO(data), length=len(data), warc_headers_dict=named)


def _failure_fields(taken: Taken, failure: Failure) -> dict[str, str]:
    return {
        "method": taken.asked.method,
        "url": taken.asked.url,
        "ending": failure.ending,
        "message": json.dumps(failure.message),
        "sent": json.dumps(failure.sent),
        "final": json.dumps(failure.final),
    }


def _about(answered: Answered, failure: Failure | None) -> dict[str, str]:
    found = {}
    if answered.address is not None:
        found["WARC-IP-Address"] = answered.address
    if not answered.whole:
        found["WARC-Truncated"] = "unspecified" if failure is None else "disconnect"
    return found


def _new_id() -> str:
    return f"<urn:uuid:{uuid4()}>"


def _date(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
