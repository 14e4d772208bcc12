"""What the small servers of the tests share that speak over a bare socket, each in its own way."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Listening:
    """Accepts from `listen` to `close`, and gives each connection to `_serve`, in a thread of its own."""

    def listen(self, host: str = "127.0.0.1") -> None:
        """On a free port of this address: `port`."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):  # it may be closed already
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        raise NotImplementedError
