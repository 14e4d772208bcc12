"""Messages between a process and one that it forked: objects, each way in order, over two pipes.

Both ends are the same program, so what travels is pickled. A frame is a length (4 bytes, little endian) and so many
bytes. Reading never waits, except in `wait`. Writing waits at the worker's end; at the other it does not: what the
pipe will not take yet is kept, so that two processes that both have much to say never wait for each other.
"""

from __future__ import annotations

import os
import pickle
import select
import threading
from collections import deque
from typing import Any

PIECE = 256 * 1024
"""Bytes that are read at once."""
_HEAD = 4


class ClosedError(Exception):
    """The process at the other end is gone."""


class Channel:
    """One end. `send` may be called from any thread; `receive` from one at a time.

    Args:
        reading, writing: descriptors of pipes, closed by `close`.
        patient: whether `send` waits for room in the pipe.

    Attributes:
        reading, writing: to be watched by an event loop; writing only while `is_full`.
    """

    def __init__(self, reading: int, writing: int, *, patient: bool) -> None:
        self.reading = reading
        self.writing = writing
        os.set_blocking(reading, False)
        os.set_blocking(writing, patient)
        self._read = bytearray()
        self._kept: deque[bytes] = deque()
        self._lock = threading.Lock()

    @property
    def is_full(self) -> bool:
        """Whether something waits for room in the pipe."""
        return bool(self._kept)

    def send(self, message: Any) -> None:
        """Sends a message.

        Raises:
            ClosedError: nobody reads any more.
        """
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        with self._lock:
            if self.writing < 0:
                raise ClosedError
            self._kept.append(len(data).to_bytes(_HEAD, "little") + data)
            self._write()

    def flush(self) -> None:
        """There may be room for what was kept."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        while self._kept:
            data = self._kept[0]
            try:
                count = os.write(self.writing, data)
            except BlockingIOError:
                return
            except BrokenPipeError as error:
                raise ClosedError from error
            if count == len(data):
                self._kept.popleft()
            else:
                self._kept[0] = data[count:]

    def receive(self) -> list[Any]:
        """All messages that came.

        Raises:
            ClosedError: none did, and none will.
        """
        messages = self._whole()
        while not messages:
            try:
                data = os.read(self.reading, PIECE)
            except BlockingIOError:
                break
            if not data:
                raise ClosedError
            self._read += data
            messages = self._whole()
        return messages

    def wait(self) -> list[Any]:
        """The next messages, at least one.

        Raises:
            ClosedError: none will come.
        """
        while not (messages := self.receive()):
            waiting = select.poll()
            waiting.register(self.reading, select.POLLIN)
            waiting.poll()
        return messages

    def _whole(self) -> list[Any]:
        """Takes whole messages from what was read."""
        read, at, found = self._read, 0, []
        while len(read) - at >= _HEAD:
            end = at + _HEAD + int.from_bytes(read[at : at + _HEAD], "little")
            if len(read) < end:
                break
            found.append(pickle.loads(memoryview(read)[at + _HEAD : end]))  # noqa: S301 - of our own process
            at = end
        if at:
            del read[:at]
        return found

    def close(self) -> None:
        """Closes this end. Somebody may still send: its descriptor may be another file's by then."""
        with self._lock:
            reading, writing = self.reading, self.writing
            self.reading = self.writing = -1
            os.close(reading)
            os.close(writing)


def pair() -> tuple[Channel, Channel]:
    """Two ends: for the process of the run, and for the worker that it forks."""
    down, up = os.pipe(), os.pipe()
    return Channel(up[0], down[1], patient=False), Channel(down[0], up[1], patient=True)
