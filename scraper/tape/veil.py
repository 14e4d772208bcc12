"""What a tape must not hold, taken out of what came: secrets, cookies, and what was made of them. Pure.

    veil = Veil(known)                 secrets by the names of their marks; what a login saves comes to them later
    veil.learn_cookies(pairs)          values that look like the token of a session are hidden wherever they are echoed
    veil.learn(real, shown)            a text that goes out, such as the Base64 of a password, and what stands for it
    veil.text(text), veil.field(name, value), veil.body(data, fields), veil.mask(data)

In the place of a secret stands what people see of it, `{env:API_KEY}`, and percent-encoded where it was: the same
text that a replay sends in its place, so what a page links with it is found again. A value is found as `conceal`
finds it, and as JSON and HTML write it. What is no text, or too long to be held, is searched for the values as they
are; what hides them there has their length, so that nothing behind it moves.
"""

from __future__ import annotations

import codecs
import html
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote

from scraper import secrets
from scraper.net.decode import Decoder, EncodingTrouble, LimitTrouble, codings
from scraper.secrets import stand_in
from scraper.tape.taken import Pairs

LONGEST = 16 * 1024 * 1024
"""Bytes of a text, also of a decoded one, that are searched as a whole."""
_COOKIES = 64
"""Values of cookies, and other texts, that are looked for: the newest."""
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=%|-]{16,}", re.ASCII)
_TURNS = re.compile(r"(?=[a-z][A-Z0-9]|[A-Z][a-z0-9]|[0-9][A-Za-z])", re.ASCII)
_FEWEST = 4
"""Changes between capitals, small letters and digits from which on a value was made by chance: no word, no date."""
_BINARY = re.compile(r"(?:image/(?!svg)|audio/|video/|font/|application/(?:zip|pdf|gzip|x-gzip|wasm))", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*\"?utf-?16(-?be)?", re.IGNORECASE)
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Veil:
    """Hides what must not be kept. May be used from many threads.

    Args:
        known: secrets by the names of their marks; read anew at each use.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self._learned: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self._known or self._learned)

    def learn(self, real: str, shown: str) -> None:
        """From now on `shown` stands for this text."""
        with self._lock:
            self._learned[real] = shown
            self._learned.move_to_end(real)
            while len(self._learned) > _COOKIES:
                self._learned.popitem(last=False)

    def learn_cookies(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Names and values of cookies that came or go out."""
        for name, value in pairs:
            if is_token(value):
                self.learn(value, stand_in(f"cookie:{name}"))

    # -- texts -----------------------------------------------------------------------------------------

    def text(self, text: str, *, quoted: bool = False) -> str:
        """A text with a stand-in for each value; `quoted`: the text is percent-encoded, so all of them are too."""
        found = text
        for table in self._tables():
            found = secrets.conceal(found, table)
        if found != text:
            found = secrets.reveal(secrets.around(found, str) if quoted else found, stand_in)
        for real, shown in self._others():
            found = found.replace(real, quote(shown, safe="") if quoted else shown)
            found = found.replace(quote(real, safe=""), quote(shown, safe=""))
        return found

    def _tables(self) -> list[dict[str, str]]:
        """The secrets as they are, and in each way in which JSON and HTML write some of them."""
        known = dict(self._known)
        if not known:
            return []
        written = {name: _written(value) for name, value in known.items() if secrets.is_distinct(value)}
        most = max(map(len, written.values()), default=0)
        return [known, *({name: ways[at] for name, ways in written.items() if at < len(ways)} for at in range(most))]

    def _others(self) -> list[tuple[str, str]]:
        with self._lock:
            return sorted(self._learned.items(), key=lambda pair: -len(pair[0]))

    def latin(self, text: str) -> str:
        """As `text`, of bytes that are read as Latin-1, which may be UTF-8."""
        if text.isascii():
            return self.text(text)
        try:
            return self._bytes(text.encode("latin-1")).decode("latin-1")
        except UnicodeEncodeError:
            return self.text(text)

    def _bytes(self, data: bytes) -> bytes:
        """As `text`, of bytes that are UTF-8 or, where they are not, perhaps Latin-1."""
        text = data.decode("utf-8", "surrogateescape")
        hidden = self.text(text).encode("utf-8", "surrogateescape")
        if text.isascii() or all(value.isascii() for value in self._values()):
            return hidden
        return self.text(hidden.decode("latin-1")).encode("latin-1", "xmlcharrefreplace")

    def _values(self) -> list[str]:
        return [*self._known.values(), *(real for real, _ in self._others())]

    def field(self, name: str, value: str) -> str:
        """The value of a header field; those of cookies are hidden whatever they are."""
        if name.lower() == "set-cookie":
            return self.latin(without_value(value))
        return self.latin(";".join(map(without_value, value.split(";"))) if name.lower() == "cookie" else value)

    # -- bodies ----------------------------------------------------------------------------------------

    def body(self, data: bytes, fields: Pairs) -> tuple[bytes, bool]:
        """A body of at most LONGEST bytes, and whether it is decoded now: it is where it held something encoded."""
        encoding = ", ".join(value for name, value in fields if name.lower() == "content-encoding")
        media = next((value for name, value in fields if name.lower() == "content-type"), "")
        plain = _decoded(data, encoding) if codings(encoding) else data
        if plain is None:
            return self.mask(data), False
        hidden = self._text_in(plain, media) if is_text(plain, media) else self.mask(plain)
        if hidden == plain:
            return data, False
        return hidden, plain is not data

    def _text_in(self, data: bytes, media: str) -> bytes:
        named, charset = _CHARSET.search(media), _UTF16.get(data[:2])
        if charset is None and named is None:
            return self._bytes(data)
        charset = charset or ("utf-16-be" if named is not None and named[1] else "utf-16-le")
        try:
            text = data.decode(charset)
        except UnicodeDecodeError:
            return self.mask(data)
        hidden = self.text(text)
        return data if hidden == text else hidden.encode(charset)

    def mask(self, data: bytes) -> bytes:
        """Bytes of which nothing is known, with what hides a value as long as it."""
        for value, shown in self.masks():
            data = data.replace(value, shown)
        return data

    def masks(self) -> list[tuple[bytes, bytes]]:
        """Bytes to be looked for, and as many that stand for them; longer ones first."""
        known = [(value, stand_in(name)) for name, value in [*self._known.items()] if secrets.is_distinct(value)]
        pairs = sorted((*known, *self._others()), key=lambda pair: -len(pair[0]))
        return [
            (value.encode(code, "surrogatepass"), _as_long(shown, value).encode(code, "surrogatepass"))
            for value, shown in pairs
            for code in ("utf-8", "utf-16-le", "utf-16-be")
        ]


def is_token(value: str) -> bool:
    """Whether the value of a cookie was made by chance, so that it is nothing that pages hold by themselves."""
    return bool(_TOKEN.fullmatch(value)) and sum(1 for _ in _TURNS.finditer(value)) >= _FEWEST


def is_text(data: bytes, media: str) -> bool:
    """Whether a body is text, by its Content-Type and its beginning."""
    if _BINARY.match(media.strip()):
        return False
    return b"\0" not in data[:4096] or data[:2] in _UTF16 or bool(_CHARSET.search(media))


def without_value(cookie: str) -> str:
    """`name={cookie:name}; Path=/` of a cookie as Set-Cookie gives it; an empty value stays empty."""
    first, semicolon, rest = cookie.partition(";")
    name, equals, value = first.partition("=")
    if not equals:
        name, value = "", first
    if not value.strip():
        return cookie
    return f"{name}{equals}{stand_in(f'cookie:{name.strip()}')}{semicolon}{rest}"


def cookies_in(name: str, value: str) -> list[tuple[str, str]]:
    """Names and values of the cookies of a Cookie or Set-Cookie field."""
    pieces = value.split(";")[: 1 if name.lower() == "set-cookie" else None]
    pairs = (piece.partition("=") for piece in pieces if "=" in piece)
    return [(key.strip(), given.strip().strip('"')) for key, _, given in pairs]


def _as_long(shown: str, value: str) -> str:
    """What stands for a value, with as many bytes of UTF-8 as that has, and of UTF-16 where it is ASCII."""
    count = len(value.encode("utf-8", "surrogatepass"))
    return shown.encode("ascii", "replace").decode()[:count].ljust(count, "~")


def _decoded(data: bytes, encoding: str) -> bytes | None:
    """A body without its content encoding, as far as that goes; None where it is not known, or the body too long."""
    found = bytearray()
    try:
        decoder = Decoder(encoding, LONGEST)
        for piece in decoder.pieces(data):
            found += piece
    except LimitTrouble:
        return None
    except EncodingTrouble:
        return bytes(found) or None
    return bytes(found)


@lru_cache(maxsize=256)
def _written(value: str) -> tuple[str, ...]:
    """The ways in which JSON and HTML write a value, where they are others than itself."""
    ways: list[Callable[[str], str]] = [
        lambda text: json.dumps(text)[1:-1],
        lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
        lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
        html.escape,
        lambda text: html.escape(text, quote=False),
        lambda text: html.escape(text).replace("&#x27;", "&#39;"),
    ]
    return tuple(dict.fromkeys(made for way in ways if (made := way(value)) != value))
