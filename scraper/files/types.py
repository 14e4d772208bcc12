"""Media types: the extension a type has, the type that bytes show, and whether a rule can read a page.

Theory. Servers name types carelessly, bytes do not lie. `sniff` knows a format by its magic bytes (after
WHATWG MIME Sniffing, sections 6 and 7) and says nothing where it is not sure. `page_kind` tells what sort
of page a body is by its first bytes alone, and `readable_as` asks first that, and the header only where the
bytes leave it open: JSON under text/html is JSON, a fragment without doctype under text/html is HTML, an
error page under application/json is not JSON.
"""

import codecs
import json
import re
from collections.abc import Callable

# Subtype=extension, by top-level type (the IANA registry, and the names that servers used before it).
_BY_TOP = {
    "image": """
        jpeg=jpg jpg=jpg pjpeg=jpg png=png x-png=png apng=apng gif=gif webp=webp avif=avif heic=heic
        heif=heif bmp=bmp x-ms-bmp=bmp x-icon=ico vnd.microsoft.icon=ico tiff=tiff svg+xml=svg jxl=jxl
        jp2=jp2 vnd.adobe.photoshop=psd vnd.djvu=djvu
    """,
    "video": """
        mp4=mp4 x-m4v=m4v quicktime=mov x-matroska=mkv webm=webm x-msvideo=avi mpeg=mpg ogg=ogv 3gpp=3gp
        x-flv=flv x-ms-wmv=wmv mp2t=ts
    """,
    "audio": """
        mpeg=mp3 mp3=mp3 mp4=m4a x-m4a=m4a aac=aac ogg=ogg opus=opus flac=flac x-flac=flac wav=wav
        wave=wav x-wav=wav vnd.wave=wav aiff=aiff midi=mid webm=weba
    """,
    "application": """
        ogg=ogg vnd.apple.mpegurl=m3u8 x-mpegurl=m3u8 dash+xml=mpd pdf=pdf postscript=ps epub+zip=epub
        msword=doc rtf=rtf vnd.ms-excel=xls vnd.ms-powerpoint=ppt
        vnd.openxmlformats-officedocument.wordprocessingml.document=docx
        vnd.openxmlformats-officedocument.spreadsheetml.sheet=xlsx
        vnd.openxmlformats-officedocument.presentationml.presentation=pptx
        vnd.oasis.opendocument.text=odt vnd.oasis.opendocument.spreadsheet=ods
        vnd.oasis.opendocument.presentation=odp xhtml+xml=xhtml javascript=js x-javascript=js wasm=wasm
        json=json ld+json=jsonld geo+json=geojson x-ndjson=ndjson jsonl=jsonl xml=xml rss+xml=rss
        atom+xml=atom rdf+xml=rdf gpx+xml=gpx vnd.google-earth.kml+xml=kml vnd.google-earth.kmz=kmz
        yaml=yaml x-yaml=yaml toml=toml sql=sql vnd.sqlite3=sqlite vnd.apache.parquet=parquet x-hdf5=h5
        zip=zip x-zip-compressed=zip gzip=gz x-gzip=gz x-bzip2=bz2 x-xz=xz zstd=zst x-tar=tar
        x-7z-compressed=7z vnd.rar=rar x-rar-compressed=rar java-archive=jar
        vnd.android.package-archive=apk x-bittorrent=torrent
    """,
    "text": """
        vtt=vtt rtf=rtf plain=txt html=html css=css javascript=js csv=csv tab-separated-values=tsv
        markdown=md calendar=ics vcard=vcf json=json xml=xml
    """,
    "font": """
        ttf=ttf otf=otf woff=woff woff2=woff2
    """,
    "model": """
        gltf-binary=glb gltf+json=gltf stl=stl
    """,
}
_EXTENSIONS = {
    f"{top}/{subtype}": f".{ext}"
    for top, pairs in _BY_TOP.items()
    for subtype, ext in (pair.split("=") for pair in pairs.split())
}


def media_type(content_type: str | None) -> str:
    """The type of a Content-Type value, in lower case and without parameters; empty where there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def extension_for(content_type: str) -> str:
    """The extension of a Content-Type, with its dot; empty for unknown types and application/octet-stream."""
    return _EXTENSIONS.get(media_type(content_type), "")


# The first type of an extension is its type; these are written in more than one way.
_SPELLINGS = {"jpeg": "jpg", "jpe": "jpg", "jfif": "jpg", "tif": "tiff", "htm": "html", "mpeg": "mpg"}
_TYPES: dict[str, str] = {}
for _media, _ext in _EXTENSIONS.items():
    _TYPES.setdefault(_ext[1:], _media)
_TYPES |= {other: _TYPES[ext] for other, ext in _SPELLINGS.items()}


def type_for(ext: str) -> str:
    """The media type of an extension (`jpg`, `.JPG`); empty for unknown ones."""
    return _TYPES.get(ext.removeprefix(".").lower(), "")


# Offset, bytes, type. The longer comes first where one begins with another.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"II+\x00", "image/tiff"),  # BigTIFF
    (0, b"MM\x00+", "image/tiff"),
    (0, b"\x00\x00\x01\x00", "image/x-icon"),
    (0, b"\xff\x0a", "image/jxl"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"8BPS\x00\x01", "image/vnd.adobe.photoshop"),
    (0, b"AT&TFORM", "image/vnd.djvu"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"%!PS-Adobe-", "application/postscript"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"OggS\x00", "application/ogg"),
    (0, b"fLaC\x00\x00\x00", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"MThd\x00\x00\x00\x06", "audio/midi"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"OTTO\x00", "font/otf"),
    (0, b"\x00\x01\x00\x00\x00", "font/ttf"),
    (0, b"\x00asm", "application/wasm"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
    (0, b"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
    (0, b"glTF\x02\x00", "model/gltf-binary"),
    (0, b"\x7fELF", "application/x-executable"),
)
# By the first byte, in their order: every file of a fast run is looked at.
_ELSEWHERE = tuple(row for row in _MAGIC if row[0] > 0)
_BY_BYTE = {
    row[1][:1]: tuple(other for other in _MAGIC if other[0] > 0 or other[1][:1] == row[1][:1])
    for row in _MAGIC
    if row[0] == 0
}
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4V ": "video/x-m4v",
}
_COMPATIBLE = 16  # compatible brands that are looked at
# Some magic may also begin a text; a second look tells.
_SECOND_LOOK: dict[bytes, Callable[[bytes], bool]] = {
    b"BZh": lambda first: first[4:10] in (b"1AY&SY", b"\x17rE8P\x90"),
    b"ID3": lambda first: first[3:4] in (b"\x02", b"\x03", b"\x04"),
    b"PAR1": lambda first: first[4:5] in (b"\x15", b"\x19"),
}


def sniff(first: bytes) -> str | None:
    """The media type that the first bytes (512 are plenty) show, or None where they show none.

    After WHATWG MIME Sniffing, with the formats that files of today have beside. Text is told only where it
    is markup or surely JSON.
    """
    found = _magic(first)
    if found or first[:1] not in _TEXT_STARTS:
        return found
    return _MARKUP.get(_text_kind(_head(first)))


def _magic(first: bytes) -> str | None:
    for offset, magic, media in _BY_BYTE.get(first[:1], _ELSEWHERE):
        if first.startswith(magic, offset) and _SECOND_LOOK.get(magic, bool)(first):
            return media
    return _container(first)


def _container(first: bytes) -> str | None:
    """Formats whose type stands inside a common box."""
    if first.startswith(b"RIFF"):
        return _RIFF.get(first[8:12])
    if first[4:8] == b"ftyp":
        return _brand(first)
    if first.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in first[:64] else "video/x-matroska"
    if first.startswith(b"BM") and first[6:10] == bytes(4) and len(first) >= 14:
        return "image/bmp"
    return "audio/mpeg" if _mp3_frame(first) else None


def _brand(first: bytes) -> str:
    """The type by the major brand, or the first of the compatible ones that is known (ISO/IEC 14496-12 4.3)."""
    end = min(int.from_bytes(first[:4], "big"), len(first), 16 + 4 * _COMPATIBLE)
    brands = (first[at : at + 4] for at in (8, *range(16, end - 3, 4)))
    return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), "video/mp4")


def _mp3_frame(first: bytes) -> bool:
    """An MPEG audio layer III frame header (ISO 11172-3 2.4.1.3) without a tag before it."""
    if len(first) < 4 or first[0] != 0xFF or first[1] & 0xE6 != 0xE2 or first[1] & 0x18 == 0x08:
        return False
    return 0x10 <= first[2] & 0xF0 < 0xF0 and first[2] & 0x0C != 0x0C


_HEAD_BYTES = 4096
# UTF-32-LE begins as UTF-16-LE does.
_UTF16_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_LEAD = "\ufeff \t\r\n\f"
_TAGS = (
    "html|head|script|iframe|h[1-6]|div|font|table|a|style|title|b|body|br|p|main|section|article"
    "|header|footer|nav|ul|ol|li|span|img|form|meta|link|pre|dl|tr|td|strong|em|i"
    "|figure|aside|center|input|button|select|option|noscript|base|hr|label"
)
_PROLOG = re.compile(
    r"(?:\s*+(?:<\?[^>]*+>|<!--(?:[^-]|-(?!->))*+-->"
    r"|<!doctype\s++(?!html)[^>\[]*+(?:\[[^\]]*+\]\s*+)?>))*+\s*+",
    re.I,
)
_WORD = r"(?:-?\d[\d.eE+-]*|true|false|null)"
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("html", re.compile(rf"<!doctype\s+html[\s>]|<(?:{_TAGS})(?:[\s>]|/>)", re.I)),
    ("feed", re.compile(r"<(?:rss|(?:\w+:)?feed|rdf:rdf)[\s>]", re.I)),
    ("svg", re.compile(r"<(?:svg:)?svg[\s>]|<!doctype\s+svg", re.I)),
    ("markup", re.compile(r"</?[a-z_][\w.:-]*[\s/>]|<!--|<!doctype\s", re.I)),
    ("json", re.compile(rf'\{{\s*(?:["}}]|\Z)|\[\s*(?:[\[{{"\]]|\Z|{_WORD}\s*(?:[,\]]|\Z))')),
    ("scalar", re.compile(r'"|-?\d|(?:true|false|null)\s*\Z')),
)
# A bracket, white space, or the first byte of UTF-16, of UTF-32, or of a byte order mark. Not an empty text.
_TEXT_STARTS = frozenset(bytes((byte,)) for byte in b"<{[ \t\r\n\f\0\xef\xfe\xff")
_MARKUP = {
    "html": "text/html",
    "xhtml": "application/xhtml+xml",
    "feed": "application/xml",
    "xml": "application/xml",
    "svg": "image/svg+xml",
    "json": "application/json",
}


def _head(first: bytes) -> str:
    """The first characters as UTF-8, or as UTF-16 or UTF-32 where a mark or zeros show it."""
    first = first[:_HEAD_BYTES]
    return first.decode(json.detect_encoding(first), errors="replace").lstrip(_LEAD)


def _text_kind(head: str) -> str:
    """What a text is by its root, comments and declarations skipped; empty where that shows nothing."""
    declared = head[:5].lower() == "<?xml"
    prolog = _PROLOG.match(head)
    root = head[prolog.end() if prolog else 0 :]
    kind = next((kind for kind, shape in _KINDS if shape.match(root)), "")
    if declared:
        return {"html": "xhtml", "feed": "feed", "svg": "svg"}.get(kind, "xml")
    return kind


def page_kind(first: bytes) -> str:
    """What a body is by its first bytes (a few hundred; 4096 are looked at).

    One of empty, binary, html, xhtml, feed, svg, xml, markup (a tag that is none of HTML's), json, scalar
    (may be a JSON number, string or word) and text (nothing of these).
    """
    if _magic(first):
        return "binary"
    head = _head(first)
    if not head:
        return "empty"
    zeros = b"\0" in first[:_HEAD_BYTES] and not first.startswith(_UTF16_32)
    return _text_kind(head) or ("binary" if zeros else "text")


def _is_html(media: str) -> bool:
    return media in ("text/html", "application/xhtml+xml")


def _is_xml(media: str) -> bool:
    return media in ("text/xml", "application/xml") or media.endswith("+xml")


def _is_json(media: str) -> bool:
    return media.endswith(("/json", "+json", "/javascript", "/x-javascript"))


def _silent(media: str) -> bool:
    """The header says nothing that counts: none, plain text, or bytes."""
    return media in ("", "text/plain", "application/octet-stream", "binary/octet-stream")


def _always(media: str) -> bool:
    return True


_TEXTS = ("html", "xhtml", "xml", "feed", "svg", "markup", "json", "scalar", "text", "empty")

# What each `read:` takes: kind by bytes -> whether the header allows it. A kind that is missing is not taken.
_READABLE: dict[str, dict[str, Callable[[str], bool]]] = {
    "html": {
        "html": _always,
        "xhtml": _always,
        "xml": _is_html,
        "markup": lambda media: _is_html(media) or _silent(media),
        "svg": _is_html,
        "scalar": lambda media: _is_html(media) or not media,
        "text": lambda media: _is_html(media) or not media,
        "empty": lambda media: _is_html(media) or not media,
    },
    "json": {"json": _always, "scalar": _is_json},
    "xml": {
        "xml": _always,
        "xhtml": _always,
        "feed": _always,
        "svg": _always,
        "markup": _always,
        "html": _is_xml,
    },
    "feed": {"feed": _always, "xml": _always, "json": _always, "markup": lambda media: not _is_html(media)},
    "text": dict.fromkeys(_TEXTS, _always),
}


def readable_as(read: str, first: bytes, content_type: str | None) -> bool:
    """Whether a rule with this `read:` (html json xml feed text) can read the body (JOBS.md, Pages).

    By the first bytes, then the header; byte order marks and leading white space count for nothing. An
    empty body is neither JSON nor XML nor a feed.
    """
    allowed = _READABLE[read].get(page_kind(first))
    return allowed is not None and allowed(media_type(content_type))
