"""What a command of a job prints, as lines of the log: escaped, without secrets, and never more than a line is long.

A command may echo what was scraped, so its output does not reach a terminal as it is (DESIGN 4.10), nor break the
objects of a JSON log. Nothing waits for it: what is there is read while the command is waited for, and what something
that it left behind prints later is read by nobody.
"""

from __future__ import annotations

import codecs
import contextlib
import logging
import os
import selectors
import subprocess
from collections.abc import Callable

from scraper.run.events import COMMANDS

log = logging.getLogger(COMMANDS)
PIECE = 1 << 16
LONGEST = 2000
"""Characters of a line; what is longer is told in several."""


class Printed:
    """The output of a process.

    Args:
        process: its stdout is a pipe.
        name: of the command: `on_finish[0]`.
        conceal: puts marks for secrets.
    """

    def __init__(self, process: subprocess.Popen[bytes], name: str, conceal: Callable[[str], str]) -> None:
        assert process.stdout is not None, "a pipe"
        self._pipe, self._name, self._conceal = process.stdout, name, conceal
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._rest = ""
        os.set_blocking(self._pipe.fileno(), False)
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._pipe, selectors.EVENT_READ)

    def wait(self, seconds: float) -> bool:
        """Waits so long for output, and tells it; False: there will be none any more, and nothing was waited for."""
        if not self._ready.get_map():
            return False
        return not self._ready.select(seconds) or self._read()

    def close(self) -> None:
        """Tells what is left, without waiting for more."""
        while self._ready.get_map() and self._ready.select(0) and self._read():
            pass
        self._tell(self._decoder.decode(b"", final=True), last=True)
        self._ready.close()
        self._pipe.close()

    def _read(self) -> bool:
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._pipe.fileno(), PIECE)
            if not data:
                self._ready.unregister(self._pipe)
        self._tell(self._decoder.decode(data))
        return bool(data)

    def _tell(self, text: str, *, last: bool = False) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        if last or len(self._rest) > LONGEST:
            lines.append(self._rest)
            self._rest = ""
        for line in lines:
            whole = self._conceal(line.rstrip("\r"))
            for at in range(0, len(whole), LONGEST):
                log.info("%s: %s", self._name, whole[at : at + LONGEST])
