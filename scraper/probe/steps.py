"""The steps of a probe, one after the other, each into its section of the report.

    report, stages = probe(target, settings, patience)
    for section in stages: ...                  the report has this section now

A step that fails ends those that stand upon it: without an address there is no connection, without TLS no HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from scraper import secrets, urls
from scraper.errors import UsageError
from scraper.net.outgoing import Outgoing, UnsendableError, Wire
from scraper.net.proxylist import shown as without_user
from scraper.probe import service, sockets, words
from scraper.probe.patience import Patience
from scraper.probe.report import Lookup, Proxy, Report, Trouble
from scraper.probe.road import Road, Stream, TunnelError, proxy_place
from scraper.probe.settings import Settings
from scraper.probe.sockets import Place


@dataclass(frozen=True)
class Target:
    """What is probed.

    Attributes:
        url: as it was given. kind: `http`, `tcp` or `udp`. host, port: of `tcp` and `udp`.
        send: what to say there; service: what it should be.
    """

    url: str
    kind: str
    host: str = ""
    port: int = 0
    send: str | None = None
    service: str | None = None


def target_of(url: str, send: str | None = None, service_: str | None = None) -> Target:
    """Reads the URL of a probe.

    Raises:
        UsageError: it is none, or does not go with the options.
    """
    if not url.isprintable():  # bytes that are no UTF-8 are not either
        raise UsageError(f"{url!a}: a URL has no such characters; write them percent-encoded")
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme in ("http", "https"):
        if send is not None or service_ is not None:
            raise UsageError("--send and --service are for tcp:// and udp://")
        try:
            is_one = urls.is_http(urls.fixed(url))
        except ValueError:  # as of an address in brackets that are not closed
            is_one = False
        if not is_one:
            raise UsageError(f"{url}: it is no http or https URL")
        return Target(url, "http")
    if scheme not in ("tcp", "udp"):
        hint = f'; did you mean "https://{url}"?' if not scheme else ""
        raise UsageError(f"{url}: a probe takes http://, https://, tcp://HOST:PORT and udp://HOST:PORT{hint}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or service.PORTS.get(service_ or "", 0)
    except ValueError:
        host, port = "", 0
    if not host or not port:
        raise UsageError(f"{url}: write {scheme}://HOST:PORT")
    return Target(url, scheme, host, port, send, service_)


def probe(target: Target, settings: Settings, patience: Patience) -> tuple[Report, Iterator[str]]:
    """A report that fills itself as its stages are taken."""
    shown = secrets.display(urls.without_userinfo(target.url))
    report = Report(shown, target.kind, settings.job, list(settings.notes))
    stages = (
        _web(target, settings, patience, report) if target.kind == "http" else _talk(target, settings, patience, report)
    )
    return report, _timed(stages, report, patience)


def _timed(stages: Iterator[str], report: Report, patience: Patience) -> Iterator[str]:
    for section in stages:
        report.seconds = patience.age
        yield section
    report.seconds = patience.age
    yield "end"


# -- tcp and udp -----------------------------------------------------------------------------------------------


def _talk(target: Target, settings: Settings, patience: Patience, report: Report) -> Iterator[str]:
    yield "settings"
    kind = sockets.STREAM if target.kind == "tcp" else sockets.DATAGRAM
    places = _places(report, target.host, target.port, patience, kind)
    yield "dns"
    if not places:
        return
    if target.kind == "udp":
        service.talk_udp(report, places, patience, settings.said, target.send, target.service)
    else:
        kept: list[Any] = []
        try:
            good = _reached(report, places, patience, kept)
            yield "tcp"
            if not good:
                return
            service.talk_tcp(report, good[0].host, kept[0], patience, settings.said, target.send, target.service)
        finally:
            for sock in kept:
                sockets.closed(sock)
    yield "service"


def _places(report: Report, host: str, port: int, patience: Patience, kind: int = sockets.STREAM) -> list[Place]:
    report.dns, places = sockets.look_up(host, port, patience, kind)
    if not places:
        report.failures.append(_no_address(report.dns, host))
    return places


def _no_address(lookups: list[Lookup], host: str) -> Trouble:
    troubles = [each.error for each in lookups if each.error is not None]
    first = troubles[0] if troubles else Trouble("dns", "EAI_NODATA", "the name has no address", "check the spelling")
    return replace(first, message=f"{host}: {first.message}")


def _reached(report: Report, places: list[Place], patience: Patience, kept: list[Any] | None = None) -> list[Place]:
    report.tcp, good = sockets.reach(places, patience, kept)
    report.connections += len(report.tcp)
    if not report.tcp:
        report.failures.append(words.of_time("tcp", patience.total))
    for each in report.tcp[:1] if not good else ():
        assert each.error is not None
        where = f"[{each.address}]" if ":" in each.address else each.address
        report.failures.append(replace(each.error, message=f"{where}:{each.port}: {each.error.message}"))
    return good


# -- http ------------------------------------------------------------------------------------------------------


def _web(target: Target, settings: Settings, patience: Patience, report: Report) -> Iterator[str]:
    live = settings.outgoing
    try:
        url = live.url(Wire("HEAD", target.url))
    except UnsendableError as error:
        report.failures.append(Trouble("http", "protocol", settings.words(str(error)), "check the URL"))
        yield "settings"
        return
    way = live.proxies.way(url)
    proxy = None if way is None else way.proxy
    if proxy is not None:
        report.proxy = Proxy(settings.words(without_user(proxy)), "environment" if live.http.proxies is None else "job")
    elif live.proxies:
        report.notes.append("proxies are set, and none of them is for this URL (NO_PROXY, or another scheme)")
    yield "settings"
    host, port = (urls.host_of(url), urls.port_of(url)) if proxy is None else proxy_place(proxy)
    places = _places(report, host, port, patience)
    yield "dns"
    if not places:
        return
    good = _reached(report, places, patience)
    yield "tcp"
    if not good:
        return
    if not _opened(
        report, Road(urls.host_of(url), urls.port_of(url), good, proxy, _secured(live)), url, settings, patience
    ):
        yield "tls"
        return
    yield "tls"
    yield from _asked(target.url, settings, patience, report)


def _asked(url: str, settings: Settings, patience: Patience, report: Report) -> Iterator[str]:
    from scraper.probe.web import Web

    web = Web(settings, report, patience)
    web.walk(url)
    yield "http"
    if report.answer is None:
        return
    if not report.failures:
        web.look_at_ranges()
    yield "ranges"
    web.look_at_robots(url)
    yield "robots"


def _secured(live: Outgoing) -> Callable[[Stream, str, Patience], Stream]:
    """TLS to a proxy that is spoken to over it; it is believed no sooner than a server."""

    def secured(stream: Stream, host: str, patience: Patience) -> Stream:
        from scraper.probe import tls

        context = tls.trusting() if live.verify is False else tls.verifying(live.verify)
        given = patience.connecting
        try:
            return tls.shake(stream, context, host, patience)
        except tls.ShakeError as failed:
            trouble = tls.trouble_of(failed, given)
            told = replace(trouble, stage="proxy", message=f"TLS to the proxy: {trouble.message}")
            raise TunnelError(told) from failed

    return secured


def _opened(report: Report, road: Road, url: str, settings: Settings, patience: Patience) -> bool:
    """Goes as far as HTTP could begin: the tunnel of a proxy, TLS. Whether it got there."""
    is_tls = url.startswith("https:")
    is_tunnelled = report.proxy is not None and (is_tls or report.proxy.url.startswith("socks"))
    if not is_tls and not is_tunnelled:
        return True
    began = patience.clock()
    try:
        if is_tunnelled:
            sockets.closed(road.open(patience))
            report.proxy = report.proxy and replace(report.proxy, seconds=patience.clock() - began)
        if is_tls:
            _shaken(report, road, url, settings, patience)
    except TunnelError as error:
        report.failures.append(replace(error.trouble, message=settings.words(error.trouble.message)))
    except OSError as error:
        report.failures.append(words.of_errno(error, "tcp", patience.connecting))
    report.connections += road.connections
    if report.proxy is not None and road.said is not None:
        report.proxy = replace(report.proxy, tunnel=settings.words(road.said))
    return not report.failures


def _shaken(report: Report, road: Road, url: str, settings: Settings, patience: Patience) -> None:
    from scraper.probe.tls import Handshakes, OurCertificateError

    live, host = settings.outgoing, urls.host_of(url)
    cert = live.cert if live.is_home(url) else None
    try:
        report.tls, trouble = Handshakes(road, host, live.verify, cert).report(patience, settings.now(), settings.words)
    except OurCertificateError as error:
        message = f"http.cert or http.verify cannot be used: {settings.words(str(error))}"
        trouble = Trouble("tls", "OUR_CERTIFICATE", message, "name PEM files, the key without a password")
    if trouble is not None:
        report.failures.append(trouble)
