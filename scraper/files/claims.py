"""What a file says it is: by its bytes, its header, its name; and whether that is what was asked for. Pure.

Theory. Bytes come first, since servers name types carelessly. But they often show only a container or a sort
of text: a .docx is a zip, a GeoJSON is JSON. So a file bears up to two names, what its bytes show and what the
header says (where that says nothing, the extension of its URL), the second only if it agrees with the first:
a type whose magic bytes are sure (CERTAIN) is borne by files with these bytes alone, and HTML is never more
than text. A file is of an asked type if one of its names is.

A promise is weaker: a URL that ends in .jpg, an `img`, or `Content-Type: image/png`. It is broken only by what
can never be right, text of the web (HTML, JSON, XML) where a picture, a sound, a video, an archive or a document
in binary was promised: the page that says "not found" with status 200. Another picture is no breach, and text
that is not of the web none that is sure.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Mapping
from functools import lru_cache

from scraper.files.types import extension_for, media_type, sniff, type_for

SNIFFED = 4096
"""Bytes of the beginning that tell all that bytes can tell; SURELY of them are enough for magic bytes."""
SURELY = 512

OCTETS = "application/octet-stream"
_SILENT = frozenset(
    {"", OCTETS, "binary/octet-stream", "application/x-download", "application/force-download", "application/download",
     "application/unknown", "unknown/unknown", "application/x-unknown"}
)  # fmt: skip
_HTML = frozenset({"text/html", "application/xhtml+xml"})
WEB_TEXT = _HTML | {"application/json", "application/xml"}
"""What answers of the web look like that are not the file that was asked for."""
_MARKUP = frozenset({"application/xml", "application/json", "image/svg+xml"})
TEXT = _HTML | _MARKUP

_ISO_IMAGES = frozenset({"image/avif", "image/heic", "image/heif"})
_MATROSKA = frozenset({"video/webm", "video/x-matroska"})
_ZIPPED = "zip docx xlsx pptx odt ods odp epub jar apk kmz"
# By `_same`: the types whose magic bytes are sure, and what bytes of such a file are told as.
CERTAIN: dict[str, frozenset[str]] = {
    **dict.fromkeys((f".{ext}" for ext in _ZIPPED.split()), frozenset({"application/zip"})),
    **dict.fromkeys((".avif", ".heic", ".heif"), _ISO_IMAGES),
    **dict.fromkeys((".mkv", ".webm", ".weba"), _MATROSKA),
    **dict.fromkeys((".ogg", ".ogv", ".opus"), frozenset({"application/ogg"})),
    ".png": frozenset({"image/png"}),
    ".apng": frozenset({"image/png"}),
    ".jpg": frozenset({"image/jpeg"}),
    ".gif": frozenset({"image/gif"}),
    ".webp": frozenset({"image/webp"}),
    ".pdf": frozenset({"application/pdf"}),
    ".gz": frozenset({"application/gzip"}),
    ".xz": frozenset({"application/x-xz"}),
    ".7z": frozenset({"application/x-7z-compressed"}),
    ".rar": frozenset({"application/vnd.rar"}),
    ".woff": frozenset({"font/woff"}),
    ".woff2": frozenset({"font/woff2"}),
}


# Bytes that no text holds (WHATWG MIME Sniffing 3, binary data byte): one in ten thousand files of random bytes
# begins as JSON may.
_BINARY_BYTES = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


def shown(start: bytes) -> str | None:
    """The type that the first bytes show, as `types.sniff`, which takes any bytes for text that begin as one.

    A PDF may have some junk before its header (ISO 32000-1 annex H, note 13).
    """
    found = sniff(start)
    if found is not None and found not in TEXT:
        return found
    if b"%PDF-" in start[:1024]:
        return "application/pdf"
    return None if found is None or _is_binary(start) else found


def _is_binary(start: bytes) -> bool:
    return _BINARY_BYTES.search(start, 0, SNIFFED) is not None and not start.startswith(_WIDE)


@lru_cache(maxsize=1024)
def _same(media: str) -> str:
    """One text for all spellings of a type (`image/jpg`, `image/pjpeg`), so that they can be compared."""
    return extension_for(media) or media


def names(start: bytes, content_type: str | None, named: str) -> tuple[str, ...]:
    """The types that a file bears, at least one, the surest first.

    What is certainly not what is said of it is an octet-stream, and so is, as its last name, what the header
    calls one, if it is not text of the web.

    Args:
        start: its first SNIFFED bytes, or all of it.
        content_type: the header.
        named: the type of its extension, or an empty text.
    """
    by_bytes, header = shown(start), media_type(content_type)
    is_silent = header in _SILENT or (header == "text/plain" and _is_binary(start))
    said = (named or OCTETS) if is_silent else header
    also = (OCTETS,) if is_silent and said != OCTETS and by_bytes not in WEB_TEXT else ()
    if by_bytes is None:
        is_sure = _same(said) in CERTAIN or said.endswith("+zip")
        return (OCTETS,) if is_sure else (said, *also)
    if said == OCTETS:
        return (by_bytes,) if by_bytes in WEB_TEXT else (by_bytes, OCTETS)
    return (by_bytes, said, *also) if _agree(by_bytes, said) else (by_bytes, *also)


def _agree(by_bytes: str, said: str) -> bool:
    """Whether a file whose bytes show one type can be of the other."""
    certain = CERTAIN.get(_same(said))
    if certain is not None:
        return by_bytes in certain
    if said.endswith("+zip"):
        return by_bytes == "application/zip"
    top = said.partition("/")[0]
    if by_bytes in _HTML:
        return top == "text" or _is_xml(said)
    if by_bytes in _MARKUP:
        return top in ("text", "application") or _is_xml(said) or said.endswith("+json")
    return top != "text" and (by_bytes.startswith("application/") or top in _TOPS[by_bytes.partition("/")[0]])


_AV = frozenset({"audio", "video", "application"})
_TOPS = {
    "audio": _AV,
    "video": _AV,
    "image": frozenset({"image", "application"}),
    "font": frozenset({"font", "application"}),
    "model": frozenset({"model", "application"}),
}


def _is_xml(media: str) -> bool:
    return media.endswith(("/xml", "+xml"))


def is_asked(types: Collection[str], borne: tuple[str, ...]) -> bool:
    """Whether a file with these names is of one of the types, which may be wildcards (`image/*`, `*/*`).

    A file that is known better is an octet-stream only for who asks for that, not as one of `application/*`.
    """
    known = [name for name in borne if name != OCTETS] or borne
    return (OCTETS in types and OCTETS in borne) or any(_matches(one, name) for one in types for name in known)


def _matches(pattern: str, name: str) -> bool:
    if pattern in ("*", "*/*"):
        return True
    if pattern.endswith("/*"):
        return name.startswith(pattern[:-1])
    return _same(pattern) == _same(name)


# -- promises ----------------------------------------------------------------------------------------------

_BINARY_TYPES = """
    image audio video font application/pdf application/zip application/gzip application/x-bzip2 application/x-xz
    application/zstd application/x-7z-compressed application/vnd.rar application/x-tar application/java-archive
    application/vnd.android.package-archive application/epub+zip application/ogg application/wasm
    application/vnd.sqlite3 application/vnd.apache.parquet application/x-hdf5 model/gltf-binary
"""
_BINARY = frozenset(_BINARY_TYPES.split())
# Playlists and pictures that are text.
_TEXTUAL = ("mpegurl", "x-scpls", "+xml", "image/svg", "realaudio", "asx")
_OFFICE = ("application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.opendocument.")
_STREAMS = frozenset({"application/gzip", "application/x-bzip2", "application/x-xz", "application/zstd"})

# Extensions whose files are never text of the web. Not .xls and .doc, which are HTML more often than not, nor
# .ts, which may be a program.
_PROMISING = """
    jpg jpeg jpe jfif png apng gif webp avif heic heif bmp ico tif tiff psd jxl jp2 mp4 m4v mov mkv webm avi wmv flv
    mpg mpeg 3gp ogv mp3 m4a aac ogg opus flac wav aiff mid weba pdf epub docx xlsx pptx odt ods odp zip gz bz2 xz
    zst tar 7z rar jar apk sqlite parquet h5 wasm ttf otf woff woff2 glb
"""
PROMISES = {ext: type_for(ext) for ext in _PROMISING.split()}
"""Extension (no dot, lower case) -> the type that it promises."""


def promised_by_name(url: str) -> str | None:
    """The type that the extension of a URL, or of a path, promises; None for none, and for all kinds of text."""
    if "?" in url:
        url = url.partition("?")[0]
    cut = url.rfind(".")
    ext = url[cut + 1 :]
    promise = PROMISES.get(ext) or PROMISES.get(ext.lower())
    if promise is None:
        return None
    host = url.find("://")
    return promise if host < 0 or "/" in url[host + 3 : cut] else None


@lru_cache(maxsize=1024)
def promised_by_header(content_type: str) -> str | None:
    """The type that a Content-Type promises, if text of the web can never be of it."""
    media = media_type(content_type)
    if any(part in media for part in _TEXTUAL):
        return None
    is_binary = media.partition("/")[0] in _BINARY or _canonical(media) in _BINARY or media.startswith(_OFFICE)
    return media if is_binary else None


def _canonical(media: str) -> str:
    """A type in its usual spelling."""
    return type_for(extension_for(media)) or media


def is_broken(promise: str, start: bytes, headers: Mapping[str, str]) -> bool:
    """Whether the first bytes (SNIFFED, or the whole) are text of the web in spite of a promise.

    XML that the header calls by a name of its own is no answer in place of a file: SVG whose root stands far down,
    the manifest of a film. And a compressed file comes open where the server took the compression for a coding.
    """
    by_bytes = shown(start)
    if by_bytes not in WEB_TEXT:
        return False
    if by_bytes == "application/xml" and media_type(headers.get("content-type")).endswith("+xml"):
        return False
    return not (promise in _STREAMS and "content-encoding" in headers)
