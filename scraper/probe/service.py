"""A client for the small services of old: what is said over TCP or UDP, and whether it is what it should be.

daytime (RFC 867) says a line to whoever connects, or to any datagram; echo (RFC 862) gives back what it gets; upper
gives it back in capitals. Without the name of one, what comes is shown and not judged.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace

from scraper.probe import sockets, words
from scraper.probe.patience import Patience
from scraper.probe.report import Report, Service, Trouble
from scraper.probe.sockets import Place

SERVICES = ("daytime", "echo", "upper")
PORTS = {"daytime": 13, "echo": 7}
GREETING = 1.0
"""Seconds that a server is given to speak first."""
LONGEST = 4096
"""Bytes of an answer that are read."""
TEXT = "Scraper probe"


def talk_tcp(
    report: Report, address: str, sock: socket.socket, patience: Patience, text: Callable[[bytes], str],
    send: str | None, service: str | None,
) -> None:  # fmt: skip
    """Hears what is said first, sends a line where there is one, and hears what comes to it."""
    line = TEXT if send is None and service in ("echo", "upper") else send
    began, given = patience.clock(), patience.reading
    told = Service(address, None, line, None, None, service)
    said = answer = b""
    try:
        if service not in ("echo", "upper"):
            said = _heard(sock, patience, given if service == "daytime" else min(GREETING, given))
            told = replace(told, said=text(said) if said else None, seconds=patience.clock() - began)
        if line is not None:
            began, given = patience.clock(), patience.reading
            sock.settimeout(given)
            sock.sendall(line.encode("utf-8", "surrogateescape") + b"\r\n")
            answer = _heard(sock, patience, given)
            told = replace(told, answer=text(answer) if answer else None, seconds=patience.clock() - began)
    except OSError as error:
        report.failures.append(words.of_errno(error, "service", given))
    _judge(report, told, line, said or answer, answer, given)


def talk_udp(
    report: Report, places: list[Place], patience: Patience, text: Callable[[bytes], str], send: str | None,
    service: str | None,
) -> None:  # fmt: skip
    """Sends one datagram to each address until one answers."""
    line = TEXT if send is None and service in ("echo", "upper") else send
    trouble: Trouble | None = None
    for place in places[: sockets.MOST]:
        given = patience.connecting
        began = patience.clock()
        told = Service(place.host, None, line or "", None, None, service)
        report.connections += 1
        try:
            with sockets.connected(place, patience, sockets.DATAGRAM) as sock:
                sock.send((line or "").encode("utf-8", "surrogateescape"))
                answer = sock.recv(65535)
        except OSError as error:
            trouble = _of_datagram(error, given)
            report.service = told
            continue
        told = replace(told, answer=text(answer[:LONGEST]), seconds=patience.clock() - began)
        _judge(report, told, line, answer[:LONGEST], answer[:LONGEST], given)
        return
    if trouble is not None:
        report.failures.append(trouble)


def _of_datagram(error: OSError, seconds: float) -> Trouble:
    if words.errno_name(error) == "ETIMEDOUT":
        message = f"no answer in {seconds:g} s: nobody listens, it does not answer this, or it was lost"
        return Trouble("service", "ETIMEDOUT", message, "check port and --send; a second try shows whether it was lost")
    return words.of_errno(error, "service", seconds)


def _heard(sock: socket.socket, patience: Patience, seconds: float) -> bytes:
    """What comes until the end of a line, the end of the connection, or of the time."""
    heard, until = b"", patience.clock() + min(seconds, patience.left)
    while b"\n" not in heard and len(heard) < LONGEST and (left := until - patience.clock()) > 0:
        sock.settimeout(left)
        try:
            data = sock.recv(LONGEST - len(heard))
        except TimeoutError:
            break
        if not data:
            break
        heard += data
    return heard


def _judge(report: Report, told: Service, line: str | None, heard: bytes, answer: bytes, seconds: float) -> None:
    """Puts the talk into the report, and its failure where it is not as the service has it."""
    expected, trouble = None, None
    if told.service is not None and not report.failures:
        trouble = _mismatch(told.service, line or "", heard, answer, seconds)
        expected = trouble is None
    elif line is not None and not heard and not report.failures:
        trouble = Trouble("service", "ETIMEDOUT", f"no answer in {seconds:g} s", "check port and --send")
    report.service = replace(told, expected=expected)
    if trouble is not None:
        report.failures.append(trouble)


def _mismatch(service: str, line: str, heard: bytes, answer: bytes, seconds: float) -> Trouble | None:
    """Why an answer is not that of the service; None: it is."""
    sent = line.encode("utf-8", "surrogateescape")
    right = {
        "daytime": bool(heard.strip()),
        "echo": answer.rstrip(b"\r\n") == sent,
        "upper": answer == answer.upper() and _capitals(answer.rstrip(b"\r\n")) == _capitals(sent),
    }
    if right[service]:
        return None
    if not heard:
        return Trouble("service", "ETIMEDOUT", f"no answer in {seconds:g} s", f"check that {service} is served there")
    should = {"daytime": "a line with the time", "echo": "what was sent", "upper": "what was sent, in capitals"}
    message = f"it does not answer as {service} does, with {should[service]}"
    return Trouble("service", "ANSWER", message, f"check that {service} is served there, and not another service")


def _capitals(text: bytes) -> str:
    """In capitals; which letters beyond ASCII have one is a matter of opinion, so both sides are brought there."""
    return text.decode("utf-8", "surrogateescape").upper()
