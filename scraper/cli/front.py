"""What `scraper serve` puts before a site: the options of the front, and the server that they make."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

from scraper import errors

STDERR = "-"
_FILE = click.Path(dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option(
        "--bind", metavar="ADDRESS", help="Listen there instead of on 127.0.0.1; 0.0.0.0 is every address, :: IPv6 too."
    ),
    click.option("--ipv6", is_flag=True, help="Listen on ::1; with --bind 0.0.0.0 on every address of both kinds."),
    click.option("--tls", is_flag=True, help="https, with a certificate made on the spot; stderr tells its file."),
    click.option("--cert", type=_FILE, metavar="FILE", help="https with this certificate (PEM)."),
    click.option("--key", type=_FILE, metavar="FILE", help="The key of --cert, where it is not in the same file."),
    click.option("--faults", type=_FILE, metavar="FILE", help="Do wrong what this YAML list says (docs/server.md)."),
    click.option(
        "--log",
        is_flag=False,
        flag_value=STDERR,
        metavar="[FILE]",
        help="A line for each request (Combined Log Format), to FILE or stderr.",
    ),
    click.option("--proxy", is_flag=True, help="Be an HTTP proxy too, to loopback addresses only."),
    click.option("--proxy-auth", metavar="USER:PASSWORD", help="The same, for who knows the password."),
    click.option(
        "--service",
        "services",
        multiple=True,
        metavar="NAME[:PORT]",
        help="daytime, echo or upper on that port, TCP and UDP; can be given several times.",
    ),
)


def front_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options above; the command gets them as keywords, for `served`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextmanager
def served(
    site: Any,
    port: int,
    *,
    bind: str | None,
    ipv6: bool,
    tls: bool,
    cert: Path | None,
    key: Path | None,
    faults: Path | None,
    log: str | None,
    proxy: bool,
    proxy_auth: str | None,
    services: tuple[str, ...],
) -> Iterator[Any]:
    """A server of `site` with its services, until the end of the block; what is to be known is told.

    Raises:
        JobError: the file of faults holds mistakes.
        UsageError: the rest cannot be as it is asked for.
    """
    from scraper.server.access import AccessLog
    from scraper.server.listening import bind_address
    from scraper.server.server import Server
    from scraper.server.services import Services, parse_service

    host = bind_address(bind, ipv6)
    wanted = [parse_service(text) for text in services]
    if proxy or proxy_auth is not None:
        site.lay(_proxy(proxy_auth))
    if faults is not None:
        from scraper.server.faults import load_faults

        site.lay(load_faults(faults))
    with ExitStack() as stack:
        access = None if log is None else AccessLog(stack.enter_context(_log_file(log)))
        server = Server(site, port, host, record=False, tls=_certificate(tls, cert, key), access=access)
        stack.enter_context(server)
        small = stack.enter_context(Services(wanted, host)) if wanted else None
        _tell(server, small)
        yield server


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, with the exit code of that signal."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(errors.Exit.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _proxy(login: str | None) -> Any:
    from scraper.server.proxy import Proxy

    try:
        return Proxy(login)
    except ValueError as fault:
        raise errors.UsageError(f"--proxy-auth: {fault}") from fault


def _certificate(tls: bool, cert: Path | None, key: Path | None) -> Any:
    from scraper.server.tls import Certificate

    if cert is None and key is not None:
        raise errors.UsageError("--key goes with --cert FILE")
    return tls if cert is None else Certificate(cert, key or cert)


@contextmanager
def _log_file(name: str) -> Iterator[TextIO]:
    if name == STDERR:
        yield sys.stderr
        return
    if Path(name).is_dir():
        raise errors.UsageError(f"--log {name}: that is a folder; to serve it, name it before --log, or write --log=-")
    try:
        file = open(name, "a", encoding="ascii")  # noqa: SIM115 - closed below
    except OSError as fault:
        raise errors.UsageError(f"--log {name}: {fault.strerror}") from fault
    try:
        yield file
    finally:
        try:
            file.close()
        except OSError as fault:
            click.echo(f"--log {name}: its end could not be written: {fault.strerror}", err=True)


def _tell(server: Any, small: Any) -> None:
    """Where it is, for scripts on stdout; what a person must know, on stderr."""
    from scraper.server.listening import is_loopback, netloc, reached_at

    click.echo(server.url)
    for service in small.bound if small else ():
        place = netloc(reached_at(server.host), service.port)
        click.echo(f"{service.name} tcp://{place} udp://{place}")
    if server.certificate is not None:
        click.echo(f"certificate: {server.certificate} (curl --cacert; http: {{verify: ...}} in a job)", err=True)
    if not is_loopback(server.address[0]):
        click.echo("warning: other machines reach this server, and read whatever it serves", err=True)
