"""URLs: joined, compared, and judged. Pure; the names are those of RFC 3986.

Two URLs are the same page if `canonical` gives the same text: scheme and host in
lower case, default port, fragment and dot segments gone, percent-encoding of
unreserved characters undone (RFC 3986 section 6.2.2). The query stays as it is:
servers may tell `a=1&b=2` from `b=2&a=1`.

Nearly every link of a page, and every URL of a list, is made of characters that stay as
they are. One regex proves it of a link (`_PLAIN`), another of a whole URL that it is canonical
(`is_canonical`); what they do not prove takes the long way, and tests compare the two. What hangs
on scheme, host and port alone is kept for those met last (`_by_head`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, quote_plus, unquote, urljoin, urlsplit, urlunsplit

from scraper import secrets

V = TypeVar("V")

_PORTS = {"http": 80, "https": 443}
_BLANKS = dict.fromkeys(map(ord, "\t\n\r"))
_C0_AND_BLANK = "".join(map(chr, range(0x21)))
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
_HEAD = re.compile(r"https?://[A-Za-z0-9._-]{1,255}+(?::[0-9]{1,5})?(?=[/?#]|\Z)")


def _by_head(judge: Callable[[str], V]) -> Callable[[str], V]:
    """A function of a URL that looks at its scheme, host and port alone: what it said of the last ones is kept."""
    kept = lru_cache(maxsize=1024)(judge)

    @wraps(judge)
    def judged(url: str) -> V:
        head = _HEAD.match(url)
        return judge(url) if head is None else kept(head[0])

    return judged


_PORT = r"(?!:(?:80|443)[/?]):(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_STAYS = "%(?:[01][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-DF]|[89A-F][0-9A-F])"  # of no unreserved character
# Of what a canonical URL is made; who knows more of a URL builds a proof of its own of them.
CANONICAL_HEAD = rf"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?:{_PORT})?"
CANONICAL_CHARS = rf"(?:[A-Za-z0-9!$&'()*+,;:=@~_.-]++|{_STAYS})"
CANONICAL_QUERY = rf"\?(?:[A-Za-z0-9!$&'()*+,;:=@~_./?-]++|{_STAYS})++"
_CANONICAL = re.compile(rf"{CANONICAL_HEAD}(?:/(?!\.){CANONICAL_CHARS}*+)+(?:{CANONICAL_QUERY})?")


def is_canonical(url: str) -> bool:
    """Whether it is certain that a text is an http or https URL that is fixed and canonical already."""
    return _CANONICAL.fullmatch(url) is not None


_HEX = "%[0-9A-Fa-f]{2}"
_PLAIN = re.compile(  # head, path, query and fragment, of characters that `fixed` leaves alone
    r"(?:(https?://[A-Za-z0-9._-]++(?::[0-9]++)?)(?=[/?#]|\Z)|(?!//|[^/?#]*:))"
    rf"((?:[A-Za-z0-9!$&'()*+,/:;=@\[\]~_.-]++|{_HEX})*+)"
    rf"(\?(?:[A-Za-z0-9!$&'()*+,/:;=?@\[\]~_.-]++|{_HEX})*+)?(#(?:[A-Za-z0-9!#$&'()*+,/:;=?@\[\]~_.-]++|{_HEX})*+)?"
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PARTS = re.compile(r"([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_SLASH = re.compile(f"/{secrets.OUTSIDE}")
_BACKSLASH = re.compile(rf"\\{secrets.OUTSIDE}")


class _Base(NamedTuple):
    """Where a link is met: `http://h:8000`, `/a/b`, `/a/`, `?q`; paths without dot segments."""

    scheme: str
    head: str
    path: str
    folder: str
    query: str


def join(base: str, link: str) -> str:
    """The absolute URL of a link: by RFC 3986 section 5.2, and as browsers do it (WHATWG URL, section 4.4).

    As they do it: blanks and control characters around it go, tabs and newlines in it too; in a path `%2e` is a dot
    and a backslash a slash; an http URL may lack its slashes (`http:x` is relative, `https:h/x` and `///h/x` are
    not). A backslash before the end of a host stays: no two programs agree where such a host ends, and `is_http`
    refuses it. An empty query or fragment goes; all else stands as it is written, empty segments too.

    Returns "" for what is no URL at all.
    """
    try:
        found, place = _PLAIN.fullmatch(link), _base(base)
        return _joined(base, link) if found is None or place is None else _resolved(place, *found.groups(""))
    except ValueError:
        return ""


@lru_cache(maxsize=256)
def _base(url: str) -> _Base | None:
    """None for what is no http or https URL."""
    parts = urlsplit(fixed(url))
    if parts.scheme not in _PORTS or not parts.netloc:
        return None
    path = _without_dots(_SLASH.split(parts.path))
    folder = path[: path.rfind("/") + 1] or "/"
    return _Base(parts.scheme, f"{parts.scheme}://{parts.netloc}", path, folder, parts.query and f"?{parts.query}")


def _resolved(place: _Base, head: str, path: str, query: str, fragment: str) -> str:
    """The parts of a fixed reference, put together (RFC 3986 section 5.2.2); a query begins with its `?`."""
    if not head and not path:
        path, query = place.path, query or place.query
    elif not head and path[0] != "/":
        path = place.folder + path
    if "/." in path or "/%2" in path:
        path = _without_dots(_SLASH.split(path))
    return (head or place.head) + path + (query if query != "?" else "") + (fragment if fragment != "#" else "")


def _joined(base: str, link: str) -> str:
    """`join`, the long way."""
    link = link.strip(_C0_AND_BLANK).translate(_BLANKS).rstrip()
    said, place = _SCHEME.match(link), _base(base)
    scheme = said[1].lower() if said else ""
    if place is None or scheme not in ("", *_PORTS):
        return fixed(urljoin(base, link))
    return _of_web(place, scheme or place.scheme, link[said.end() :] if said else link)


def _of_web(place: _Base, scheme: str, rest: str) -> str:
    """The URL of a reference whose scheme is http or https; `rest` is what follows its `:`."""
    head, has_host = "", scheme != place.scheme or rest[:2].replace("\\", "/") == "//"
    first, path, query, fragment = _PARTS.findall(rest.lstrip("/\\") if has_host else rest)[0]
    if not has_host:
        path = first + path
    elif first:
        head = f"{scheme}://{_ascii_host(urlsplit(f'//{first}').netloc)}"
    else:
        return ""
    parts = (_BACKSLASH.sub("/", path), query, fragment)
    return _resolved(place, head, *(secrets.around(part, _percent_encoded) for part in parts))


def without_fragment(url: str) -> str:
    """The URL up to its fragment."""
    return url.partition("#")[0]


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
    if not secrets.names(userinfo):  # a mark stays what it is: it becomes its value when it goes out
        userinfo = _percent_encoded(userinfo)
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
    return urlunsplit((parts.scheme, netloc, _without_dots(parts.path.split("/")) or "/", parts.query, "")) + empty


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
    return url if is_canonical(url) else canonical_of(fixed(url))


def canonical_of(url: str) -> str:
    """`canonical` of a URL that is `fixed` already."""
    parts = urlsplit(url)
    path = _unreserved(_without_dots(parts.path.split("/"))) or "/"
    netloc = host_key(url).removesuffix(f":{_PORTS.get(parts.scheme)}")
    return urlunsplit((parts.scheme, netloc, path, _unreserved(parts.query), ""))


def _unreserved(text: str) -> str:
    def undo(found: re.Match[str]) -> str:
        char = chr(int(found[1], 16))
        return char if char in _UNRESERVED else found[0].upper()

    return _ESCAPE.sub(undo, text)


def _without_dots(segments: list[str]) -> str:
    """The path of these segments by RFC 3986 section 5.2.4; an encoded dot is one (WHATWG URL, section 4.1)."""
    kept: list[str] = []
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


@_by_head
def is_http(url: str) -> bool:
    """Whether it is an http or https URL with a host."""
    try:
        parts = urlsplit(url)
        host_and_port = parts.netloc.rpartition("@")[2]
        return parts.scheme in _PORTS and bool(_HOST_AND_PORT.fullmatch(host_and_port)) and parts.port != 0
    except ValueError:
        return False


@_by_head
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


@_by_head
def host_key(url: str) -> str:
    """`host:port`, by which politeness counts."""
    host = host_of(url)
    return f"[{host}]:{port_of(url)}" if ":" in host else f"{host}:{port_of(url)}"


@_by_head
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
