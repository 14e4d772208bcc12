"""URLs: joined, compared, and judged. Pure; the names are those of RFC 3986.

Two URLs are the same page if `canonical` gives the same text: scheme and host in
lower case, default port, fragment and dot segments gone, percent-encoding of
unreserved characters undone (RFC 3986 section 6.2.2). The query stays as it is:
servers may tell `a=1&b=2` from `b=2&a=1`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urljoin, urlsplit, urlunsplit

from scraper import secrets

_PORTS = {"http": 80, "https": 443}
_BLANKS = "\t\n\r"
# RFC 3986 section 2.2 and 2.3, and "%": what stands in a URL stays, all else is percent-encoded as UTF-8.
_KEEP = "!#$%&'()*+,/:;=?@[]~-._"
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
# What may stand behind the userinfo. Anything else, a backslash above all, one parser takes for the host's
# end and another one for a part of it; whoever judges a URL must see the host that will be asked.
_HOST_AND_PORT = re.compile(
    r"""(?:\[[0-9A-Fa-f:.]+(?:%[^\[\]/\\]+)?\]|[^\x00-\x20\x7f"#%/:<>?@\[\\\]^`{|}]+)(?::\d*)?""", re.ASCII
)
# What both transports send as it is: nothing to encode, to lower or to resolve (the dots of a path aside).
_READY = re.compile(
    r"https?://(?:(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}|(?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*)(?::(?!(?:80|443)/)[1-9]\d*)?"
    r"/(?:[A-Za-z0-9!$&'()*+,:;=@\[\]~_?/.-]+|%[0-9A-Fa-f]{2})*+",
    re.ASCII,
)
_NUMBER = re.compile(r"0x[0-9a-f]{0,15}|[0-9]{1,15}", re.ASCII)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def join(base: str, link: str) -> str:
    """The absolute URL of a link as browsers make it: blanks stripped, tabs and newlines removed.

    Returns "" for what is no URL at all.
    """
    link = link.strip(" \t\n\f\r").translate({ord(blank): None for blank in _BLANKS})
    try:
        return fixed(urljoin(base, link))
    except ValueError:
        return ""


def fixed(url: str) -> str:
    """The URL with everything that may not stand in one percent-encoded, and its host in ASCII (IDNA)."""
    parts = urlsplit(url.strip())
    netloc = _ascii_host(parts.netloc)
    path, query, fragment = (
        secrets.around(part, _percent_encoded) for part in (parts.path, parts.query, parts.fragment)
    )
    return urlunsplit((parts.scheme.lower(), netloc, path, query, fragment))


def _percent_encoded(text: str) -> str:
    return quote(_LONE_PERCENT.sub("%25", text), safe=_KEEP)


def _ascii_host(netloc: str) -> str:
    if netloc.isascii():
        return netloc
    userinfo, at, rest = netloc.rpartition("@")
    host, colon, port = rest.partition(":")
    try:
        return userinfo + at + host.encode("idna").decode("ascii") + colon + port
    except UnicodeError:
        return userinfo + at + quote(host) + colon + port


def sendable(url: str) -> str:
    """The URL as it goes out: the same bytes, whoever sends it.

    Without user, fragment and default port; host in lower case and ASCII, an address in its usual form; a path
    without dot segments (`%2e` is a dot); what may not stand in a URL percent-encoded. All other percent-encoding
    stays as it was written, for signatures are made over it.

    Raises:
        ValueError: it is no http or https URL.
    """
    if _READY.fullmatch(url) and "/." not in url and "%2e" not in url and "%2E" not in url:
        return url
    whole = fixed(url)
    if not is_http(whole):
        raise ValueError("it is no http or https URL")
    parts = urlsplit(whole)
    host, port = _usual(parts.hostname or ""), parts.port
    netloc = f"[{host}]" if ":" in host else host
    netloc += f":{port}" if port not in (None, _PORTS[parts.scheme]) else ""
    empty = "?" if not parts.query and url.partition("#")[0].endswith("?") else ""
    return urlunsplit((parts.scheme, netloc, _without_dots(parts.path) or "/", parts.query, "")) + empty


def _usual(host: str) -> str:
    """A host name, or an IP address in its usual form."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return _dotted(host) or host


def _dotted(host: str) -> str | None:
    """An IPv4 address of one to four numbers, octal and hexadecimal among them, as inet_aton reads it; else None."""
    parts = host.lower().removesuffix(".").split(".")
    if len(parts) > 4 or not all(map(_NUMBER.fullmatch, parts)):
        return None
    try:
        *high, last = (
            int(part[2:] or "0", 16) if part[:2] == "0x" else int(part, 8 if part[0] == "0" else 10) for part in parts
        )
    except ValueError:
        return None
    if any(number > 255 for number in high) or last >= 256 ** (4 - len(high)):
        return None
    return str(ipaddress.IPv4Address(last + sum(number << 24 - 8 * at for at, number in enumerate(high))))


def canonical(url: str) -> str:
    """The form by which two URLs are the same page."""
    return canonical_of(fixed(url))


def canonical_of(url: str) -> str:
    """`canonical` of a URL that is `fixed` already."""
    parts = urlsplit(url)
    path = _unreserved(_without_dots(parts.path)) or "/"
    netloc = host_key(url).removesuffix(f":{_PORTS.get(parts.scheme)}")
    return urlunsplit((parts.scheme, netloc, path, _unreserved(parts.query), ""))


def _unreserved(text: str) -> str:
    def undo(found: re.Match[str]) -> str:
        char = chr(int(found[1], 16))
        return char if char in _UNRESERVED else found[0].upper()

    return _ESCAPE.sub(undo, text)


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4."""
    kept: list[str] = []
    segments = path.split("/")
    for at, segment in enumerate(segments):
        plain = segment.lower().replace("%2e", ".")
        if plain == "..":
            if len(kept) > 1:
                kept.pop()
        elif plain != ".":
            kept.append(segment)
            continue
        if at == len(segments) - 1:
            kept.append("")
    return "/".join(kept)


def is_http(url: str) -> bool:
    """Whether it is an http or https URL with a host."""
    try:
        parts = urlsplit(url)
        host_and_port = parts.netloc.rpartition("@")[2]
        return parts.scheme in _PORTS and bool(_HOST_AND_PORT.fullmatch(host_and_port)) and parts.port != 0
    except ValueError:
        return False


def host_of(url: str) -> str:
    """The host name in lower case, without port and brackets; "" where there is none."""
    return (urlsplit(url).hostname or "").rstrip(".")


def port_of(url: str) -> int:
    """The port, the scheme's default where none is said; 0 for what is no port."""
    parts = urlsplit(url)
    try:
        return parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return 0


def host_key(url: str) -> str:
    """`host:port`, by which politeness counts."""
    host = host_of(url)
    return f"[{host}]:{port_of(url)}" if ":" in host else f"{host}:{port_of(url)}"


def origin(url: str) -> str:
    """`scheme://host:port` (RFC 6454), by which secrets are given."""
    return f"{urlsplit(url).scheme}://{host_key(url)}"


def without_userinfo(url: str) -> str:
    """The URL without `user:password@`."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else url


def userinfo(url: str) -> tuple[str, str] | None:
    """User and password of the URL, percent-decoded, or None."""
    parts = urlsplit(url)
    if not parts.username:
        return None
    user, password = (secrets.around(part, unquote, secrets.mark) for part in (parts.username, parts.password or ""))
    return user, password


def with_params(url: str, params: Mapping[str, Any] | None) -> str:
    """The URL with `params` in its query as requests adds them: a list repeats its name, None is left out."""
    pairs = _pairs(params or {})
    if not pairs:
        return url
    parts = urlsplit(url)
    added = ("=".join(secrets.around(each, quote_plus) for each in pair) for pair in pairs)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, *added)))))


def _pairs(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        values = value if isinstance(value, (list, tuple)) else (value,)
        pairs += [(name, text(one)) for one in values if one is not None]
    return pairs


def text(value: Any) -> str:
    """A scalar as it is written into a query or a form: true and false in lower case, dates as ISO 8601."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def is_address(host: str) -> bool:
    """Whether a host is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_private(address: str) -> bool:
    """Whether an IP address is not public: loopback, private, link-local, CGNAT, also mapped into IPv6.

    Forms that only inet_aton knows (`127.1`, `0x7f000001`) count: a resolver takes them, here or at a proxy.
    """
    try:
        ip = ipaddress.ip_address(_dotted(address) or address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        return is_private(str(inner)) if (inner := _inner(ip)) else not ip.is_global
    return not ip.is_global


def _inner(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)


def same_site(first: str, second: str, same: str) -> bool:
    """Whether two URLs are of the same `host` (name and port), `domain` (last two labels), or `any`."""
    if same == "any":
        return True
    if same == "host":
        return host_key(first) == host_key(second)
    return _domain(host_of(first)) == _domain(host_of(second))


def _domain(host: str) -> str:
    if ":" in host or host.replace(".", "").isdigit():
        return host
    return ".".join(host.split(".")[-2:])
