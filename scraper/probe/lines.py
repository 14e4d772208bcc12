"""A report as lines for people: a heading, a text, and whether it is good or bad. Pure; whoever prints them wraps them
and escapes what is not printable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from scraper.probe.report import Hop, Lookup, Reach, Report, Robots, Sent, Tls
from scraper.units import counted, human_bytes, human_seconds

INDENT = 9
GOOD, BAD, DIM = "good", "bad", "dim"
NAMES = 8
"""Names of a certificate that are told; --json has more."""
SKEW = 60.0
"""Seconds by which a clock may be off before it is told as wrong."""
_OF_CERT = "the certificate "
SOON = 14
"""Days before its end from which a certificate is told as ending."""


class Line(NamedTuple):
    """One line; without a heading it goes on under the one before."""

    heading: str
    text: str
    tone: str = ""


def lines(report: Report, section: str) -> Iterator[Line]:
    """The lines of one section, as it is done."""
    heading = ""
    for line in _SECTIONS[section](report):
        yield line if line.heading != heading else line._replace(heading="")
        heading = line.heading or heading


def _settings(report: Report) -> Iterator[Line]:
    yield Line("probe", report.url)
    if report.job is not None:
        yield Line("job", report.job)
    for note in report.notes:
        yield Line("note", note)
    if report.proxy is not None:
        yield Line("proxy", f"{report.proxy.url} (from the {report.proxy.source})")
    elif report.kind == "http":
        yield Line("proxy", "none", DIM)


def _dns(report: Report) -> Iterator[Line]:
    heading = "dns" if report.proxy is None else "its dns"
    is_found = any(each.addresses for each in report.dns)
    for each in report.dns:
        yield Line(heading, _looked_up(each, is_found=is_found), "" if each.addresses else DIM if is_found else BAD)


def _looked_up(each: Lookup, *, is_found: bool) -> str:
    """Where nothing at all was found, what it means stands under FAILED."""
    head = f"{each.family}  "
    if each.seconds is None:
        return f"{head}{', '.join(each.addresses)}, as written"
    told = ", ".join(each.addresses) or "none"
    if each.error is not None:
        told = f"{each.error.name}: {each.error.message}" if is_found else each.error.name
    return f"{head}{told} ({_ms(each.seconds)})"


def _tcp(report: Report) -> Iterator[Line]:
    heading = "tcp" if report.proxy is None else "its tcp"
    is_reached = any(each.error is None for each in report.tcp)
    for each in report.tcp:
        yield Line(
            heading, _reached(each, is_reached=is_reached), GOOD if each.error is None else DIM if is_reached else BAD
        )
    more = sum(len(each.addresses) for each in report.dns) - len(report.tcp)
    if more > 0:
        yield Line(heading, f"{more} more not tried", DIM)


def _reached(each: Reach, *, is_reached: bool) -> str:
    """As with names."""
    where = f"[{each.address}]:{each.port}" if ":" in each.address else f"{each.address}:{each.port}"
    if each.error is None:
        return f"{where}  connected ({_ms(each.seconds)})"
    told = f"{each.error.name}: {each.error.message}" if is_reached else each.error.name
    return f"{where}  {told} ({_ms(each.seconds)})"


def _tls(report: Report) -> Iterator[Line]:
    proxy = report.proxy
    if proxy is not None and proxy.tunnel is not None:
        yield Line("tunnel", f"{proxy.tunnel}{'' if proxy.seconds is None else f' ({_ms(proxy.seconds)})'}")
    if report.tls is not None:
        yield from _handshake(report.tls)


def _handshake(tls: Tls) -> Iterator[Line]:
    if tls.version is not None:
        yield Line("tls", f"{tls.version}, {tls.cipher} ({_ms(tls.seconds or 0.0)})")
    if tls.versions:
        yield Line("tls", "; ".join(_versions(tls)))
    certificate = tls.certificate
    if certificate is not None:
        names = ", ".join(certificate.names[:NAMES]) or "nobody"
        more = len(certificate.names) - NAMES
        yield Line("cert", f"for {names}{f' and {more} more' if more > 0 else ''}")
        issuer = "itself" if certificate.self_signed else certificate.issuer
        yield Line("cert", f"{certificate.subject}, issued by {issuer}")
        until = f"until {certificate.until[:10]}"
        if certificate.days < 0:
            yield Line("cert", f"{until}: expired {-certificate.days} days ago", BAD)
        else:
            yield Line("cert", f"{until}: {certificate.days} days left", BAD if certificate.days < SOON else "")
    elif tls.version is not None:
        yield Line("cert", "it cannot be read: it is no sound X.509", BAD)
    if tls.why is not None:
        unless = "" if tls.checked else "; a run does not look (http.verify is false)"
        yield Line("cert" if certificate is not None else "tls", f"{tls.why.removeprefix(_OF_CERT)}{unless}", BAD)
    elif not tls.checked:
        yield Line("cert", "holds; a run does not look (http.verify is false)", BAD)
    else:
        yield Line("cert", "holds", GOOD)


def _versions(tls: Tls) -> Iterator[str]:
    for state in ("taken", "refused"):
        if found := [name for name, each in tls.versions.items() if each == state]:
            yield f"{state}: {', '.join(found)}"
    for name, each in tls.versions.items():
        if each.startswith("unknown"):
            yield f"{name} {each}"


def _http(report: Report) -> Iterator[Line]:
    before: Sent | None = None
    for hop in report.hops:
        yield Line("http", f"{hop.method} {hop.url}")
        if hop.sent != before:
            yield from (Line("", f"  {text}", DIM) for text in _sent(hop.sent))
        else:
            yield Line("", "  sends the same", DIM)
        before = hop.sent
        yield _answered(hop)
    if report.answer is not None:
        yield from _answer(report)


def _sent(sent: Sent) -> Iterator[str]:
    yield f"sends {', '.join(sent.headers)}"
    if sent.cookies:
        yield f"cookies {', '.join(sent.cookies)}"
    if sent.auth is not None:
        yield f"auth {sent.auth}"
    if sent.certificate:
        yield "shows our certificate (http.cert)"
    if sent.withheld:
        yield f"stays home: {'; '.join(sent.withheld)}"


def _answered(hop: Hop) -> Line:
    if hop.status is None:
        return Line("", f"  no answer ({_ms(hop.seconds)})", BAD)
    leads = "" if hop.location is None else f", to {hop.location}"
    tone = GOOD if hop.status < 300 else BAD if hop.status >= 400 else ""
    return Line("", f"  {hop.status} {hop.reason}".rstrip() + f"{leads} ({_ms(hop.seconds)})", tone)


def _answer(report: Report) -> Iterator[Line]:
    answer = report.answer
    assert answer is not None
    length = "not said"
    if answer.content_length is not None:
        length = f"{answer.content_length:,} bytes"
        if answer.content_length >= 1024:
            length += f" ({human_bytes(answer.content_length)})"
    encoding = f", {answer.content_encoding}" if answer.content_encoding else ""
    yield Line("answer", f"{answer.content_type or 'no Content-Type'}; length {length}{encoding}")
    etag = f"ETag {answer.etag}" if answer.etag is not None else "no ETag"
    modified = f"Last-Modified {answer.last_modified}" if answer.last_modified else "no Last-Modified"
    strength = "" if answer.validator is None else f" ({answer.validator} validator)"
    yield Line("answer", f"{etag}; {modified}{strength}")
    if answer.cache_control is not None:
        yield Line("answer", f"Cache-Control {answer.cache_control}")
    if answer.retry_after is not None:
        yield Line("answer", f"Retry-After {answer.retry_after}")
    if answer.set_cookie:
        yield Line("answer", f"sets cookies {', '.join(answer.set_cookie)}")
    if report.clock is not None:
        yield _clock(report.clock.ahead)


def _clock(ahead: float) -> Line:
    if abs(ahead) <= SKEW:
        return Line("clock", "the server's agrees with ours" if abs(ahead) <= 2 else f"{ahead:+.0f} s to ours", "")
    way = "ahead of" if ahead > 0 else "behind"
    return Line("clock", f"the server's is {human_seconds(abs(ahead))} {way} ours: dates and ages are off", BAD)


def _ranges(report: Report) -> Iterator[Line]:
    ranges = report.ranges
    if ranges is None:
        return
    said = report.answer.accept_ranges if report.answer is not None else None
    claim = f"Accept-Ranges {said}" if said is not None else "no Accept-Ranges"
    shown = "" if ranges.status is None else f"; one byte was answered by {ranges.status}"
    yield Line("ranges", f"{claim}{shown}")
    yield Line("resume", ranges.why, GOOD if ranges.resume else "")


def _robots(report: Report) -> Iterator[Line]:
    robots = report.robots
    if robots is None:
        return
    if not robots.asked:
        yield Line("robots", f"not asked for; {robots.why}")
        return
    yield Line("robots", _verdict(robots), "" if robots.allowed else BAD)
    if robots.text is not None:
        yield Line("robots", robots.text, DIM)
    if robots.delay is not None:
        yield Line("robots", f"Crawl-delay: {robots.delay:g} s between two requests")
    yield Line("robots", "for links of pages; what start or get names is asked anyway", DIM)


def _verdict(robots: Robots) -> str:
    verdict = "allowed" if robots.allowed else "not allowed"
    return f"{verdict} for {robots.agent}: {robots.why}"


def _service(report: Report) -> Iterator[Line]:
    told = report.service
    if told is None:
        return
    heading = told.service or "says"
    if told.said is not None:
        yield Line(heading, f"said {_quoted(told.said)}")
    elif report.kind == "tcp" and told.service not in ("echo", "upper"):
        yield Line(heading, "nothing was said first", DIM)
    if told.sent is not None:
        yield Line(heading, f"sent {_quoted(told.sent) if told.sent else 'an empty datagram'}")
    elif told.said is None and told.service is None:
        yield Line(heading, "--send TEXT sends a line", DIM)
    if told.answer is not None:
        yield Line(heading, f"answered {_quoted(told.answer)} ({_ms(told.seconds or 0.0)})")
    if told.expected is not None:
        judged = f"as {told.service} should" if told.expected else f"not as {told.service} should"
        yield Line(heading, judged, GOOD if told.expected else BAD)


def _quoted(text: str) -> str:
    return f'"{text.rstrip(chr(13) + chr(10))}"'


def _end(report: Report) -> Iterator[Line]:
    for trouble in report.failures:
        what = trouble.name if trouble.name.startswith(trouble.stage) else f"{trouble.stage} {trouble.name}"
        yield Line("FAILED", f"{what}: {trouble.message}", BAD)
        yield Line("next", trouble.next)
    asked = [] if report.kind != "http" else [counted(report.requests, "request")]
    asked.append(counted(report.connections, "connection") + (" besides" if asked else ""))
    cost = f"{human_seconds(report.seconds)}: {', '.join(asked)}"
    yield Line("asked", cost, DIM) if report.failures else Line("ok", cost, GOOD)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 10 else human_seconds(seconds)


_SECTIONS: dict[str, Callable[[Report], Iterator[Line]]] = {
    "settings": _settings, "dns": _dns, "tcp": _tcp, "tls": _tls, "http": _http, "ranges": _ranges, "robots": _robots,
    "service": _service, "end": _end,
}  # fmt: skip
