"""Two hundred clients that drip a byte at a time, and a good one among them."""

from __future__ import annotations

import http.client
import socket
from contextlib import ExitStack
from pathlib import Path

from scraper.server import Server

SLOW = 200
HEAD = b"GET /ok.txt HTTP/1.1\r\nHost: h\r\n\r\n"


def test_two_hundred_dripping_clients_do_not_keep_a_good_one_waiting(folder: Path) -> None:
    """They get no thread's time: after each of their bytes the good one asks, and is answered; so are they, at last."""
    with ExitStack() as stack:
        server = stack.enter_context(Server(folder))
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 20)) for _ in range(SLOW)]
        good = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        stack.callback(good.close)
        for byte in (HEAD[at : at + 1] for at in range(10)):
            for sock in slow:
                sock.sendall(byte)
            good.request("GET", "/ok.txt")
            assert good.getresponse().read() == b"0123456789"
        assert [seen.status for seen in server.log] == [200] * 10
        assert len({seen.port for seen in server.log}) == 1

        for sock in slow:
            sock.sendall(HEAD[10:])
        assert {sock.recv(12) for sock in slow} == {b"HTTP/1.1 200"}
