"""Bytes of a page to text, in the encoding a browser would find.

Theory. WHATWG HTML 13.2.3: a byte order mark outranks the header's charset, that outranks what the first
1024 bytes declare (`<meta charset>`, `<meta http-equiv>`, an XML declaration). Where nothing is declared,
bytes that are UTF-8 are UTF-8, and everything else is windows-1252, as browsers of the West have it. Labels
are those of the WHATWG Encoding Standard: what calls itself latin1 or ascii is windows-1252, gb2312 is
GB18030, shift_jis is what Windows made of it. Bad bytes become U+FFFD and never raise.

U+FDD0 to U+FDEF are noncharacters "for internal use" (Unicode 23.7), and this program uses them: as the
fences of secret marks and in names. None may come from outside, so every way in ends in `defuse`, and text
that is still to be parsed loses the escapes of its language for them too. (A parser can still make one from
pieces, as percent signs written as references; who gives parsed values on calls `defuse` on them again.)
"""

import codecs
import json
import re
import string
from collections.abc import Iterator

_SINGLE = {
    "ibm866": "866 cp866 csibm866 ibm866",
    "iso8859-2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
    "iso8859-3": "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3",
    "iso8859-4": "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4",
    "iso8859-5": "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988",
    "iso8859-6": "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e "
    "iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987",
    "iso8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 "
    "iso_8859-7 iso_8859-7:1987 sun_eu_greek",
    "iso8859-8": "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 "
    "iso_8859-8 iso_8859-8:1988 visual csiso88598i iso-8859-8-i logical",
    "iso8859-10": "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso8859-15": "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9",
    "iso8859-16": "iso-8859-16",
    "koi8-r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8-u": "koi8-ru koi8-u",
    "mac-roman": "csmacintosh mac macintosh x-mac-roman",
    "cp874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
    "cp1250": "cp1250 windows-1250 x-cp1250",
    "cp1251": "cp1251 windows-1251 x-cp1251",
    "cp1252": "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 "
    "iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252 x-user-defined",
    "cp1253": "cp1253 windows-1253 x-cp1253",
    "cp1254": "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 "
    "latin5 windows-1254 x-cp1254",
    "cp1255": "cp1255 windows-1255 x-cp1255",
    "cp1256": "cp1256 windows-1256 x-cp1256",
    "cp1257": "cp1257 windows-1257 x-cp1257",
    "cp1258": "cp1258 windows-1258 x-cp1258",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
}
_MULTI = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "gb18030": "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc_jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso2022_jp": "csiso2022jp iso-2022-jp",
    "cp932": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
    "cp949": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 "
    "ksc_5601 windows-949",
    "utf-16-be": "unicodefffe utf-16be",
    "utf-16-le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
}
#: Label of the Encoding Standard (section 4.2, without the labels of "replacement") -> Python's codec.
LABELS = {label: codec for table in (_SINGLE, _MULTI) for codec, labels in table.items() for label in labels.split()}

#: The Encoding Standard's name where it is not the codec's own.
_NAMES = {
    "cp874": "windows-874",
    "gb18030": "gb18030",
    "big5hkscs": "big5",
    "euc_jp": "euc-jp",
    "iso2022_jp": "iso-2022-jp",
    "cp932": "shift_jis",
    "cp949": "euc-kr",
    "mac-roman": "macintosh",
    "mac-cyrillic": "x-mac-cyrillic",
    "utf-16-be": "utf-16be",
    "utf-16-le": "utf-16le",
    **{f"cp{n}": f"windows-{n}" for n in range(1250, 1259)},
    **{codec: codec.replace("iso8859", "iso-8859") for codec in _SINGLE if codec.startswith("iso8859")},
}
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF16_LE, "utf-16-le"))
_WHITE = "\t\n\f\r "
_PRESCAN = 1024  # bytes, HTML 13.2.3.2: where a declaration must stand

_OURS = re.compile("[\ufdd0-\ufdef]")
_QUOTED = re.compile("%EF%B7%[9A][0-9A-F]", re.I)
# The same as HTML character references (64976..65007), and as JSON escapes whose backslash is not escaped.
_REFERENCES = re.compile(
    r"&#(?:x0*+fd[de][0-9a-f](?![0-9a-f])|0*+(?:6497[6-9]|649[89]\d|6500[0-7])(?!\d))", re.I | re.A
)
_ESCAPES = re.compile(r"(?<!\\)((?:\\\\)*+)\\ufd[de][0-9a-f]", re.I)


def defuse(text: str) -> str:
    """The text with U+FDD0..U+FDEF, raw and percent-encoded, replaced by U+FFFD."""
    if not text.isascii():
        text = _OURS.sub("\ufffd", text)
    return _QUOTED.sub("%EF%BF%BD", text) if "%" in text else text


def defuse_html(text: str) -> str:
    """`defuse` for markup that is still to be parsed: character references of these code points too."""
    return _REFERENCES.sub("&#xfffd", defuse(text))


def defuse_json(text: str) -> str:
    """`defuse` for JSON that is still to be parsed: `\\u` escapes of these code points too."""
    return _ESCAPES.sub(r"\1\\ufffd", defuse(text))


def codec_of(label: str) -> str | None:
    """Python's codec for an encoding label, as the Encoding Standard matches labels; None for unknown
    ones.
    """
    return LABELS.get(label.strip(_WHITE).lower())


def _whatwg(error: UnicodeError) -> tuple[str, int]:
    """Bytes 0x80 to 0x9F that a single-byte code page leaves open are C1 controls on the web, other ones
    U+FFFD.
    """
    assert isinstance(error, UnicodeDecodeError)
    bad = error.object[error.start : error.end]
    return "".join(chr(b) if 0x80 <= b <= 0x9F else "\ufffd" for b in bad), error.end


codecs.register_error("scraper-whatwg", _whatwg)


def _decoded(body: bytes, codec: str) -> str:
    return body.decode(codec, errors="scraper-whatwg" if codec in _SINGLE else "replace")


def decode_html(body: bytes, content_type: str | None) -> tuple[str, str]:
    """The text of an HTML page and the name of its encoding as the Encoding Standard has it; never raises."""
    codec, skip = _marked(body)
    codec = codec or _of_header(content_type) or _declared(body[:_PRESCAN]) or _guessed(body)
    return defuse_html(_decoded(body[skip:], codec)), _NAMES.get(codec, codec)


def decode_text(body: bytes, content_type: str | None) -> str:
    """Plain text by its byte order mark, its header's charset, else UTF-8 or windows-1252; never raises."""
    codec, skip = _marked(body)
    return defuse(_decoded(body[skip:], codec or _of_header(content_type) or _guessed(body)))


def decode_json(body: bytes, content_type: str | None = None) -> str:
    """JSON text: UTF-8 (RFC 8259 8.1), or UTF-16 and UTF-32 by mark or by zeros (RFC 4627 3); never raises.

    Bytes that are none of these are read by the header's charset if it names one.
    """
    codec: str = json.detect_encoding(body)
    if codec.startswith("utf-8") and not _is_utf8(body):
        codec = _of_header(content_type) or codec
    return defuse_json(_decoded(body, codec))


def decode_xml(body: bytes, content_type: str | None) -> str:
    """XML as RFC 7303 3.2 has it: by its byte order mark, the header's charset, its declaration; never raises.

    UTF-16 and UTF-32 without a mark show by their zeros (XML 1.0, appendix F); bytes that nothing tells are UTF-8, or
    where they cannot be, windows-1252.
    """
    codec: str = json.detect_encoding(body)
    if codec == "utf-8":
        start = body[:_PRESCAN].lstrip().decode("latin-1")
        codec = _of_header(content_type) or _bytewise(_xml_codec(start)) or _guessed(body)
    return defuse_html(_decoded(body, codec))


def _bytewise(declared: str | None) -> str | None:
    """A page that a byte-wise scan can read is not UTF-16, whatever it says."""
    return "utf-8" if declared and declared.startswith("utf-16") else declared


def _marked(body: bytes) -> tuple[str | None, int]:
    return next(((codec, len(bom)) for bom, codec in _BOMS if body.startswith(bom)), (None, 0))


def _guessed(body: bytes) -> str:
    return "utf-8" if _is_utf8(body) else "cp1252"


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


_CHARSET = re.compile(r"charset[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"([^\"]*)\"|'([^']*)'|([^\s;\"']+))", re.I)


def _charset_in(text: str) -> str | None:
    """The codec that `charset=` names in a Content-Type or a meta element's content (HTML 2.5.4,
    extracting).
    """
    found = _CHARSET.search(text)
    return codec_of(next(filter(None, found.groups()), "")) if found else None


def _of_header(content_type: str | None) -> str | None:
    return _charset_in(content_type or "")


def _declared(start: bytes) -> str | None:
    """What the first bytes of an HTML page declare (HTML 13.2.3.2, prescan)."""
    for begin, codec in ((b"<\0?\0x\0", "utf-16-le"), (b"\0<\0?\0x", "utf-16-be")):
        if start.startswith(begin):
            return codec
    text = start.decode("latin-1")
    declared = next(filter(None, map(_meta_codec, _metas(text))), None) or _xml_codec(text)
    return _bytewise(declared)


_TAG = re.compile(r"</?[A-Za-z][^\t\n\f\r />]*+")
_META = re.compile(r"<meta(?=[\t\n\f\r /])", re.I)
_ATTRIBUTE = re.compile(
    r"[\t\n\f\r /]*+([^\t\n\f\r />=][^\t\n\f\r />=]*+|=[^\t\n\f\r />=]*+)"
    r"(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\t\n\f\r >\"'][^\t\n\f\r >]*+))?)?"
)
_XML = re.compile(r"<\?xml[^>]*?encoding[\t\n\f\r ]*=[\t\n\f\r ]*(?:\"([^\">]*)\"|'([^'>]*)')")


def _metas(text: str) -> Iterator[dict[str, str]]:
    """The attributes of each meta element, comments and other tags stepped over."""
    at = text.find("<")
    while at >= 0:
        if text.startswith("<!--", at):
            end = text.find("-->", at + 2)
            at = end + 3 if end >= 0 else len(text)
        elif tag := _TAG.match(text, at):
            attributes, at = _attributes(text, tag.end())
            if _META.match(text, tag.start()):
                yield attributes
        elif text.startswith(("<!", "</", "<?"), at):
            end = text.find(">", at)
            at = end if end >= 0 else len(text)
        else:
            at += 1
        at = text.find("<", at)


def _attributes(text: str, at: int) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    while attribute := _ATTRIBUTE.match(text, at):
        value = next((group for group in attribute.groups()[1:] if group is not None), "")
        found.setdefault(attribute[1].lower(), value)
        at = attribute.end()
    return found, at


def _meta_codec(attributes: dict[str, str]) -> str | None:
    if "charset" in attributes:
        return codec_of(attributes["charset"])
    if attributes.get("http-equiv", "").strip(string.whitespace).lower() == "content-type":
        return _charset_in(attributes.get("content", ""))
    return None


def _xml_codec(text: str) -> str | None:
    found = _XML.match(text)
    return codec_of(found[1] or found[2] or "") if found else None
